"""The disc that explains the voxels around a source best, given that noise is correlated and what galaxies are like.

The noise of an image is correlated as its beam. Both axes of the residual are therefore whitened by the Cholesky factor
of that correlation, so that the sum of squares is the likelihood; what is known beforehand of sizes, speeds and
inclinations adds three more squares. Levenberg-Marquardt (Marquardt 1963, J. SIAM 11, 431) finds the minimum.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tessellar.kernels.disc_model import Look, draw_disc, scale_lengths_in_radius, unit_clouds
from tessellar.model import DoubleArray

X, Y, Z, FLUX, SIZE, INCLINATION, PA, WIDTH = range(8)
"""Parameters of a disc, float64 array (8): centre in voxels of the array; natural logarithms of the flux in Jy times
channels, of the diameter in pixels; inclination and position angle in radians; natural logarithm of the line width at
20 % in channels."""

STEPS = np.array([0.5, 0.5, 2.0, 0.15, 0.2, 0.25, 0.3, 0.15])
"""How far each parameter may be off, roughly."""
_DIFFERENCE = 0.02  # of a step, for derivatives
_ITERATIONS = 15
_ENOUGH = 1e-4  # relative decrease of the sum of squares at which it ends
_INCLINATIONS = tuple(math.radians(angle) for angle in (35.0, 60.0, 80.0))
_TURNS = 8  # position angles at the start
_WHITE = 0.03  # share of the noise that is taken to be independent, to keep the inverse tame
_EDGE_WIDTH, _FULL_WIDTH = 0.75, 0.98  # how turbulence and rotation add up to the width at 20 %
_W20 = 2.0 * math.sqrt(2.0 * math.log(5.0))  # of a Gaussian, standard deviations


@dataclass(frozen=True, slots=True)
class Expected:
    """What is known beforehand of a galaxy, in decimal logarithms, as straight lines over that of its flux.

    Attributes
    ----------
    size
        Slope and offset of the diameter in pixels, and its scatter.
    width
        The same of the line width in channels of a galaxy that is seen edge on.
    """

    size: tuple[float, float, float]
    width: tuple[float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Surroundings:
    """The voxels around a source.

    Attributes
    ----------
    voxels
        float64 array (frequency, l, m), Jy/beam, without blanks.
    rms
        Noise, Jy/beam.
    beam, line
        Standard deviations of the round beam, pixels, and of the line of gas that does not turn, channels.
    receding
        1 if frequency falls with the channel, so that upper channels recede; else -1.
    expected
        What is known beforehand.
    """

    voxels: DoubleArray
    rms: float
    beam: float
    line: float
    receding: float
    expected: Expected


def fit_disc(around: Surroundings, start: DoubleArray) -> DoubleArray:
    """Return the parameters of the best disc, float64 array (8) as `X` to `WIDTH` name them.

    Parameters
    ----------
    around
        The voxels around a source.
    start
        Parameters to begin with; inclination and position angle are tried in steps.
    """
    problem = Problem(around)
    best, lowest = start, math.inf
    for inclination in _INCLINATIONS:
        for turn in range(_TURNS):
            tried = start.copy()
            tried[INCLINATION] = inclination
            tried[PA] += 2.0 * math.pi * turn / _TURNS
            squares = float(np.sum(problem.residuals(tried) ** 2))
            if squares < lowest:
                best, lowest = tried, squares
    return _upright(problem.minimum(best, lowest))


class Problem:
    """Residuals as a function of the parameters.

    Parameters
    ----------
    around
        The voxels around a source.
    """

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        _, width, height = around.voxels.shape
        self._left, self._right = (_whitener(count, around.beam) for count in (width, height))
        self._seen = self._white(around.voxels)
        self._drawn = np.empty(around.voxels.shape)

    def residuals(self, parameters: DoubleArray) -> DoubleArray:
        """Return deviations in units of their errors: of all voxels, and of what is known beforehand."""
        draw_disc(self._drawn, self.look(parameters), unit_clouds())
        return np.concatenate(
            [(self._white(self._drawn) - self._seen).ravel(), _unlikely(parameters, self._around.expected)]
        )

    def look(self, parameters: DoubleArray) -> Look:
        """Return how the disc of some parameters is seen."""
        around = self._around
        width = math.exp(parameters[WIDTH])
        turning = max(width**2 - (_EDGE_WIDTH * _W20 * around.line) ** 2, 0.01)
        return Look(
            z=parameters[Z],
            x=parameters[X],
            y=parameters[Y],
            flux=math.exp(parameters[FLUX]),
            scale_length=0.5 * math.exp(parameters[SIZE]) / scale_lengths_in_radius(),
            inclination=parameters[INCLINATION],
            pa=parameters[PA],
            rotation=around.receding * 0.5 * math.sqrt(turning) / _FULL_WIDTH,
            beam=around.beam,
            line=around.line,
        )

    def minimum(self, parameters: DoubleArray, squares: float) -> DoubleArray:
        """Return the parameters with the least sum of squares, from some on."""
        damping = 0.01
        for _ in range(_ITERATIONS):
            here = self.residuals(parameters)
            slopes = np.stack([self._slope(parameters, here, number) for number in range(STEPS.size)])
            curvature, downhill = slopes @ slopes.T, slopes @ here
            before = squares
            while damping < 1e6:
                damped = curvature + damping * np.diag(np.diag(curvature) + 1e-12)
                tried = parameters - STEPS * np.linalg.solve(damped, downhill)
                lower = float(np.sum(self.residuals(tried) ** 2)) if _sane(tried) else math.inf
                if lower < squares:
                    parameters, squares, damping = tried, lower, damping / 5.0
                    break
                damping *= 5.0
            if before - squares < _ENOUGH * before:
                break
        return parameters

    def _slope(self, parameters: DoubleArray, here: DoubleArray, number: int) -> DoubleArray:
        """Return by how much residuals change with a step of one parameter."""
        there = parameters.copy()
        there[number] += _DIFFERENCE * STEPS[number]
        return (self.residuals(there) - here) / _DIFFERENCE

    def _white(self, voxels: DoubleArray) -> DoubleArray:
        return self._left @ voxels @ self._right.T / self._around.rms


def _whitener(count: int, beam: float) -> DoubleArray:
    """Return the matrix that makes noise with the correlation of the beam independent along one axis."""
    apart = np.subtract.outer(np.arange(count), np.arange(count))
    correlation = (np.exp(-0.5 * (apart / beam) ** 2) + _WHITE * np.eye(count)) / (1.0 + _WHITE)
    return np.asarray(np.linalg.inv(np.linalg.cholesky(correlation)))


def _unlikely(parameters: DoubleArray, expected: Expected) -> DoubleArray:
    """Return how unlikely size, width and inclination are, in units of their scatter, float64 array (3)."""
    flux, size, width = parameters[[FLUX, SIZE, WIDTH]] / math.log(10.0)
    sine = abs(math.sin(parameters[INCLINATION]))
    edge_on = width - math.log10(max(sine, 0.05))
    found = [
        (value - slope * flux - offset) / scatter
        for value, (slope, offset, scatter) in ((size, expected.size), (edge_on, expected.width))
    ]
    return np.array([*found, math.sqrt(-2.0 * math.log(max(sine, 0.02)))])


def _sane(parameters: DoubleArray) -> bool:
    """Return whether parameters can be drawn: a step may lead anywhere."""
    return bool(np.isfinite(parameters).all() and np.abs(parameters[[FLUX, SIZE, WIDTH]]).max() < 30.0)


def _upright(parameters: DoubleArray) -> DoubleArray:
    """Return the same disc with an inclination from 0 to 90 degrees and a position angle from 0 to 360."""
    out = parameters.copy()
    tilt = np.mod(out[INCLINATION], math.pi)
    out[INCLINATION] = min(tilt, math.pi - tilt)
    out[PA] = np.mod(out[PA], 2.0 * math.pi)
    return out
