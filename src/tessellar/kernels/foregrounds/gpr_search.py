"""The search for the most likely Gaussian processes: from several starts, on few channels first, then on all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from tessellar.kernels.foregrounds.gpr_model import Model
from tessellar.kernels.foregrounds.likelihood import IMPOSSIBLE, Likelihood
from tessellar.kernels.foregrounds.statistics import SpectralStatistics
from tessellar.model import DoubleArray

FEW_CHANNELS = 256  # a search begins on every n-th channel, so that there are at most that many
_SAME = 1e-7  # optima whose -log L / P differ by less than this in every channel, or 1 in all pixels, are one
_GOAL = 1e-6  # of that
_ROUNDING = 1e-8  # of -log L / P in every channel
_SCORINGS = 100
_LONGEST_STEP = 1.0  # of a logarithm
_STUCK = 1e4  # the damping at which steps lead nowhere


@dataclass(frozen=True, slots=True, eq=False)
class Optimum:
    """Where a search ended.

    Attributes
    ----------
    theta
        Logarithms of the parameters, variances in the model's unit.
    value
        -log L / P there.
    starts
        Which starts led there.
    converged
        Whether a step within the ranges would win next to nothing.
    """

    theta: DoubleArray
    value: float
    starts: tuple[int, ...]
    converged: bool


def optima(model: Model, statistics: SpectralStatistics) -> tuple[Optimum, ...]:
    """Return what the starts lead to, the most likely first.

    Every n-th channel of a Gaussian process is one itself, with the same parameters, and far cheaper to fit; the
    optima found there are the starts for all channels.
    """
    n = len(statistics.frequencies)
    step = -(-n // FEW_CHANNELS)
    same = max(_SAME * n, 1.0 / statistics.n_pixels)
    likelihood, bounds = model.likelihood(statistics, step), np.array(model.bounds())
    starts = enumerate(model.starts(likelihood))
    distinct = _distinct([_descend(likelihood, bounds, start, (i,), same) for i, start in starts], same)
    if step > 1:
        likelihood = model.likelihood(statistics)
        distinct = [_descend(likelihood, bounds, one.theta, one.starts, same) for one in distinct]
    return tuple(_distinct(distinct, same))


def _descend(
    likelihood: Likelihood, bounds: DoubleArray, start: DoubleArray, starts: tuple[int, ...], same: float
) -> Optimum:
    """Return where L-BFGS-B (Byrd et al. 1995, SIAM J. Sci. Comput. 16, 1190) ends, and Fisher's scoring after it."""
    options = {"maxiter": 500, "ftol": 1e-9, "gtol": 1e-6}
    done = minimize(likelihood, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    place = _scored(likelihood, np.asarray(done.x), bounds, _GOAL * same)
    return Optimum(place.theta, place.value, starts, place.gain < same)


@dataclass(frozen=True, slots=True, eq=False)
class _Place:
    """Parameters, -log L / P there, its derivatives that lead downhill within the ranges, and Fisher's information."""

    theta: DoubleArray
    value: float
    slope: DoubleArray
    information: DoubleArray

    @classmethod
    def of(cls, likelihood: Likelihood, theta: DoubleArray, bounds: DoubleArray) -> _Place:
        value, gradient = likelihood(theta)
        information = likelihood.information(theta) if value < IMPOSSIBLE else np.eye(len(theta))
        return cls(theta, value, _downhill(theta, gradient, bounds), information)

    def step(self, damping: float) -> DoubleArray:
        """Return the step to where the derivatives would vanish, damped as Marquardt (1963, J. SIAM 11, 431) does."""
        free = self.slope != 0.0
        damped = (self.information + damping * np.diag(np.diag(self.information)))[np.ix_(free, free)]
        step = np.zeros_like(self.theta)
        step[free] = -np.linalg.lstsq(damped, self.slope[free], rcond=1e-12)[0]
        return step

    @property
    def gain(self) -> float:
        """By how much -log L / P would fall with a whole step."""
        return -0.5 * float(self.slope @ self.step(0.0))


def _scored(likelihood: Likelihood, theta: DoubleArray, bounds: DoubleArray, goal: float) -> _Place:
    """Return where no step wins more than ``goal``, or none can be told from rounding.

    Steps go on where L-BFGS-B stumbled over parameters without a likelihood; and near an optimum, where the likelihood
    itself is flat to its last digits, they go by its derivatives.
    """
    place, damping = _Place.of(likelihood, theta, bounds), 1e-3
    rounding = _ROUNDING * len(likelihood.apart)
    for _ in range(_SCORINGS):
        if damping > _STUCK or place.gain < goal:
            break
        step = place.step(damping)
        step *= min(1.0, _LONGEST_STEP / max(float(np.abs(step).max()), 1e-300))
        tried = _Place.of(likelihood, np.clip(place.theta + step, bounds[:, 0], bounds[:, 1]), bounds)
        flatter = tried.gain < place.gain
        if tried.value < place.value - rounding or (tried.value < place.value + rounding and flatter):
            place, damping = tried, damping / 10.0
        else:
            damping *= 10.0
    return place


def _downhill(theta: DoubleArray, gradient: DoubleArray, bounds: DoubleArray) -> DoubleArray:
    """Return the derivatives, without those that lead out of the ranges."""
    out = (theta <= bounds[:, 0]) & (gradient > 0.0) | (theta >= bounds[:, 1]) & (gradient < 0.0)
    return np.where(out, 0.0, gradient)


def _distinct(found: Sequence[Optimum], same: float) -> list[Optimum]:
    """Return the optima by likelihood; those that are equally likely once, with the starts of all of them."""
    kept: list[Optimum] = []
    for one in sorted(found, key=lambda optimum: (optimum.value, optimum.starts)):
        if kept and one.value - kept[-1].value < same:
            best = kept[-1]
            starts = tuple(sorted(best.starts + one.starts))
            kept[-1] = Optimum(best.theta, best.value, starts, best.converged or one.converged)
        else:
            kept.append(one)
    return kept
