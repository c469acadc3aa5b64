"""The errors of angles are about as large as what noise does to them, inside a mask that is given."""

from __future__ import annotations

import math

import numpy as np
import pytest
from measuring_one import error_inside, flat_noise, row_of
from test_pulls import BEAMS, correlation_of_smoothed, smooth

from tessellar.kernels.angle_noise import UNKNOWN
from tessellar.kernels.flux_scale import FluxScale

SHAPE = (9, 40, 40)
REALISATIONS = 300


def rotating(step: float) -> np.ndarray:
    """A patch of sky that moves by so many pixels along a line from channel to channel."""
    z, x, y = np.indices(SHAPE, dtype=np.float64)
    along = step * (z - 4.0)
    a, b = x - 19.3 - 0.6 * along, y - 20.1 - 0.8 * along
    return np.asarray(12.0 * np.exp(-0.5 * (a * a + b * b) / 9.0), dtype=np.float32)


def rows_of(truth: np.ndarray, beam: str, n: int) -> list[dict[str, float]]:
    mask, scale = truth > 1.5, FluxScale(np.ones(9), np.ones(9), "Jy", np.arange(9.0))
    white = np.random.default_rng(11).normal(size=(n, *SHAPE)).astype(np.float32)
    correlation = correlation_of_smoothed(BEAMS[beam])
    cubes = (truth + smooth(one, BEAMS[beam]) for one in white)
    model = flat_noise(SHAPE, 1.0)
    return [row_of(cube, mask, scale, noise=model, correlation=correlation) for cube in cubes]


@pytest.mark.parametrize("beam", BEAMS)
def test_the_error_of_an_angle_is_right_or_a_little_large(beam: str) -> None:
    """It takes a channel for a Gaussian patch; noise at the sharp edge of this mask turns it less."""
    rows = rows_of(rotating(2.0), beam, REALISATIONS)
    angle = math.degrees(math.atan2(-0.6, 0.8)) % 360.0
    for name, turn in (("kin_pa", 360.0), ("ell_pa", 180.0)):
        off = [(row[name] - angle + 0.5 * turn) % turn - 0.5 * turn for row in rows]
        pulls = np.array(off) / [error_inside(row, name, SHAPE[0]) for row in rows]
        assert 0.75 < np.std(pulls) < 1.1, name
        assert abs(np.mean(pulls)) < 0.3, name


def test_what_does_not_move_has_no_axis_and_no_error_beyond_ignorance() -> None:
    for row in rows_of(rotating(0.0), "round", 5):
        assert 0.0 < row["err_kin_pa"] <= UNKNOWN["kin_pa"]
        assert 0.0 < row["err_ell_pa"] <= UNKNOWN["ell_pa"]
