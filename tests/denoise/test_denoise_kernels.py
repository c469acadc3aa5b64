"""Denoisers as mathematics: laws, answers computed by hand, and what they do with blanks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from denoise_patches import denoised, denoised_in_tiles, impulse, round_meta, whole, with_holes
from memory_cube import meta_of
from scipy import ndimage

from tessellar.errors import UsageError
from tessellar.kernels.channel_noise import BINS_PER_OCTAVE, FEWEST_SAMPLES
from tessellar.kernels.correlation import Correlation, beam_correlation
from tessellar.kernels.denoise.band_noise import band_sigmas, counted
from tessellar.kernels.denoise.bands import bands_of, predicted_noise
from tessellar.kernels.denoise.gaussian import Gaussian
from tessellar.kernels.denoise.matched import MatchedFilter
from tessellar.kernels.denoise.starlet2d1d import CalibratedStarlet, Starlet2D1D
from tessellar.kernels.filters import gaussian_taps
from tessellar.kernels.scale_noise import N_BINS, sigma_from_counts
from tessellar.simulate.noise import correlated_noise
from tessellar.tiling.box import Box

KERNELS = [
    Gaussian(2.5, 5),
    Gaussian(0, 4, "gaussian"),
    Starlet2D1D(2, 2, threshold=2.0),
    Starlet2D1D(1, 3, threshold=1.0, shrink="soft", coarse="threshold"),
    MatchedFilter((1, 5), fwhm_xy=3.0),
    MatchedFilter((3,), fwhm_xy=2.0, gain="peak"),
]
SHAPE = (19, 23, 31)


@pytest.mark.parametrize("kernel", KERNELS, ids=str)
def test_no_bit_of_a_voxel_knows_its_tile(kernel):
    rng = np.random.default_rng(5)
    noise = rng.uniform(0.5, 2.0, SHAPE).astype(np.float32)
    noise[:, 10, 10] = 0.0
    for voxels in with_holes(rng.normal(size=SHAPE).astype(np.float32) * 2):
        reference = kernel.prepare(round_meta(SHAPE), "cpu")(whole(voxels), noise)
        for core in ((7, 5, 9), (19, 8, 31), (4, 23, 11)):
            assert denoised_in_tiles(kernel, voxels, core, noise).tobytes() == reference.tobytes()


@pytest.mark.parametrize("kernel", KERNELS, ids=str)
def test_blank_voxels_stay_blank_and_touch_no_other(kernel):
    _, voxels = with_holes(np.random.default_rng(1).normal(size=SHAPE).astype(np.float32))
    out = denoised(kernel, voxels)[0]
    assert np.array_equal(np.isfinite(out), np.isfinite(voxels))
    infinite = np.where(np.isnan(voxels), np.float32(np.inf), voxels)
    assert denoised(kernel, infinite)[0].tobytes() == out.tobytes()


@pytest.mark.parametrize("kernel", [*KERNELS[:3], KERNELS[4]], ids=str)
def test_a_constant_cube_stays_constant(kernel):
    for voxels in with_holes(np.full(SHAPE, 7.0, np.float32)):
        out = denoised(kernel, voxels)[0]
        assert np.nanmax(np.abs(out - voxels)) < 5e-6


@pytest.mark.parametrize("kernel", KERNELS, ids=str)
def test_a_halo_is_as_wide_as_it_must_be(kernel):
    shape, middle = (41, 41, 41), (20, 20, 20)
    halo = kernel.halo(round_meta(shape)).before
    quiet = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    before = denoised(kernel, quiet)
    for axis in range(3):
        far = list(middle)
        far[axis] += halo[axis] + 1
        loud = quiet.copy()
        loud[tuple(far)] += 1e4
        assert (denoised(kernel, loud)[(slice(None), *middle)] == before[(slice(None), *middle)]).all()
        if halo[axis]:
            far[axis] -= 1
            loud = quiet.copy()
            loud[tuple(far)] += 1e6
            assert (denoised(kernel, loud)[(0, *middle)] != before[(0, *middle)]).all()


@pytest.mark.parametrize("kernel", KERNELS[2:], ids=str)
def test_a_voxel_of_unknown_noise_stays_as_it_is(kernel):
    voxels = np.random.default_rng(2).normal(size=(9, 11, 12)).astype(np.float32)
    voxels[4, 5, 6] = np.nan
    assert np.array_equal(denoised(kernel, voxels, 0.0)[0], voxels, equal_nan=True)


def test_a_point_smoothed_by_hand():
    out = denoised(Gaussian(2.0, 3), impulse((9, 15, 15), (4, 7, 7)))[0]
    half = gaussian_taps(2.0).astype(np.float64)
    assert out[4, 7, 7] == pytest.approx(half[0] ** 2 / 3, rel=1e-6)
    assert out[5, 8, 5] == pytest.approx(half[1] * half[2] / 3, rel=1e-6)
    assert out[6, 7, 7] == 0.0
    assert out.sum(dtype=np.float64) == pytest.approx(1.0, rel=1e-5)


def test_smoothing_is_that_of_scipy_away_from_edges():
    voxels = np.random.default_rng(4).normal(size=(17, 24, 26)).astype(np.float32)
    out = denoised(Gaussian(3.0, 5), voxels)[0]
    half = gaussian_taps(3.0).astype(np.float64)
    expected = ndimage.uniform_filter1d(voxels.astype(np.float64), 5, axis=0)
    for axis in (1, 2):
        expected = ndimage.convolve1d(expected, np.concatenate([half[:0:-1], half]), axis=axis)
    inside = (slice(2, -2), slice(4, -4), slice(4, -4))
    assert np.abs(out[inside] - expected[inside]).max() < 1e-6


def test_a_starlet_that_keeps_everything_gives_the_cube_back():
    for voxels in with_holes(np.random.default_rng(6).normal(size=(40, 33, 30)).astype(np.float32)):
        noise = np.random.default_rng(7).uniform(0.5, 2.0, voxels.shape).astype(np.float32)
        out = Starlet2D1D(3, 3, threshold=0.0).prepare(round_meta(voxels.shape), "cpu")(whole(voxels), noise)[
            0
        ]
        assert np.nanmax(np.abs(out - voxels)) < 3e-6


def test_a_point_in_bands_by_hand():
    bands = {number: band.copy() for number, band in bands_of(impulse((17, 17, 17), (8, 8, 8)), 1, 1)}
    smooth = 0.375  # the middle of 1, 4, 6, 4, 1
    at = (8, 8, 8)
    assert bands[0, 0][at] == pytest.approx((1 - smooth**2) * (1 - smooth))
    assert bands[0, 1][at] == pytest.approx((1 - smooth**2) * smooth)
    assert bands[1, 0][at] == pytest.approx(smooth**2 * (1 - smooth))
    assert bands[1, 1][at] == pytest.approx(smooth**3)
    assert bands[1, 1][9, 10, 8] == pytest.approx(0.25 * 0.0625 * smooth)


def test_thresholds_by_hand():
    shape, at = (17, 17, 17), (8, 8, 8)
    sigma = (1.0, 1.0, 1.0, 1.0)
    coefficients = [(1 - 0.375**2) * 0.625, (1 - 0.375**2) * 0.375, 0.375**2 * 0.625, 0.375**3]
    for recipe, kept in (
        (Starlet2D1D(1, 1, 3.0), [10 * coefficients[0], 10 * coefficients[1], 0.0, 10 * coefficients[3]]),
        (Starlet2D1D(1, 1, 3.0, coarse="drop"), [10 * coefficients[0], 10 * coefficients[1], 0.0, 0.0]),
        (
            Starlet2D1D(1, 1, 3.0, "soft", "threshold"),
            [10 * coefficients[0] - 3, 10 * coefficients[1] - 3, 0, 0],
        ),
    ):
        out = denoised(CalibratedStarlet(recipe, sigma), 10 * impulse(shape, at))[0]
        assert out[at] == pytest.approx(sum(kept), rel=1e-5)


def test_the_noise_of_bands_is_what_simulated_noise_of_a_beam_has():
    shape, inside = (56, 64, 64), (slice(8, -8),) * 3  # edges are mirrored, which leaves more noise
    predicted = predicted_noise(beam_correlation(round_meta(shape, 4.0)), 2, 2)
    found = []
    for seed in range(8):
        noise = correlated_noise(Box.of_shape(shape), seed, 4.0, 1.0)
        counts = [counted([band[inside]]) for _, band in bands_of(noise, 2, 2)]
        found.append(sigma_from_counts(np.concatenate(counts)) / predicted)
    error = np.std(found, axis=0, ddof=1) / np.sqrt(len(found))
    assert error.max() < 0.03
    assert (np.abs(np.mean(found, axis=0) - 1.0) < 4 * error + 0.002).all()  # of an octave in 64 bins
    white = predicted_noise(Correlation(1e4, 0.0, 1e4), 2, 2)
    assert predicted[0] < 0.5 * white[0]  # a beam leaves little noise at the finest scale
    assert predicted[8] > 2 * white[8]


def test_structure_that_fills_a_cube_is_not_taken_for_noise():
    assert band_sigmas(None, np.array([0.5, 0.1])) == (0.5, 0.1)
    few, level, filled = (np.zeros(N_BINS, np.int64) for _ in range(3))
    few[500] = FEWEST_SAMPLES - 1
    level[12 * BINS_PER_OCTAVE] = 1000  # all of size 1
    filled[15 * BINS_PER_OCTAVE] = 1000  # all of size 8
    found = band_sigmas(np.array([few, level, filled]), np.array([0.5, 1.2, 1.2]))
    assert found == pytest.approx((0.5, 1.4826, 2.4), rel=0.01)


def test_the_noise_of_templates_is_what_simulated_noise_of_a_beam_has():
    shape = (64, 72, 72)
    noise = correlated_noise(Box.of_shape(shape), 12, 4.0, 1.0)
    meta, recipe = round_meta(shape, 4.0), MatchedFilter((1, 5))
    counts = recipe.count(whole(noise), np.ones(shape, np.float32), meta)
    calibrated = recipe.calibrated(counts, beam_correlation(meta), meta)
    predicted = recipe.calibrated(None, beam_correlation(meta), meta)
    assert calibrated.template_sigma == pytest.approx(predicted.template_sigma, rel=0.04)
    out = calibrated.prepare(meta, "cpu")(whole(noise), np.ones(shape, np.float32))
    assert np.std(out[0] / out[1]) == pytest.approx(1.15, abs=0.15)  # the larger of two, hardly independent


def test_a_source_of_the_template_keeps_its_peak_and_finds_its_width():
    half = gaussian_taps(4.0)
    sky = np.zeros(25)
    sky[12 - len(half) + 1 : 12 + len(half)] = np.concatenate([half[:0:-1], half]) / half[0]
    voxels = np.zeros((31, 25, 25), np.float32)
    voxels[13:18] = 50 * np.multiply.outer(sky, sky)
    amplitude, error = denoised(MatchedFilter((1, 5, 11), gain="peak"), voxels)
    assert amplitude[15, 12, 12] == pytest.approx(50.0, rel=1e-5)
    template = 5 * (sky**2).sum() ** 2
    assert error[15, 12, 12] == pytest.approx(template**-0.5, rel=1e-5)
    mean = denoised(MatchedFilter((1, 5, 11)), voxels)[0]
    assert mean[15, 12, 12] == pytest.approx(50 * ((sky**2).sum() / sky.sum()) ** 2, rel=1e-5)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Gaussian(-1, 600, "box"), ["fwhm_xy", "width_z", "shape_z"]),
        (
            lambda: Starlet2D1D(0, 7, -1.0, "firm", "lose"),
            ["scales_xy", "scales_z", "threshold", "shrink", "coarse"],
        ),
        (lambda: MatchedFilter((2,), 0.0, "max"), ["widths_z", "fwhm_xy", "gain"]),
        (lambda: MatchedFilter(()), ["widths_z is empty"]),
    ],
)
def test_settings_out_of_range_are_all_named(make, words):
    with pytest.raises(UsageError) as caught:
        make()
    assert all(word in str(caught.value) for word in words)


def test_a_matched_filter_needs_a_beam():
    with pytest.raises(UsageError, match="fwhm_xy"):
        MatchedFilter().halo(meta_of((4, 4, 4), beams=()))


def test_the_kernel_of_the_page_keeps_the_law():
    page = (Path(__file__).parents[2] / "docs" / "denoising.md").read_text(encoding="utf-8")
    example = next(block for block in page.split("```python\n") if "class MiddleOfThree" in block).split(
        "```"
    )[0]
    assert len(example.strip().splitlines()) <= 40
    names: dict[str, Any] = {}
    exec(example, names)
    kernel = names["MiddleOfThree"](sign=-1.0)
    _, voxels = with_holes(np.random.default_rng(8).normal(size=SHAPE).astype(np.float32))
    out = denoised_in_tiles(kernel, voxels, (5, 9, 31), np.ones(SHAPE, np.float32))
    assert out.tobytes() == denoised(kernel, voxels).tobytes()
    assert out[0, 9, 9, 9] == -np.median(voxels[8:11, 9, 9])
