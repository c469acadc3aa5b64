"""Sums over neighbours for many pixels at once are those of each pixel alone, in one order, to the bit."""

from __future__ import annotations

import numpy as np
import pytest

from tessellar.kernels.neighbour_sums import CELLS, TOGETHER, add_neighbours


@pytest.mark.parametrize(("rows", "columns"), [(1, 5), (9, 12), (5, CELLS // 2)])
@pytest.mark.parametrize("reach", [(0, 0), (1, 2), (2, 3)])
def test_every_pixel_has_the_sum_that_it_would_have_alone(
    rows: int, columns: int, reach: tuple[int, int]
) -> None:
    rng = np.random.default_rng(rows + columns)
    rx, ry = reach
    plane = np.zeros((rows + 2 * rx, columns + 2 * ry + TOGETHER - 1))
    plane[rx : rx + rows, ry : ry + columns] = rng.uniform(size=(rows, columns)) * (
        rng.uniform(size=(rows, 1)) < 0.8
    )
    table = rng.uniform(size=(2 * rx + 1, 2 * ry + 1))
    table[0, 0] = 0.0
    sums = np.full((3, rows, plane.shape[1]), np.nan)
    first, last, low, high = rows // 3, rows, ry + columns // 4, ry + columns
    add_neighbours(plane, first, last, low, high, table, sums)
    alone = np.zeros((3, rows, columns))
    for i in range(-rx, rx + 1):
        row = np.zeros((rows, columns))
        for j in range(-ry, ry + 1):
            value = table[i + rx, j + ry] * plane[rx + i : rx + i + rows, ry + j : ry + j + columns]
            row += value
            alone[2] += j * value
        alone[0] += row
        alone[1] += i * row
    assert np.array_equal(sums[:, first:last, low:high], alone[:, first:, low - ry :])


def test_rows_may_share_the_margins_between_them() -> None:
    rng = np.random.default_rng(7)
    rows, columns, rx, ry = 6, 9, 2, 3
    inside, table = rng.uniform(size=(rows, columns)), rng.uniform(size=(2 * rx + 1, 2 * ry + 1))
    sums = []
    for behind in (0, ry + TOGETHER - 1):
        plane = np.zeros((rows + 2 * rx + 2, ry + columns + behind))
        plane[rx : rx + rows, ry : ry + columns] = inside
        made = np.full((3, rows, plane.shape[1]), np.nan)
        add_neighbours(plane, 0, rows, ry, ry + columns, table, made)
        sums.append(made[:, :, ry : ry + columns])
    assert np.array_equal(*sums)
