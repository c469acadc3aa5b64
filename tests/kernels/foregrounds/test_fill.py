"""Blank voxels get the value of a smooth spectrum through their own pixel, and nothing else does."""

from __future__ import annotations

import numpy as np
import pytest
from blanked_spectra import blanked, foreground, places
from hypothesis import given, settings
from hypothesis import strategies as st

from tessellar.errors import UsageError
from tessellar.kernels.foregrounds.fill import fill_blanks
from tessellar.kernels.foregrounds.legendre import legendre, scaled_log_frequency

N = 60


def polynomials(pixels: int) -> np.ndarray:
    return legendre(places(N), 3) @ np.random.default_rng(3).normal(size=(4, pixels))


def test_frequencies_run_from_minus_one_to_one_in_their_logarithm() -> None:
    x = scaled_log_frequency(np.array([100e6, 200e6, 400e6]))
    np.testing.assert_allclose(x, [-1, 0, 1], atol=1e-15)
    np.testing.assert_allclose(scaled_log_frequency(np.array([4.0, 2.0, 1.0])), [1, 0, -1], atol=1e-15)
    assert scaled_log_frequency(np.array([5.0])).tolist() == [0.0]


def test_legendre_polynomials_are_those_of_the_book() -> None:
    x = np.linspace(-1, 1, 7)
    columns = [np.ones(7), x, (3 * x**2 - 1) / 2, (5 * x**3 - 3 * x) / 2]
    np.testing.assert_allclose(legendre(x, 3), np.stack(columns, axis=1), atol=1e-15)


@pytest.mark.parametrize("share", [0.05, 0.2, 0.6])
def test_a_polynomial_comes_back_whatever_is_blank(share: float) -> None:
    whole = polynomials(300)
    block = blanked(whole, share)
    filled = fill_blanks(block, places(N))
    blank, kept = ~np.isfinite(block), np.isfinite(block).sum(axis=0) >= 16
    np.testing.assert_array_equal(filled.kept, kept)
    assert filled.n_filled == blank[:, kept].sum() > 0
    np.testing.assert_array_equal(filled.voxels[~blank & kept], block[~blank & kept])
    np.testing.assert_allclose(filled.voxels[:, kept], whole[:, kept], atol=1e-6 * np.abs(whole).max())


def test_half_of_the_band_may_be_missing() -> None:
    block = foreground(N, 20).astype(np.float32)
    block[:25] = np.nan
    fit = np.polynomial.legendre.legfit(places(N)[25:], block[25:].astype(float), 3)
    expected = np.polynomial.legendre.legval(places(N)[:25], fit).T
    np.testing.assert_allclose(fill_blanks(block, places(N)).voxels[:25], expected, rtol=1e-8)


def test_every_degree_is_the_fit_of_another_library() -> None:
    block = blanked(foreground(N, 5), 0.3)
    for degree in (0, 1, 5):
        filled = fill_blanks(block, places(N), degree=degree).voxels
        for pixel in range(5):
            good = np.isfinite(block[:, pixel])
            fit = np.polynomial.legendre.legfit(places(N)[good], block[good, pixel].astype(float), degree)
            expected = np.polynomial.legendre.legval(places(N)[~good], fit)
            np.testing.assert_allclose(filled[~good, pixel], expected, rtol=1e-10)


def test_without_a_blank_nothing_changes() -> None:
    block = foreground(N, 200).astype(np.float32)
    filled = fill_blanks(block, places(N))
    np.testing.assert_array_equal(filled.voxels, block)
    assert filled.n_filled == 0
    assert filled.kept.all()


def test_pixels_with_too_few_good_channels_are_dropped_whole() -> None:
    block = polynomials(3).astype(np.float32)
    keep = np.linspace(0, N - 1, 16).astype(int)
    block[np.setdiff1d(np.arange(N), keep), 0] = np.nan
    block[np.setdiff1d(np.arange(N), keep[1:]), 1] = np.nan
    filled = fill_blanks(block, places(N))
    assert filled.kept.tolist() == [True, False, True]
    assert filled.n_filled == N - 16
    assert (filled.voxels[:, 1] == 0).all()


def test_channels_in_one_corner_do_not_determine_a_polynomial() -> None:
    n = 1000
    block = np.ones((n, 1), np.float32)
    block[16:] = np.nan
    assert not fill_blanks(block, places(n)).kept[0]
    assert fill_blanks(block, places(n), degree=0).kept[0]


def test_a_short_cube_without_blanks_is_kept() -> None:
    assert fill_blanks(np.ones((2, 4), np.float32), places(2)).kept.all()


def test_a_negative_degree_is_refused() -> None:
    with pytest.raises(UsageError, match="degree is -1"):
        fill_blanks(np.ones((4, 1), np.float32), places(4), degree=-1)


@given(st.integers(0, 399), st.integers(1, 400), st.sampled_from([0.0, 0.001, 0.3]))
@settings(max_examples=30)
def test_a_pixel_knows_nothing_of_the_others(first: int, width: int, share: float) -> None:
    block = blanked(foreground(N, 400), share)
    block[5:58, 7] = np.nan
    whole, part = fill_blanks(block, places(N)), fill_blanks(block[:, first : first + width], places(N))
    np.testing.assert_array_equal(part.voxels, whole.voxels[:, first : first + width])
    np.testing.assert_array_equal(part.kept, whole.kept[first : first + width])
