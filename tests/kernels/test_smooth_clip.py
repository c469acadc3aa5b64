"""Smooth-and-clip: the same mask as plain convolutions, and the same bits wherever a tile begins."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from tessellar.errors import UsageError
from tessellar.kernels.block import BLOCK_X, BLOCK_Y, PITCH, work_arrays
from tessellar.kernels.detect import NEGATIVE, POSITIVE
from tessellar.kernels.filters import gaussian_radius, gaussian_taps
from tessellar.kernels.noise import NoiseModel
from tessellar.kernels.noise_lattice import NoiseLattice
from tessellar.kernels.scale_noise import BINS_PER_OCTAVE, CELL_GRAIN, N_BINS, SampleBlocks, sigma_from_counts
from tessellar.kernels.scales import smooth_block
from tessellar.kernels.smooth_clip import CalibratedFinder, SmoothAndClip
from tessellar.model import CubeMeta, Patch, SpectralAxis
from tessellar.tiling.box import Box, Shape
from tessellar.tiling.grid import Grid

FINDER = SmoothAndClip(kernels_xy=(0, 3, 5), kernels_z=(0, 3, 7), threshold=3.0)


def meta_of(shape: Shape) -> CubeMeta:
    return CubeMeta(
        "test", shape, "Jy / beam", SpectralAxis("freq", "Hz", tuple(map(float, range(shape[0]))))
    )


def noise_of(shape: Shape, rng: np.random.Generator) -> NoiseModel:
    lattice = NoiseLattice(shape)
    spectral = rng.uniform(0.5, 2.0, shape[0]).astype(np.float32)
    return NoiseModel(lattice, spectral, rng.uniform(0.8, 1.25, lattice.cells).astype(np.float32))


def cube_with_everything(shape: Shape, rng: np.random.Generator) -> np.ndarray:
    """Noise, a bright block, a negative block, blank and infinite voxels."""
    cube = rng.normal(size=shape).astype(np.float32)
    z, x, y = (n // 3 for n in shape)
    cube[z : z + 3, x : x + 3, y : y + 4] += 20
    cube[-2:, -3:, -3:] -= 9
    cube[0, 0, : shape[2] // 2] = np.nan
    cube[z, 0, 0], cube[0, x, y] = np.inf, -np.inf
    return cube


def mask_by_tiles(finder: CalibratedFinder, cube: np.ndarray, core: Shape) -> np.ndarray:
    mask = np.full(cube.shape, 255, np.uint8)
    for tile in Grid(cube.shape, core, finder.recipe.halo(meta_of(cube.shape))):
        voxels = np.ascontiguousarray(cube[tile.read.slices()])
        mask[tile.core.slices()] = finder(Patch(voxels, tile.read, tile.core))
    return mask


def plain_ratios(finder: CalibratedFinder, cube: np.ndarray) -> np.ndarray:
    """Signed ratio to the threshold of every scale, with scipy in float64: array (scale, frequency, l, m)."""
    box = Box.of_shape(cube.shape)
    sigma = finder.noise.spectral[:, None, None] / finder.noise.inverse_sky(box)[None]
    native = np.where(np.isfinite(cube), cube, 0.0) / sigma
    recipe = finder.recipe
    clipped = np.where(np.abs(native) > recipe.threshold, np.sign(native) * recipe.replacement, native)
    ratios = [native / recipe.threshold]
    for k, fwhm in enumerate(recipe.widths_xy):
        half = gaussian_taps(fwhm).astype(np.float64)
        taps = np.concatenate([half[:0:-1], half])
        smooth = clipped
        for axis in (1, 2):
            smooth = ndimage.correlate1d(smooth, taps, axis=axis, mode="constant")
        for w, radius in enumerate(recipe.radii):
            box_car = ndimage.correlate1d(smooth, np.ones(2 * radius + 1), axis=0, mode="constant")
            ratios.append(box_car / (recipe.threshold * finder.scale_sigma[k, w]))
    return np.where(np.isfinite(cube), np.array(ratios), 0.0)


@pytest.mark.parametrize("shape", [(20, 33, 70), (9, 17, 65), (5, 4, 3)])
def test_mask_is_that_of_plain_convolutions(shape: Shape) -> None:
    rng = np.random.default_rng(1)
    cube = cube_with_everything(shape, rng)
    finder = CalibratedFinder(FINDER, noise_of(shape, rng), rng.uniform(0.5, 2.0, (3, 3)).astype(np.float32))
    mask = mask_by_tiles(finder, cube, shape)
    ratios = plain_ratios(finder, cube)
    doubtful = (np.abs(np.abs(ratios) - 1) < 1e-4).any(axis=0)
    assert doubtful.mean() < 0.01
    assert np.array_equal(((mask & POSITIVE) > 0)[~doubtful], (ratios > 1).any(axis=0)[~doubtful])
    assert np.array_equal(((mask & NEGATIVE) > 0)[~doubtful], (ratios < -1).any(axis=0)[~doubtful])
    assert (mask > 0).any()
    assert not mask[~np.isfinite(cube)].any()


@numba.njit
def planes_of(voxels, x0, y0, inverse_channel, inverse_sky, limit, replacement, taps, reaches):
    padded, rows, edge = work_arrays(taps.shape[1] - 1)
    planes = np.zeros((taps.shape[0], voxels.shape[0], PITCH), np.float32)
    smooth_block(
        voxels, 0, x0, y0, 0, voxels.shape[0], inverse_channel, inverse_sky, limit, replacement,
        taps, reaches, padded, rows, edge, planes,
    )  # fmt: skip
    return planes[:, :, : BLOCK_X * BLOCK_Y]


def summed_outwards(values: np.ndarray, half: np.ndarray, axis: int) -> np.ndarray:
    """Convolve in float32, one addition after the other."""
    reach, n = half.size - 1, values.shape[axis]
    around = np.pad(values, [(reach, reach) if a == axis else (0, 0) for a in range(values.ndim)])

    def shifted(by: int) -> np.ndarray:
        return around.take(range(reach + by, reach + by + n), axis)

    total = half[0] * values
    for d in range(1, half.size):
        total = total + half[d] * (shifted(-d) + shifted(d))
    return total


@pytest.mark.parametrize("widths", [(0, 3, 6), (5,), (3,), (100,)])
def test_smoothed_values_have_the_bits_of_sums_that_run_outwards(widths: tuple[float, ...]) -> None:
    rng = np.random.default_rng(8)
    shape = (2, 40, 150)
    cube = cube_with_everything((6, *shape[1:]), rng)[:2].copy()
    channel = rng.uniform(0.5, 2, 2).astype(np.float32)
    sky = rng.uniform(0.5, 2, shape[1:]).astype(np.float32)
    limit, replacement = np.float32(1.5), np.float32(1.25)
    taps, reaches = SmoothAndClip(kernels_xy=widths).taps()
    native = np.where(np.isfinite(cube), cube * channel[:, None, None] * sky, np.float32(0))
    clipped = np.where(np.abs(native) > limit, np.copysign(replacement, native), native)
    for x0, y0 in ((0, 0), (13, 37), (24, 86), (30, 120)):
        made = planes_of(cube, x0, y0, channel, sky, limit, replacement, taps, reaches)
        for k, reach in enumerate(reaches):
            half = taps[k, : reach + 1]
            expected = summed_outwards(summed_outwards(clipped, half, 1), half, 2)
            expected = expected[:, x0 : x0 + BLOCK_X, y0 : y0 + BLOCK_Y]
            found = made[k].reshape(-1, BLOCK_X, BLOCK_Y)[:, : expected.shape[1], : expected.shape[2]]
            assert np.array_equal(found, expected)


@pytest.mark.parametrize("widths", [(0, 3, 6), (3, 6)])
def test_the_short_cut_for_the_usual_boxcars_finds_what_any_boxcars_do(widths: tuple[float, ...]) -> None:
    """One more scale, whose noise is infinite, finds nothing itself; but then the boxcars are not the usual ones."""
    shape = (37, 20, 90)
    rng = np.random.default_rng(2)
    cube = cube_with_everything(shape, rng)
    cube[5:9, 4:7, 20:24] = 3e38  # unless they are clipped, sums of these are infinite or no numbers
    cube[9:13, 5:8, 22:27] = -3e38
    noise, sigma = noise_of(shape, rng), rng.uniform(0.5, 2, (len(widths), 5)).astype(np.float32)
    sigma[:, 4] = np.inf
    usual, other = (
        CalibratedFinder(
            SmoothAndClip(widths, boxcars, threshold=3.0), noise, sigma[:, : len(boxcars)].copy()
        )
        for boxcars in ((0, 3, 7, 15), (0, 3, 7, 15, 17))
    )
    mask = mask_by_tiles(usual, cube, shape)
    assert np.array_equal(mask, mask_by_tiles(other, cube, shape))
    assert ((mask & POSITIVE) > 0).any()
    assert ((mask & NEGATIVE) > 0).any()


@given(st.data())
@settings(max_examples=40)
def test_mask_is_the_same_for_any_tiling(data: st.DataObject) -> None:
    shape = tuple(data.draw(st.integers(1, n)) for n in (80, 40, 90))
    core = tuple(data.draw(st.integers(1 + n // 4, n)) for n in shape)
    rng = np.random.default_rng(data.draw(st.integers(0, 9)))
    cube = cube_with_everything(shape, rng)
    recipe = data.draw(st.sampled_from([FINDER, SmoothAndClip(threshold=3.0)]))
    sigma = np.ones((3, recipe.radii.size), np.float32)
    finder = CalibratedFinder(recipe, noise_of(shape, rng), sigma)
    assert np.array_equal(mask_by_tiles(finder, cube, shape), mask_by_tiles(finder, cube, core))


def test_scale_noise_of_white_noise_is_the_norm_of_the_filter() -> None:
    shape = (64, 128, 128)
    cube = np.random.default_rng(5).normal(size=shape).astype(np.float32)
    lattice = NoiseLattice(shape)
    noise = NoiseModel(lattice, np.ones(64, np.float32), np.ones(lattice.cells, np.float32))
    core = Box((10, 20, 20), (54, 108, 108))
    finder = SmoothAndClip(kernels_xy=FINDER.kernels_xy, kernels_z=FINDER.kernels_z, threshold=8.0)
    counts = finder.count_scales(Patch(cube, Box.of_shape(shape), core), noise)
    sigma = finder.calibrated(noise, counts).scale_sigma
    for k, fwhm in enumerate(finder.widths_xy):
        half = gaussian_taps(fwhm).astype(np.float64)
        norm = half[0] ** 2 + 2 * (half[1:] ** 2).sum()
        for w, radius in enumerate(finder.radii):
            assert sigma[k, w] == pytest.approx(norm * np.sqrt(2 * radius + 1), rel=0.06)


@pytest.mark.parametrize(
    "shape", [(512, 512, 512), (1024, 4096, 4096), (2048, 2048, 2048), (6668, 5851, 5851)]
)
def test_sampled_blocks_are_spread_over_every_axis(shape: Shape) -> None:
    blocks = SampleBlocks(shape, FINDER.halo(meta_of((1, 1, 1))))
    cores = [blocks[i].core for i in range(len(blocks))]
    assert len({core.start for core in cores}) == len(cores) == 128
    assert [cores[number].start for number in blocks.by_place] == sorted(core.start for core in cores)
    for axis, grain in enumerate((16, 64, 64)):
        possible = -(-shape[axis] // grain)
        assert len({core.start[axis] for core in cores}) >= min(possible, 64)


@pytest.mark.parametrize(
    "shape", [(512, 512, 512), (20, 2048, 2048), (3000, 130, 1030), (95, 768, 790), (50, 1000, 1000)]
)
def test_blocks_in_cells_are_read_as_whole_chunks_with_their_halos(shape: Shape) -> None:
    halo = FINDER.halo(meta_of((1, 1, 1)))
    blocks = SampleBlocks.in_cells(shape, halo)
    tiles = [blocks[i] for i in range(len(blocks))]
    assert len({tile.core.start for tile in tiles}) == 128
    for tile in tiles:
        assert tile.core.grow(halo).clip(Box.of_shape(shape)) == tile.read
        assert tile.core.size >= 32**3 or shape[0] < 32
        for start, stop, n, grain in zip(tile.read.start, tile.read.stop, shape, CELL_GRAIN, strict=True):
            assert start % grain == 0
            assert stop % grain == 0 or stop == n


@pytest.mark.parametrize("shape", [(95, 768, 790), (64, 700, 700), (191, 600, 600)])
def test_blocks_in_cells_leave_no_end_of_the_cube_out(shape: Shape) -> None:
    blocks = SampleBlocks.in_cells(shape, FINDER.halo(meta_of((1, 1, 1))))
    cores = [blocks[i].core for i in range(len(blocks))]
    for axis, (n, grain) in enumerate(zip(shape, CELL_GRAIN, strict=True)):
        seen = np.zeros(n, bool)
        for core in cores:
            seen[core.start[axis] : core.stop[axis]] = True
        assert seen[0]
        assert seen[-grain:].all()
        assert seen.mean() > 0.6


def test_a_cube_of_few_cells_is_sampled_in_all_its_blocks() -> None:
    halo = FINDER.halo(meta_of((1, 1, 1)))
    blocks = SampleBlocks.in_cells((64, 200, 200), halo)
    assert blocks == SampleBlocks((64, 200, 200), halo)
    assert sum(blocks[i].core.size for i in range(len(blocks))) == 64 * 200 * 200


def test_a_part_filled_with_zeros_does_not_change_the_noise_of_the_scales() -> None:
    shape = (40, 96, 96)
    cube = np.random.default_rng(4).normal(size=shape).astype(np.float32)
    lattice = NoiseLattice(shape)
    noise = NoiseModel(lattice, np.ones(40, np.float32), np.ones(lattice.cells, np.float32))
    finder, core = SmoothAndClip(threshold=8.0), Box((8, 10, 10), (32, 86, 86))
    patch = Patch(cube, Box.of_shape(shape), core)
    full = finder.calibrated(noise, finder.count_scales(patch, noise)).scale_sigma
    cube[:, 40:70] = 0.0
    part = finder.calibrated(noise, finder.count_scales(patch, noise)).scale_sigma
    assert part == pytest.approx(full, rel=0.2)


def test_median_of_counts_lies_within_its_bin() -> None:
    counts = np.zeros((2, N_BINS), np.int64)
    counts[0, 12 * BINS_PER_OCTAVE] = 100  # all values in [1, 1 + 1/64)
    sigma = sigma_from_counts(counts)
    assert 1.0 <= sigma[0] / 1.4826022 < 1.0 + 1.0 / BINS_PER_OCTAVE
    assert np.isnan(sigma[1])


def test_gaussian_taps_are_normalised_and_cut_at_three_sigma() -> None:
    taps = gaussian_taps(6.0)
    assert taps.size == gaussian_radius(6.0) + 1 == 9
    assert taps[0] + 2 * taps[1:].sum() == pytest.approx(1.0, abs=1e-6)
    assert taps[3] / taps[0] == pytest.approx(0.5, abs=1e-6)


def test_halo_is_the_reach_of_the_largest_kernels() -> None:
    assert SmoothAndClip().halo(meta_of((100, 100, 100))).before == (7, 8, 8)


def test_all_wrong_parameters_are_named_at_once() -> None:
    with pytest.raises(UsageError, match=r"kernels_z is empty.*kernels_xy holds -1.*threshold is -3"):
        SmoothAndClip(kernels_xy=(0, -1), kernels_z=(), threshold=-3)
