"""The starlet transform, against another library, and tile by tile."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.ndimage import convolve1d

from tessellar.errors import UsageError
from tessellar.kernels.foregrounds.starlet import starlet, starlet_halo


def noise(shape: tuple[int, int], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


@pytest.mark.parametrize("shape", [(40, 53), (3, 7), (1, 20), (2, 2)])
def test_it_is_the_convolution_of_another_library(shape: tuple[int, int]) -> None:
    plane = noise(shape)
    details, coarse = starlet(plane, 3)
    now = plane
    for scale in range(3):
        taps = np.zeros(4 * 2**scale + 1)
        taps[:: 2**scale] = np.array([1, 4, 6, 4, 1]) / 16
        smoother = now
        for axis, size in enumerate(shape):  # along an axis of one pixel, all mirrors are that pixel
            smoother = convolve1d(smoother, taps, axis, mode="mirror") if size > 1 else smoother
        assert_allclose(details[scale], now - smoother, atol=1e-14)
        now = smoother
    assert_allclose(coarse, now, atol=1e-14)


def test_the_parts_are_the_whole() -> None:
    plane = noise((64, 48))
    details, coarse = starlet(plane, 5)
    assert_allclose(details.sum(0) + coarse, plane, atol=1e-14)


def test_a_constant_has_no_details() -> None:
    details, coarse = starlet(np.full((20, 30), 3.7), 4)
    assert_array_equal(details, 0.0)
    assert_array_equal(coarse, 3.7)


def test_a_point_reaches_as_far_as_the_halo() -> None:
    for scales in (1, 2, 3):
        plane = np.zeros((81, 81))
        plane[40, 40] = 1.0
        details, coarse = starlet(plane, scales)
        assert details[0, 40, 40] == 1.0 - 0.375**2
        where = np.argwhere(coarse != 0.0)
        assert np.abs(where - 40).max() == starlet_halo(scales)


def test_halos() -> None:
    assert [starlet_halo(scales) for scales in (1, 2, 4)] == [2, 6, 30]


@pytest.mark.parametrize("blanks", [0.0, 0.2])
@pytest.mark.parametrize(
    "core", [(slice(0, 17), slice(0, 90)), (slice(17, 50), slice(31, 32)), (slice(77, 80), slice(40, 90))]
)
def test_a_tile_with_its_halo_is_a_crop_of_the_whole(blanks: float, core: tuple[slice, slice]) -> None:
    plane, scales = noise((80, 90)), 3
    plane[np.random.default_rng(1).random(plane.shape) < blanks] = np.nan
    whole, coarse = starlet(plane, scales)
    halo = starlet_halo(scales)
    read = tuple(
        slice(max(c.start - halo, 0), min(c.stop + halo, size))
        for c, size in zip(core, plane.shape, strict=True)
    )
    local = tuple(slice(c.start - r.start, c.stop - r.start) for c, r in zip(core, read, strict=True))
    tile, tile_coarse = starlet(plane[read], scales)
    assert_array_equal(tile[:, *local], whole[:, *core])
    assert_array_equal(tile_coarse[local], coarse[core])


def test_blank_pixels_stay_blank_and_have_no_weight() -> None:
    plane = np.full((30, 30), 2.0)
    plane[10:14, 3:20] = np.nan
    details, coarse = starlet(plane, 4)
    assert_array_equal(np.isnan(details), np.broadcast_to(np.isnan(plane), details.shape))
    assert_array_equal(coarse, plane)
    assert_array_equal(np.nan_to_num(details), 0.0)


def test_a_weighted_mean_by_hand() -> None:
    plane = np.array([[1.0, np.nan, 4.0, 7.0, 9.0]])
    details, _ = starlet(plane, 1)
    smoothed = (6 * 4 + 4 * 7 + 1 * 1 + 1 * 9) / (6 + 4 + 1 + 1)
    assert details[0, 0, 2] == pytest.approx(4.0 - smoothed)


def test_a_blank_map_is_blank() -> None:
    details, coarse = starlet(np.full((5, 5), np.nan), 2)
    assert np.isnan(details).all()
    assert np.isnan(coarse).all()


@pytest.mark.parametrize("scales", [0, 13])
def test_scales_that_make_no_sense(scales: int) -> None:
    with pytest.raises(UsageError, match=str(scales)):
        starlet(np.zeros((4, 4)), scales)
