"""A channel is smoothed by a Gaussian of the right width, over the voxels that are there."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import convolve2d

from tessellar.kernels.filters import FWHM_PER_SIGMA
from tessellar.kernels.foregrounds.resolution import (
    continue_beyond,
    match_plane,
    matching_radius,
    matching_taps,
)
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


def test_beyond_the_edge_the_sky_goes_on_as_a_straight_line() -> None:
    plane = np.full((7, 6), np.nan, np.float32)
    plane[2:5, 1:4] = [[1, 2, 4], [np.nan, 6, 8], [9, 9, 10]]
    continue_beyond(plane, (slice(2, 5), slice(1, 4)))
    nan = np.nan
    expected = [
        [-9, -7, -5, -2, 1, 3],
        [nan, nan, -2, 0, 2, nan],
        [0, 1, 2, 4, 6, 7],
        [nan, nan, 6, 8, 10, nan],
        [9, 9, 9, 10, 11, 11],
        [nan, nan, 12, 12, 12, nan],
        [18, 17, 16, 16, 16, 15],
    ]
    np.testing.assert_array_equal(plane, expected)


@pytest.mark.parametrize("width", [0.8, 3.0, 7.0])
def test_a_gradient_keeps_its_slope_up_to_the_edge(width: float) -> None:
    """What every channel would show in its own way otherwise: the sum of the weights within leans inwards."""
    taps = matching_taps(width)
    reach = len(taps) - 1
    x, y = np.indices((30, 24), dtype=np.float32)
    sky = 200 + 3 * x - 2 * y
    plane = np.full((30 + 2 * reach, 24 + 2 * reach), np.nan, np.float32)
    inside = (slice(reach, reach + 30), slice(reach, reach + 24))
    plane[inside] = sky
    without = match_plane(plane, (reach, reach), taps, taps, 1.0)
    continue_beyond(plane, inside)
    found = match_plane(plane, (reach, reach), taps, taps, 1.0)
    np.testing.assert_allclose(found, sky, rtol=1e-6)
    assert np.abs(without - sky).max() > 0.05


def test_a_cube_narrower_than_the_kernel_goes_on_as_far_as_it_is_known() -> None:
    plane = np.full((9, 11), np.nan, np.float32)
    plane[4, 4:7] = [1, 2, 4]
    continue_beyond(plane, (slice(4, 5), slice(4, 7)))
    np.testing.assert_array_equal(plane[4], [np.nan, np.nan, -2, 0, 1, 2, 4, 6, 7, np.nan, np.nan])
    assert np.isnan(np.delete(plane, 4, axis=0)).all()


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
