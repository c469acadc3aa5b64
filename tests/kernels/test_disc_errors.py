"""Errors of a fitted disc are the scatter of fits to many noises, and known where a tangent knows nothing."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tessellar.kernels.disc_errors import disc_errors
from tessellar.kernels.disc_fit import INCLINATION, PA, Expected, Problem, Surroundings, fit_disc
from tessellar.kernels.disc_model import draw_disc, unit_clouds
from tessellar.simulate.noise import correlated_noise
from tessellar.tiling.box import Box

SHAPE = (37, 23, 23)
ANYTHING = Expected((0.0, 0.0, 1e3), (0.0, 0.0, 1e3))
TRUE = np.array([11.3, 10.8, 18.2, math.log(0.8), math.log(9.0), math.radians(55.0), 0.6, math.log(20.0)])


def around(parameters: np.ndarray, rms: float, seed: int = 0) -> Surroundings:
    """Return a disc in noise, nothing known of it beforehand but that discs lie at random."""
    empty = Surroundings(np.zeros(SHAPE), rms, 2.5 / 2.354820045, 1.1, -1.0, ANYTHING)
    out = np.empty(SHAPE)
    draw_disc(out, Problem(empty).look(parameters), unit_clouds())
    return replace(empty, voxels=out + rms * correlated_noise(Box.of_shape(SHAPE), seed, 2.5, 1.0))


def test_errors_are_the_scatter_of_fits_to_many_noises() -> None:
    skies = [around(TRUE, 4e-3, seed) for seed in range(16)]
    fits = np.array([fit_disc(sky, TRUE) for sky in skies])
    errors = np.array([disc_errors(sky, found) for sky, found in zip(skies, fits, strict=True)])
    pulls = (fits - TRUE) / errors
    width = np.sqrt(np.mean(pulls**2, axis=0))
    assert ((width > 0.5) & (width < 1.5)).all(), width  # of 16, each is uncertain by a fifth
    assert 0.8 < np.sqrt(np.mean(pulls**2)) < 1.2


def test_errors_grow_with_the_noise() -> None:
    quiet, loud = (disc_errors(around(TRUE, rms), TRUE) for rms in (1e-4, 2e-4))
    assert loud == pytest.approx(2.0 * quiet, rel=0.05)


def test_the_inclination_of_a_disc_seen_edge_on_is_known() -> None:
    edge_on = TRUE.copy()
    edge_on[INCLINATION] = 0.5 * math.pi
    errors = disc_errors(around(edge_on, 2e-3), edge_on)
    assert 1.0 < math.degrees(errors[INCLINATION]) < 25.0
    assert math.degrees(errors[PA]) < 3.0


def test_what_is_known_beforehand_lowers_the_error_of_the_size() -> None:
    faint = around(TRUE, 2e-2)
    known = Expected((0.0, math.log10(9.0), 0.05), ANYTHING.width)
    size = disc_errors(replace(faint, expected=known), TRUE)[4]
    assert size < 0.05 * math.log(10.0) < disc_errors(faint, TRUE)[4]
