"""The noise model: a spectrum times a map, blind to sources, anchored to the cube."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tessellar.kernels.channel_noise import BIN_SHIFT, MAD_TO_SIGMA, part_sigmas
from tessellar.kernels.noise import NoiseModel, separate
from tessellar.kernels.noise_lattice import NoiseLattice
from tessellar.tiling.box import Box, Shape


def channel_sigmas(voxels: np.ndarray) -> np.ndarray:
    return part_sigmas(voxels, (0, 0), voxels.shape[1:])[0]


def model_of(cube: np.ndarray) -> NoiseModel:
    lattice = NoiseLattice(cube.shape)
    sigmas = np.full((cube.shape[0], *lattice.cells), np.nan, np.float32)
    for unit in range(len(lattice)):
        for cell in lattice.unit_cells(unit):
            box = lattice.sample(unit, cell)
            channels = slice(box.start[0], box.stop[0])
            sigmas[channels, cell[0], cell[1]] = channel_sigmas(np.ascontiguousarray(cube[box.slices()]))
    return separate(lattice, sigmas, ~np.isfinite(cube).any(axis=(1, 2)))


def factors(shape: Shape) -> tuple[np.ndarray, np.ndarray]:
    spectral = 1.0 + 0.5 * np.sin(np.arange(shape[0]) / 7.0)
    x = np.linspace(-1, 1, shape[1])[:, None]
    y = np.linspace(-1, 1, shape[2])[None, :]
    return spectral, 1.0 + x**2 + 0.5 * y**2


def test_both_factors_are_recovered_under_bright_sources_and_blanks() -> None:
    shape = (60, 160, 192)
    spectral, spatial = factors(shape)
    rng = np.random.default_rng(3)
    cube = (rng.normal(size=shape) * spectral[:, None, None] * spatial[None]).astype(np.float32)
    cube[10:40, 60:100, 60:110] += 50  # a galaxy over half of the channels
    cube[20] += 0.0
    cube[30:33] = np.nan
    cube[:, :40, :40] = np.nan
    noise = model_of(cube)
    box = Box.of_shape(shape)
    sigma = 1.0 / (noise.inverse_channel(box)[40:, None, None] * noise.inverse_sky(box)[None])
    true = spectral[40:, None, None] * spatial[None]
    inner = (slice(None), slice(16, -16), slice(16, -16))
    assert np.abs(sigma / true - 1.0)[inner].mean() < 0.06
    assert (noise.inverse_channel(box)[30:33] == 0).all()
    ratio = noise.spectral / spectral
    assert np.nanstd(ratio[ratio > 0]) / np.median(ratio) < 0.05


def test_estimate_is_that_of_a_gaussian() -> None:
    voxels = np.random.default_rng(0).normal(scale=3.0, size=(4, 200, 200)).astype(np.float32)
    assert channel_sigmas(voxels) == pytest.approx(3.0, rel=0.03)


def test_median_is_that_of_the_sorted_values() -> None:
    voxels = np.random.default_rng(1).lognormal(sigma=3.0, size=(20, 30, 30)).astype(np.float32)
    exact = np.median(voxels, axis=(1, 2))
    assert channel_sigmas(-voxels) == pytest.approx(1.4826022 * exact, rel=0.02)
    assert np.isnan(channel_sigmas(voxels)).all()


def test_bins_hold_each_negative_number_once() -> None:
    voxels = np.random.default_rng(2).normal(size=(3, 9, 31)).astype(np.float32)
    voxels[0, :, 4:] = np.nan
    voxels[1, :4] = [[-np.inf] * 31, [np.inf] * 31, [0.0] * 31, [-0.0] * 31]
    voxels[2, 0, 0] = -1e-42
    for z, sigma in enumerate(channel_sigmas(voxels)):
        sizes = np.sort(-voxels[z][(voxels[z] < 0) & np.isfinite(voxels[z])])
        keys = sizes.view(np.int32) >> BIN_SHIFT
        key = keys[(len(keys) - 1) // 2]  # the half lies within its bin
        below, inside = (keys < key).sum(), (keys == key).sum()
        low, high = (float(np.int32(number << BIN_SHIFT).view(np.float32)) for number in (key, key + 1))
        median = low + (high - low) * (len(keys) / 2 - below) / inside
        assert sigma == np.float32(float(MAD_TO_SIGMA) * median)


def test_a_part_of_the_sky_is_as_if_it_were_alone() -> None:
    voxels = np.random.default_rng(2).normal(size=(4, 40, 50)).astype(np.float32)
    voxels[1] = np.nan
    voxels[2, 7:31, 11:40] = np.nan
    voxels[3] = np.inf
    sigmas, has_data = part_sigmas(voxels, (7, 11), (31, 40))
    assert np.array_equal(sigmas, channel_sigmas(voxels[:, 7:31, 11:40].copy()), equal_nan=True)
    assert has_data.tolist() == [True, False, False, False]


def test_too_few_negative_voxels_say_nothing() -> None:
    voxels = np.ones((2, 8, 8), np.float32)
    voxels[0, 0] = -1
    voxels[1, :2] = -1
    voxels[1, 0, 0] = -np.inf
    assert np.isnan(channel_sigmas(voxels)).tolist() == [True, True]


def test_a_cube_without_negative_voxels_has_no_noise() -> None:
    noise = model_of(np.ones((3, 40, 40), np.float32))
    assert noise.empty
    assert not noise.inverse_channel(Box.of_shape((3, 40, 40))).any()


def test_channels_without_a_value_take_the_nearest_noise_and_blank_ones_none() -> None:
    lattice = NoiseLattice((6, 200, 200))
    sigmas = np.ones((6, *lattice.cells), np.float32)
    sigmas[4] = 3.0
    sigmas[1] = sigmas[5] = np.nan
    blank = np.array([False, True, False, False, False, False])
    assert separate(lattice, sigmas, blank).spectral.tolist() == [1.0, 0.0, 1.0, 1.0, 3.0, 3.0]


@pytest.mark.parametrize("side", [1, 2, 5, 6])
def test_the_smallest_fields_have_noise_in_every_channel(side: int) -> None:
    rng = np.random.default_rng(side)
    noise = model_of(rng.normal(size=(400, side, side)).astype(np.float32))
    assert (noise.spectral > 0).all()
    assert np.median(noise.spectral) == pytest.approx(1.0, rel=0.15)


def test_a_line_over_the_whole_field_hides_no_channel() -> None:
    cube = np.random.default_rng(0).normal(size=(200, 16, 16)).astype(np.float32)
    cube[100:110] += 30
    assert model_of(cube).spectral == pytest.approx(1.0, rel=0.2)


def test_few_voxels_per_channel_borrow_from_neighbours() -> None:
    rng = np.random.default_rng(1)
    noise = model_of(rng.normal(size=(400, 8, 8)).astype(np.float32))
    assert noise.spectral.std() < 0.06


@given(st.tuples(st.integers(1, 200), st.integers(1, 5000), st.integers(1, 5000)))
def test_every_cell_of_every_channel_is_sampled_once(shape: Shape) -> None:
    lattice = NoiseLattice(shape)
    seen = np.zeros((shape[0], *lattice.cells), int)
    for unit in range(len(lattice)):
        channels = lattice.channels(unit)
        for cell in lattice.unit_cells(unit):
            seen[channels.start : channels.stop, cell[0], cell[1]] += 1
            sample = lattice.sample(unit, cell)
            assert not sample.empty
            assert Box.of_shape(shape).contains(sample)
    assert (seen == 1).all()


@given(st.data())
def test_sky_noise_does_not_depend_on_the_box(data: st.DataObject) -> None:
    shape = (5, data.draw(st.integers(1, 300)), data.draw(st.integers(1, 300)))
    lattice = NoiseLattice(shape)
    spatial = np.random.default_rng(0).uniform(0.5, 2, lattice.cells).astype(np.float32)
    noise = NoiseModel(lattice, np.ones(5, np.float32), spatial)
    start = tuple(data.draw(st.integers(0, n - 1)) for n in shape)
    stop = tuple(data.draw(st.integers(a + 1, n)) for a, n in zip(start, shape, strict=True))
    box = Box(start, stop)
    whole = noise.inverse_sky(Box.of_shape(shape))
    assert np.array_equal(noise.inverse_sky(box), whole[box.slices()[1:]])


@given(st.tuples(st.integers(1, 70), st.integers(1, 700), st.integers(1, 700)), st.booleans())
def test_the_voxels_read_are_those_of_all_strips(shape, whole):
    lattice = NoiseLattice(shape, whole)
    strips = (strip for unit in range(len(lattice)) for strip, _ in lattice.strips(unit))
    assert lattice.n_read == sum(strip.size for strip in strips)


@given(st.integers(512, 20_000))
def test_samples_of_large_fields_are_whole_chunks_evenly_spaced_around_the_middle(side):
    lattice = NoiseLattice((32, 8, side))
    samples = [
        lattice.sample(unit, cell) for unit in range(len(lattice)) for cell in lattice.unit_cells(unit)
    ]
    starts = np.array([sample.start[2] for sample in samples])
    assert all(sample.shape[2] == 32 for sample in samples)
    assert not (starts % 32).any()
    assert len(set(np.diff(starts).tolist())) == 1
    assert starts[1] - starts[0] >= 64
    before, after = starts[0], side - starts[-1] - 32
    assert 0 <= after - before < 64
    assert max(before, after) <= starts[1] - starts[0] + 16
    assert lattice.cells[1] <= 32
    np.testing.assert_allclose(lattice.centres()[1], starts + 15.5)


def test_the_map_is_that_of_a_gradient_where_it_was_sampled():
    shape = (64, 40, 576)
    relative = 1.0 + np.arange(576) / 576
    cube = np.random.default_rng(4).normal(size=shape).astype(np.float32) * relative.astype(np.float32)
    noise = model_of(cube)
    sky = 1.0 / noise.inverse_sky(Box.of_shape(shape))[20]
    _, y = noise.lattice.centres()
    inside = slice(int(y[0]), int(y[-1]))
    np.testing.assert_allclose((sky / relative)[inside] / np.median(sky / relative), 1.0, atol=0.05)
