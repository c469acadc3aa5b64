"""The law for networks: whatever the tiles, a voxel has the same bits; and blanks stay blank."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from network.small import CALIBRATION, SMALL, by_tiles, meta_of, some_cube, some_weights, whole, write_network

from tessellar.kernels.network.architecture import Architecture
from tessellar.kernels.network.lattice import PatchLattice
from tessellar.kernels.network.runner import as_tensors
from tessellar.kernels.network.unet import UNet
from tessellar.model import Patch
from tessellar.tiling.box import Box

SHAPE = (21, 40, 37)
TILINGS = [(21, 40, 37), (8, 16, 16), (16, 40, 12), (5, 13, 19), (20, 7, 37)]


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> UNet:
    return UNet(weights=str(write_network(tmp_path_factory.mktemp("network"))), side=16)


def test_every_tiling_gives_the_same_bits(kernel: UNet) -> None:
    voxels, noise = some_cube(SHAPE)
    results = [by_tiles(kernel, voxels, noise, core) for core in TILINGS]
    assert np.isfinite(results[0]).any()
    for result in results[1:]:
        assert result.tobytes() == results[0].tobytes()


def test_every_tiling_gives_the_same_bits_where_voxels_are_folded(tmp_path: Path) -> None:
    design = Architecture(base=16, levels=2, fold=2, depth=1, join="add")
    kernel = UNet(weights=str(write_network(tmp_path, design)), side=16)
    voxels, noise = some_cube(SHAPE)
    results = {by_tiles(kernel, voxels, noise, core).tobytes() for core in (SHAPE, (5, 40, 19))}
    assert len(results) == 1


def test_patches_cut_a_cube_evenly() -> None:
    lattice = PatchLattice.of_cube((192, 130, 1000), 128, 24, 4)
    assert lattice.answer_shape == (96, 68, 128)
    assert lattice.patch_shape == (144, 116, 176)
    assert lattice.computed((96, 130, 1000)) == pytest.approx(136 / 130 * 1024 / 1000)


def test_bfloat16_keeps_the_law_and_stays_close(kernel: UNet) -> None:
    voxels, noise = some_cube(SHAPE)
    fast = replace(kernel, weights=kernel.weights, precision="bfloat16")
    results = [by_tiles(fast, voxels, noise, core) for core in TILINGS[:3]]
    for result in results[1:]:
        np.testing.assert_allclose(result / noise, results[0] / noise, atol=1e-3)
    exact = by_tiles(kernel, voxels, noise, SHAPE)
    assert 0 < np.nanmax(np.abs(results[0] - exact)[0] / noise) < 0.1


def test_a_batch_with_others_changes_nothing_that_matters(kernel: UNet) -> None:
    voxels, noise = some_cube(SHAPE)
    one = by_tiles(kernel, voxels, noise, SHAPE)
    for size in (2, 5):
        many = by_tiles(replace(kernel, weights=kernel.weights, batch=size), voxels, noise, SHAPE)
        np.testing.assert_allclose(many / noise, one / noise, atol=1e-6)
    full = replace(kernel, weights=kernel.weights, batch=3)
    assert (
        by_tiles(full, voxels, noise, (8, 16, 16)).tobytes() == by_tiles(full, voxels, noise, SHAPE).tobytes()
    )


def test_it_is_the_network_on_the_whole_cube_at_once(kernel: UNet) -> None:
    voxels, noise = some_cube(SHAPE)
    padded = np.zeros(
        (1, 1, 40, 56, 56), np.float32
    )  # eight voxels of nothing before, and up to a multiple of 2 behind
    ratio = np.where(np.isfinite(voxels), voxels / noise, 0)
    padded[0, 0, 8:29, 8:48, 8:45] = ratio
    with torch.inference_mode():
        answer = SMALL.network(as_tensors(some_weights(), "cpu"))(torch.from_numpy(padded))
    mean, _, log_variance = answer[0, :, 8:29, 8:48, 8:45].numpy()
    deviation = np.exp(
        0.5 * (CALIBRATION.log_variance_slope * log_variance + CALIBRATION.log_variance_offset)
    )
    blank = ~np.isfinite(voxels)
    found = by_tiles(kernel, voxels, noise, (16, 16, 16))
    for ours, theirs in zip(found, (mean, deviation), strict=True):
        np.testing.assert_allclose((ours / noise)[~blank], theirs[~blank], atol=1e-6)
        assert np.isnan(ours[blank]).all()


def test_the_probability_is_the_calibrated_logit(kernel: UNet) -> None:
    voxels, noise = some_cube(SHAPE)
    run = kernel.prepare(meta_of(SHAPE), "cpu")
    probability = run.probability(whole(voxels), noise)
    raw = run._answer(whole(voxels), noise)[0][1]
    wanted = 1 / (1 + np.exp(-(CALIBRATION.mask_slope * raw + CALIBRATION.mask_offset)))
    seen = np.isfinite(voxels)
    np.testing.assert_allclose(probability[seen], wanted[seen], rtol=1e-6)
    assert (probability[~seen] == 0).all()


def test_unknown_noise_and_empty_patches_are_blank(kernel: UNet) -> None:
    voxels, noise = some_cube(SHAPE)
    noise[:2], noise[2], noise[:, 20] = 0, np.nan, -1
    found = by_tiles(kernel, voxels, noise, (8, 16, 16))
    assert np.isnan(found[:, :3]).all()
    assert np.isnan(found[:, :, 20]).all()
    assert np.isfinite(found[:, 8:, 1:20]).all()
    nothing = by_tiles(kernel, np.full(SHAPE, np.nan, np.float32), noise, SHAPE)
    assert np.isnan(nothing).all()


def test_the_unit_of_the_cube_passes_through(kernel: UNet) -> None:
    voxels, noise = some_cube(SHAPE)
    scaled = by_tiles(kernel, voxels * np.float32(1024), noise * np.float32(1024), SHAPE)
    assert scaled.tobytes() == (by_tiles(kernel, voxels, noise, SHAPE) * np.float32(1024)).tobytes()


def test_a_core_without_its_halo_would_differ(kernel: UNet) -> None:
    voxels, noise = some_cube(SHAPE)
    right = by_tiles(kernel, voxels, noise, SHAPE)
    core = Box((0, 8, 8), (21, 24, 24))
    cut = Patch(np.ascontiguousarray(voxels[core.slices()]), core, core)
    run = kernel.prepare(meta_of(SHAPE), "cpu")
    wrong = run(cut, np.ascontiguousarray(noise[core.slices()]))
    part = (slice(None), *core.slices())
    assert np.nanmax(np.abs(wrong - right[part])[0] / noise[core.slices()]) > 1e-3


def test_halo_and_memory(kernel: UNet) -> None:
    assert kernel.halo(meta_of((5, 100, 100))).before == (5, 10, 10)
    assert kernel.memory((64, 64, 64)).host > 64**3 * 4
    assert (kernel.name, kernel.outputs) == ("unet", ("denoised", "uncertainty"))


def test_the_recipe_names_all_that_decides(kernel: UNet, tmp_path: Path) -> None:
    copy = UNet(weights=str(write_network(tmp_path)), side=16)
    assert repr(copy) == repr(kernel)
    assert copy == kernel
    assert hash(copy) == hash(kernel)
    assert str(tmp_path) not in repr(copy)
    assert repr(replace(copy, weights=copy.weights, precision="bfloat16")) != repr(copy)
