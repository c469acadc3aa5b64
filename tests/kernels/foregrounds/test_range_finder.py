"""The modes of two cheap passes are those of the full covariance, and random numbers belong to a pixel."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from blanked_spectra import places

from tessellar.errors import InputError, UsageError
from tessellar.kernels.foregrounds.fill import Filled, fill_blanks
from tessellar.kernels.foregrounds.random_numbers import deviates
from tessellar.kernels.foregrounds.range_finder import OVERSAMPLING, Modes, Refinement, Sketch
from tessellar.model import DoubleArray, IntArray

N, PIXELS, N_MODES = 300, 4000, 4
COLUMNS = N_MODES + OVERSAMPLING


def spectra() -> DoubleArray:
    """Return noise of unit variance below modes whose variances are 1e8, 1e6, 1e4 and 3e2 times that."""
    rng = np.random.default_rng(7)
    shapes = np.linalg.qr(np.polynomial.legendre.legvander(places(N), 3))[0]
    bright = shapes @ (np.sqrt([[1e8], [1e6], [1e4], [3e2]]) * rng.normal(size=(4, PIXELS)))
    return 500 + bright + rng.normal(size=(N, PIXELS))


SPECTRA = spectra()


def filled(pixels: IntArray) -> Filled:
    return Filled(SPECTRA[:, pixels], np.ones(len(pixels), bool), 0)


def cuts(*edges: int) -> list[IntArray]:
    ends = [0, *edges, PIXELS]
    return [np.arange(a, b) for a, b in pairwise(ends)]


def modes_of(parts: list[IntArray], seed: int = 0) -> Modes:
    centre = SPECTRA[:, :20].mean(axis=1)
    sketches = [Sketch.of_block(filled(p), centre, p, COLUMNS, seed) for p in parts]
    sketch = sketches[0]
    for one in sketches[1:]:
        sketch = sketch.merge(one)
    basis = Sketch.from_payload(sketch.payload()).basis()
    refined = [Refinement.of_block(filled(p), centre, basis) for p in parts]
    total = refined[0]
    for one in refined[1:]:
        total = total.merge(one)
    return Refinement.from_payload(total.payload()).modes(centre, basis, N_MODES)


def test_modes_are_those_of_the_full_covariance() -> None:
    found = modes_of(cuts(1000, 1500))
    values, vectors = np.linalg.eigh(np.cov(SPECTRA, ddof=0))
    values, vectors = values[::-1][:N_MODES], vectors[:, ::-1][:, :N_MODES]
    np.testing.assert_allclose(found.eigenvalues[:3], values[:3], rtol=1e-5)
    np.testing.assert_allclose(found.eigenvalues[3], values[3], rtol=1e-2)
    np.testing.assert_allclose(found.basis.T @ found.basis, np.eye(N_MODES), atol=1e-12)
    np.testing.assert_allclose(found.mean, SPECTRA.mean(axis=1), rtol=1e-12)
    assert found.n_pixels == PIXELS
    cosines = np.linalg.svd(vectors.T @ found.basis)[1]
    assert 1 - cosines.min() < 1e-3


def test_what_the_modes_leave_is_what_the_full_covariance_leaves() -> None:
    found = modes_of(cuts(2000))
    vectors = np.linalg.eigh(np.cov(SPECTRA, ddof=0))[1][:, ::-1][:, :N_MODES]
    rest = SPECTRA - SPECTRA.mean(axis=1)[:, None]
    ours, right = (np.std(rest - basis @ (basis.T @ rest)) for basis in (found.basis, vectors))
    assert ours == pytest.approx(right, rel=1e-3)


def test_cuts_and_their_order_change_rounding_only() -> None:
    parts = cuts(1, 77, 1600)
    one, other = modes_of(cuts(900)), modes_of(parts[::-1])
    np.testing.assert_allclose(other.eigenvalues, one.eigenvalues, rtol=1e-9)
    signs = np.sign((one.basis * other.basis).sum(axis=0))
    np.testing.assert_allclose(other.basis * signs, one.basis, atol=1e-7)


def test_the_same_blocks_give_the_same_bits_and_another_seed_the_same_modes() -> None:
    first, again, other = modes_of(cuts(900)), modes_of(cuts(900)), modes_of(cuts(900), seed=-1)
    assert first.basis.tobytes() == again.basis.tobytes()
    assert first.basis.tobytes() != other.basis.tobytes()
    np.testing.assert_allclose(other.eigenvalues[:3], first.eigenvalues[:3], rtol=1e-4)


def test_dropped_pixels_do_not_count() -> None:
    block = SPECTRA[:, :200].astype(np.float32)
    block[3:, 50] = np.nan
    some = fill_blanks(block, places(N))
    pixels, centre = np.arange(200), np.zeros(N)
    rest = np.delete(pixels, 50)
    found = Sketch.of_block(some, centre, pixels, 5)
    right = Sketch.of_block(fill_blanks(block[:, rest], places(N)), centre, rest, 5)
    assert found.n_pixels == 199
    np.testing.assert_array_equal(found.products, right.products)


def test_random_numbers_belong_to_a_pixel_and_a_column() -> None:
    pixels = np.array([5, 2**40, 7, 0])
    all_of_them = deviates(pixels, 9, seed=3)
    np.testing.assert_array_equal(deviates(pixels[2:], 4, seed=3), all_of_them[2:, :4])
    assert not np.array_equal(deviates(pixels, 9, seed=4), all_of_them)


def test_random_numbers_are_close_to_normal() -> None:
    drawn = deviates(np.arange(20_000), 10, seed=0)
    assert np.abs(drawn.mean(axis=0)).max() < 4 / np.sqrt(20_000)
    assert drawn.std() == pytest.approx(1, abs=4 / np.sqrt(2 * drawn.size))
    assert np.abs(np.corrcoef(drawn.T) - np.eye(10)).max() < 5 / np.sqrt(20_000)
    assert (drawn**4).mean() == pytest.approx(
        3 - 1.2 / 8, abs=0.05
    )  # eight bytes: a little lighter in the tails


def test_what_cannot_be_done_is_refused_in_words() -> None:
    pixels = np.arange(10)
    with pytest.raises(InputError, match="10 pixels"):
        Sketch.of_block(filled(pixels), np.zeros(N), pixels, COLUMNS).basis()
    with pytest.raises(UsageError, match="301 columns"):
        Sketch.of_block(filled(pixels), np.zeros(N), pixels, N + 1).basis()
    many = np.arange(100)
    refinement = Refinement.of_block(filled(many), np.zeros(N), np.eye(N)[:, :5])
    with pytest.raises(UsageError, match="6 modes"):
        refinement.modes(np.zeros(N), np.eye(N)[:, :5], 6)
