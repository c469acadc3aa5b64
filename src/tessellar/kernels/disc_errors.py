"""How far the parameters of a fitted disc may be off: what noise, and all that is known beforehand, leave open.

Near the best disc the sum of squares is a parabola, whose curvature is the Fisher matrix of the noise and of what is
known beforehand; its inverse is the covariance of the parameters.
"""

from __future__ import annotations

import math

import numpy as np

from tessellar.kernels.disc_fit import INCLINATION, STEPS, Problem, Surroundings
from tessellar.model import DoubleArray

_ROUNDS = 3
_SMALLEST = 1e-3  # of a step
_LARGEST = 4.0  # steps
_UNKNOWN = 1e-6  # curvature of a parameter that changes nothing


def disc_errors(around: Surroundings, found: DoubleArray) -> DoubleArray:
    """Return the standard deviations of the parameters of a disc, float64 array (8), in their own units.

    The slopes are those of secants as long as the error of the parameter alone, which is where the sum of squares has
    risen by one: a disc that is seen edge on changes with the square of a change in inclination, and its tangent would
    say that nothing is known of it.

    Parameters
    ----------
    around
        The voxels around a source.
    found
        The parameters of the best disc, as `fit_disc` returns them.
    """
    problem = Problem(around)
    here = problem.residuals(found)
    lengths = 0.1 * STEPS
    for _ in range(_ROUNDS):
        slopes = np.stack(
            [_secant(problem, here, found, number, step) for number, step in enumerate(lengths)]
        )
        steepness = np.sqrt(np.sum(slopes**2, axis=1) + _UNKNOWN)
        lengths = np.clip(1.0 / steepness, _SMALLEST * STEPS, _LARGEST * STEPS)
    covariance = np.linalg.inv(slopes @ slopes.T + _UNKNOWN * np.eye(STEPS.size))
    return np.asarray(np.sqrt(np.diag(covariance)))


def _secant(
    problem: Problem, here: DoubleArray, found: DoubleArray, number: int, length: float
) -> DoubleArray:
    """Return by how much residuals change with a unit of one parameter, along a secant of some length."""
    there = found.copy()
    inward = number == INCLINATION and found[number] > math.radians(45.0)
    there[number] += -length if inward else length
    return (problem.residuals(there) - here) / length
