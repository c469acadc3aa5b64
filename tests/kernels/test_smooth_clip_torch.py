"""Smooth-and-clip on a device: the bits of the compiled kernel, whatever the tiles, with little memory or much.

Torch does on the processor what it would do on a GPU; tests that need a real one are skipped without it.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from test_smooth_clip import FINDER, cube_with_everything, meta_of, noise_of

from tessellar.errors import DeviceMemoryError
from tessellar.kernels import smooth_clip_device
from tessellar.kernels.detect import NEGATIVE, POSITIVE
from tessellar.kernels.detected import DetectedVoxels, dense, runs_of
from tessellar.kernels.devices import TORCH_CPU, count_gpus
from tessellar.kernels.noise import NoiseModel
from tessellar.kernels.noise_lattice import NoiseLattice
from tessellar.kernels.runs import extract_runs
from tessellar.kernels.smooth_clip import CalibratedFinder, SmoothAndClip
from tessellar.kernels.smooth_clip_device import NARROWEST, DeviceFinder, brought_down
from tessellar.model import Patch
from tessellar.tiling.box import Box, Shape
from tessellar.tiling.grid import Grid

needs_gpu = pytest.mark.skipif(count_gpus() == 0, reason="needs a GPU that torch sees")
DEVICES = [TORCH_CPU, pytest.param("cuda", marks=needs_gpu)]
RECIPES = [
    FINDER,
    SmoothAndClip(threshold=3.0),
    SmoothAndClip(kernels_xy=(4,), kernels_z=(5, 9), threshold=4.0),
    SmoothAndClip(kernels_xy=(0,), kernels_z=(0,), threshold=3.0),
]


def calibrated(recipe: SmoothAndClip, shape: Shape, seed: int) -> tuple[CalibratedFinder, np.ndarray]:
    rng = np.random.default_rng(seed)
    cube = cube_with_everything(shape, rng)
    cube[rng.random(shape) < 0.01] = np.nan
    sigma = rng.uniform(0.5, 2.0, (len(recipe.widths_xy), recipe.radii.size)).astype(np.float32)
    return CalibratedFinder(recipe, noise_of(shape, rng), sigma), cube


def whole(cube: np.ndarray) -> Patch:
    return Patch(cube, Box.of_shape(cube.shape), Box.of_shape(cube.shape))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize(
    ("shape", "core"), [((20, 33, 70), (7, 20, 31)), ((9, 17, 65), (9, 17, 8)), ((5, 4, 3), (2, 3, 1))]
)
def test_the_mask_is_that_of_the_compiled_kernel(
    shape: Shape, core: Shape, recipe: SmoothAndClip, device: str
) -> None:
    finder, cube = calibrated(recipe, shape, seed=sum(shape))
    expected = finder(whole(cube))
    there = finder.prepare(meta_of(shape), device)
    assert isinstance(there, DeviceFinder)
    assert np.array_equal(there(whole(cube)), expected)
    made = np.full(shape, 255, np.uint8)
    for tile in Grid(shape, core, recipe.halo(meta_of(shape))):
        patch = Patch(cube[tile.read.slices()], tile.read, tile.core)  # a view, as no reader gives it
        made[tile.core.slices()] = there(patch)
    assert np.array_equal(made, expected)
    assert expected.any()


@pytest.mark.parametrize("device", DEVICES)
def test_every_smoothed_value_has_the_same_last_bit(device: str) -> None:
    """At each scale, the threshold at which one voxel drops out is found to the last bit, and is the same."""
    shape, recipe = (19, 21, 23), SmoothAndClip(threshold=1.0, replacement=1.0)
    rng = np.random.default_rng(3)
    cube = (rng.normal(size=shape) + 1).astype(np.float32)
    noise = NoiseModel(
        NoiseLattice(shape), rng.uniform(3, 5, shape[0]).astype(np.float32), np.full((1, 1), 1.13, np.float32)
    )
    place = (9, 10, 11)
    voxel = Box(place, (10, 11, 12))
    patch = Patch(cube, Box.of_shape(shape), voxel)

    def detects(scale: tuple[int, int], bits: int) -> tuple[CalibratedFinder, bool]:
        sigma = np.full((3, 4), np.inf, np.float32)
        sigma[scale] = np.uint32(bits).view(np.float32)
        finder = CalibratedFinder(recipe, noise, sigma)
        return finder, bool(finder(patch).any())

    for scale in np.ndindex(3, 4):
        low, high = (int(np.float32(value).view(np.uint32)) for value in (1e-3, 1e3))
        assert detects(scale, low)[1]
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if detects(scale, middle)[1] else (low, middle)
        for bits, seen in ((low, True), (high, False)):
            there = DeviceFinder(detects(scale, bits)[0], device)
            assert bool(there(patch).any()) is seen


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("where", ["upload", "compute"])
def test_a_tile_that_finds_no_room_is_done_by_halves(
    where: str, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    finder, cube = calibrated(FINDER, (12, 20, 90), seed=5)
    there = DeviceFinder(finder, device)
    cores: list[int] = []

    def full_twice(original, width):
        def call(*given, **more):
            cores.append(width(*given))
            if len(cores) <= 2:
                raise torch.cuda.OutOfMemoryError("CUDA out of memory")
            return original(*given, **more)

        return call

    if where == "upload":
        monkeypatch.setattr(there._lane, "send", full_twice(there._lane.send, lambda voxels: voxels.shape[2]))
    else:
        full = full_twice(smooth_clip_device.detection_mask, lambda _, core, *__: core.shape[2])
        monkeypatch.setattr(smooth_clip_device, "detection_mask", full)
    assert np.array_equal(there(whole(cube)), finder(whole(cube)))
    halo = FINDER.halo(meta_of(cube.shape)).before[2] if where == "upload" else 0
    assert cores == [90, 45 + halo, 22 + halo, 23 + 2 * halo, 45 + halo]


def test_a_device_without_any_room_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    finder, cube = calibrated(FINDER, (5, 6, 2 * NARROWEST), seed=5)
    there = DeviceFinder(finder, TORCH_CPU)
    tries: list[int] = []

    def full(*given):
        tries.append(1)
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(smooth_clip_device, "detection_mask", full)
    with pytest.raises(DeviceMemoryError, match=r"no room for a tile.*Use a smaller --tile, fewer --workers"):
        there(whole(cube))
    assert len(tries) == 2  # the tile and its first half


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=needs_gpu)])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 1.0])
def test_what_comes_down_is_the_mask(share: float, device: str) -> None:
    rng = np.random.default_rng(2)
    mask = (rng.integers(1, 4, (5, 7, 9)) * (rng.random((5, 7, 9)) < share)).astype(np.uint8)
    if share == 1.0:
        assert (mask > 0).all()
    down = brought_down(torch.from_numpy(mask).to(device))
    assert isinstance(down, DetectedVoxels) is (share < 0.05)
    assert np.array_equal(dense(down), mask)
    assert dense(down).dtype == np.uint8


@pytest.mark.parametrize("share", [0.0, 0.1, 0.7, 1.0])
def test_runs_of_listed_voxels_are_those_of_the_mask(share: float) -> None:
    rng = np.random.default_rng(4)
    mask = (rng.integers(1, 4, (4, 5, 6)) * (rng.random((4, 5, 6)) < share)).astype(np.uint8)
    places = np.flatnonzero(mask)
    listed = DetectedVoxels(mask.shape, places, mask.reshape(-1)[places])
    for bit in (POSITIVE, NEGATIVE):
        expected = extract_runs(mask, bit, (10, 20, 30))
        assert np.array_equal(runs_of(listed, bit, (10, 20, 30)), expected)
        assert np.array_equal(runs_of(mask, bit, (10, 20, 30)), expected)
        assert runs_of(listed, bit, (10, 20, 30)).dtype == expected.dtype


def test_the_memory_that_is_planned_covers_what_torch_holds() -> None:
    """Counted on the processor by torch's profiler, which sees every tensor come and go."""
    recipe = SmoothAndClip()
    finder, cube = calibrated(recipe, (24, 40, 48), seed=1)
    there = DeviceFinder(finder, TORCH_CPU)
    there(whole(cube))
    with torch.profiler.profile(
        activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True
    ) as seen:
        there(whole(cube))
    held = most = 0
    for event in seen.profiler.kineto_results.events():
        if event.name() == "[memory]":
            held += event.nbytes()
            most = max(most, held)
    planned = recipe.memory_on_gpu(cube.shape).device
    assert 0.5 * planned < most + 2 * cube.nbytes < planned


@needs_gpu
def test_the_memory_that_is_planned_covers_what_a_gpu_holds() -> None:
    recipe = SmoothAndClip()
    finder, cube = calibrated(recipe, (64, 128, 160), seed=1)
    there = DeviceFinder(finder, "cuda")
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    for _ in range(3):
        there.mask(there.upload(cube), Box.of_shape(cube.shape), Box.of_shape(cube.shape))
    assert torch.cuda.max_memory_reserved() < recipe.memory_on_gpu(cube.shape).device + 64 * 2**20
