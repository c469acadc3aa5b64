"""Products are added in one order and rounded once with their sum, as exact arithmetic says, to the bit."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from tessellar.kernels.foregrounds.gram import weighted_products
from tessellar.kernels.foregrounds.products import COLUMNS, ROWS, add_products, padded
from tessellar.model import DoubleArray

RNG = np.random.default_rng(12)


def fused(a: float, b: float, c: float) -> float:
    """Return a b + c, rounded once."""
    return float(Fraction(a) * Fraction(b) + Fraction(c))


def summed(left: DoubleArray, right: DoubleArray, start: float = 0.0) -> float:
    for a, b in zip(left.tolist(), right.tolist(), strict=True):
        start = fused(a, b, start)
    return start


@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_products_are_those_of_exact_arithmetic_rounded_once(kind: type) -> None:
    left, level, sums = (
        RNG.normal(size=(7, 2 * ROWS)),
        RNG.normal(size=7),
        RNG.normal(size=(2 * ROWS, 2 * COLUMNS)),
    )
    right = RNG.normal(size=(7, 2 * COLUMNS)).astype(kind)
    before, deviations = sums.copy(), right.astype(np.float64) - level[:, None]
    add_products(left, right, level, sums)
    for k, p in [(0, 0), (3, 5), (ROWS, COLUMNS - 1), (2 * ROWS - 1, 2 * COLUMNS - 1)]:
        assert sums[k, p] == summed(left[:, k], deviations[:, p], before[k, p])
    np.testing.assert_allclose(sums - before, left.T @ deviations, atol=1e-13)


def test_sums_of_pixels_run_over_them_in_their_order() -> None:
    voxels, centre = RNG.normal(size=(3, 150)), RNG.normal(size=3)
    pixels = np.delete(np.arange(150), [0, 7, 149])
    weights = RNG.uniform(size=len(pixels))
    roots = np.sqrt(weights)
    weight, first, second = weighted_products(voxels, pixels, centre, roots)
    rows = (voxels[:, pixels] - centre[:, None]) * roots
    assert weight == summed(roots, roots)
    assert first.tolist() == [summed(row, roots) for row in rows]
    assert second.tolist() == [[summed(a, b) for b in rows] for a in rows]
    np.testing.assert_allclose(second, rows @ rows.T, rtol=1e-12)


def test_more_channels_than_a_tile_holds() -> None:
    n = 2 * COLUMNS
    voxels = RNG.normal(size=(n, 20))
    weight, first, second = weighted_products(voxels, np.arange(20), np.zeros(n), np.ones(20))
    assert weight == 20.0
    np.testing.assert_allclose(first, voxels.sum(axis=1), atol=1e-13)
    np.testing.assert_allclose(second, voxels @ voxels.T, atol=1e-13)
    np.testing.assert_array_equal(second, second.T)


def test_padding_is_zero_and_never_missing() -> None:
    assert padded(np.ones((2, 0))).tolist() == [[0.0] * ROWS] * 2
    assert padded(np.ones((1, ROWS + 1))).tolist() == [[1.0] * (ROWS + 1) + [0.0] * (ROWS - 1)]
