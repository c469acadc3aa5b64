"""A channel is smoothed by a Gaussian of the right width, over the voxels that are there."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import convolve2d

from tessellar.kernels.filters import FWHM_PER_SIGMA
from tessellar.kernels.foregrounds.resolution import match_plane, matching_radius, matching_taps
from tessellar.model import DoubleArray


def whole(taps: DoubleArray) -> tuple[DoubleArray, DoubleArray]:
    """Return places and weights of a whole kernel."""
    radius = len(taps) - 1
    return np.arange(-radius, radius + 1.0), np.concatenate([taps[:0:-1], taps])


@pytest.mark.parametrize("sigma", [0.05, 0.2, 0.5, 0.7, 0.71, 1.0, 2.5, 8.0])
def test_kernels_have_the_moments_of_a_gaussian(sigma: float) -> None:
    taps = matching_taps(sigma * FWHM_PER_SIGMA)
    x, weights = whole(taps)
    assert len(taps) == matching_radius(sigma * FWHM_PER_SIGMA) + 1
    assert weights.sum() == pytest.approx(1, abs=1e-15)
    assert (weights * x**2).sum() == pytest.approx(sigma**2, rel=3e-3)
    assert (weights * x**4).sum() == pytest.approx(3 * sigma**4, rel=1e-2)


def test_no_width_is_no_smoothing() -> None:
    assert matching_taps(0.0).tolist() == [1.0]
    assert matching_radius(0.0) == 0
    plane = np.random.default_rng(0).normal(size=(9, 8)).astype(np.float32)
    plane[3, 4] = np.nan
    np.testing.assert_array_equal(match_plane(plane, (2, 1), np.ones(1), np.ones(1), 1.0), plane[2:-2, 1:-1])


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5])
def test_it_is_the_convolution_of_another_library(share: float) -> None:
    rng = np.random.default_rng(1)
    plane = (5 + rng.normal(size=(40, 37))).astype(np.float32)
    plane[rng.random(plane.shape) < share] = np.nan
    taps_l, taps_m = matching_taps(3.0), matching_taps(1.2)
    kernel = np.outer(whole(taps_l)[1], whole(taps_m)[1])
    good = np.isfinite(plane)
    above, below = (
        convolve2d(a, kernel, mode="same")
        for a in (np.where(good, plane, 0).astype(float), good.astype(float))
    )
    expected = np.where(good, 1.5 * above / below, np.nan)
    found = match_plane(plane, (6, 4), taps_l, taps_m, 1.5)
    np.testing.assert_allclose(found, expected[6:-6, 4:-4], rtol=1e-6)


def test_a_blank_out_of_reach_changes_no_bit() -> None:
    plane = np.random.default_rng(2).normal(size=(50, 45)).astype(np.float32)
    taps = 0.7 * matching_taps(2.5)  # the sum of weights matters now
    r = len(taps) - 1
    whole = match_plane(plane, (r, r), taps, taps, 1.0)
    plane[r, r] = np.nan
    blanked = match_plane(plane, (r, r), taps, taps, 1.0)
    np.testing.assert_array_equal(blanked[r + 1 :], whole[r + 1 :])
    np.testing.assert_array_equal(blanked[:, r + 1 :], whole[:, r + 1 :])
    assert blanked[1, 1] != whole[1, 1]
