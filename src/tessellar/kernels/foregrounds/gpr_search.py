"""The search for the most likely Gaussian processes: from several starts, on few channels first, then on all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from tessellar.kernels.foregrounds.gpr_model import Model
from tessellar.kernels.foregrounds.likelihood import Likelihood
from tessellar.kernels.foregrounds.statistics import SpectralStatistics
from tessellar.model import DoubleArray

FEW_CHANNELS = 256  # a search begins on every n-th channel, so that there are at most that many
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
        Whether the search says that it ended there.
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
    """Return where L-BFGS-B (Byrd et al. 1995, SIAM J. Sci. Comput. 16, 1190) ends."""
    options = {"maxiter": 500, "ftol": 1e-13, "gtol": 1e-7}
    done = minimize(likelihood, start, jac=True, method="L-BFGS-B", bounds=model.bounds(), options=options)
    return Optimum(np.asarray(done.x), float(done.fun), starts, bool(done.success))


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
