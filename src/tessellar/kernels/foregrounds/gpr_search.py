"""The search for the most likely Gaussian processes: from several starts, on few channels first, then on all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
from scipy.optimize import minimize

from tessellar.kernels.foregrounds.gpr_model import Model
from tessellar.kernels.foregrounds.likelihood import Likelihood
from tessellar.kernels.foregrounds.statistics import SpectralStatistics
from tessellar.model import DoubleArray

FEW_CHANNELS = 256  # a search begins on every n-th channel, so that there are at most that many
_FLAT = 1e-5  # a search has converged where the slope of -log L / P is less than this in every channel
_DEPARTURES = 6
_SCORINGS = 6
_LONGEST_STEP = 0.1  # of a logarithm
_SAME = 1e-7  # optima whose -log L / P differ by less than this in every channel are one


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
        Whether the likelihood has no slope there, but for one out of the ranges.
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
    likelihood = model.likelihood(statistics, step)
    found = [_descend(likelihood, model, start, (i,)) for i, start in enumerate(model.starts(likelihood))]
    distinct = _distinct(found, _SAME * n / step)
    if step > 1:
        likelihood = model.likelihood(statistics)
        distinct = [_descend(likelihood, model, one.theta, one.starts) for one in distinct]
    return tuple(_distinct(distinct, _SAME * n))


def _descend(likelihood: Likelihood, model: Model, start: DoubleArray, starts: tuple[int, ...]) -> Optimum:
    """Return where L-BFGS-B (Byrd et al. 1995, SIAM J. Sci. Comput. 16, 1190) ends, and Fisher's scoring after it.

    A search that stumbles over parameters without a likelihood sets out again from where it is.
    """
    n, before = len(likelihood.apart), inf
    options = {"maxiter": 500, "ftol": 1e-10, "gtol": 1e-6}
    for _ in range(_DEPARTURES):
        done = minimize(
            likelihood, start, jac=True, method="L-BFGS-B", bounds=model.bounds(), options=options
        )
        start = np.asarray(done.x)
        if done.success or before - done.fun < _SAME * n:
            break
        before = float(done.fun)
    theta, value, slope = _scored(likelihood, start, np.array(model.bounds()))
    return Optimum(theta, value, starts, slope < _FLAT * n)


def _scored(
    likelihood: Likelihood, theta: DoubleArray, bounds: DoubleArray
) -> tuple[DoubleArray, float, float]:
    """Return where the derivatives vanish, the likelihood there, and the steepest slope that is left.

    Near an optimum the likelihood itself is flat to its last digits, and its derivatives are not.
    """
    value, gradient = likelihood(theta)
    slope = _downhill(theta, gradient, bounds)
    for _ in range(_SCORINGS):
        free = slope != 0.0
        if not free.any():
            break
        information = likelihood.information(theta)[np.ix_(free, free)]
        step = np.zeros_like(theta)
        step[free] = np.linalg.lstsq(information, gradient[free], rcond=1e-9)[0]
        step *= min(1.0, _LONGEST_STEP / max(float(np.abs(step).max()), 1e-300))
        tried = np.clip(theta - step, bounds[:, 0], bounds[:, 1])
        there, gradient_there = likelihood(tried)
        slope_there = _downhill(tried, gradient_there, bounds)
        worse = there - value > _SAME * len(likelihood.apart)
        if worse or np.abs(slope_there).max() >= np.abs(slope).max():
            break
        theta, value, gradient, slope = tried, there, gradient_there, slope_there
    return theta, value, float(np.abs(slope).max())


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
