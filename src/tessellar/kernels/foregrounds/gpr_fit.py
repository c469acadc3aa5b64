"""What the most likely Gaussian processes of a cube are, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tessellar.errors import InputError
from tessellar.kernels.foregrounds.gpr_model import STARTS, Model
from tessellar.kernels.foregrounds.gpr_search import Optimum, optima
from tessellar.kernels.foregrounds.likelihood import IMPOSSIBLE, Likelihood
from tessellar.kernels.foregrounds.operator import SpectralOperator
from tessellar.kernels.foregrounds.residual import left_over, residual_matrix
from tessellar.kernels.foregrounds.separated import Report
from tessellar.kernels.foregrounds.statistics import SpectralStatistics
from tessellar.model import DoubleArray

_AT_BOUND = 1e-3  # of a logarithm
_UNSEEN = 1e-2  # of signal and noise: the variance below which a component is none


@dataclass(frozen=True, slots=True, eq=False)
class GaussianProcessFit:
    """The most likely Gaussian processes, and the filter that follows from them.

    Attributes
    ----------
    parameters
        By name; variances in the cube's unit squared, scales in MHz.
    negative_log_likelihood
        Of all pixels, variances counted in the model's unit, without the constant.
    optima
        What the starts led to, the best first: parameters, the negative log-likelihood, and which starts.
    operator
        The filter, with the residual matrix R.
    posterior
        Covariance of the foregrounds that stay in the residual, float64 array (frequency, frequency), in the cube's
        unit squared.
    unseen
        Components that the cube shows nothing of, beside the polynomial and the others.
    warnings
        Sentences about what may not be worth much.
    """

    parameters: dict[str, float]
    negative_log_likelihood: float
    optima: tuple[tuple[dict[str, float], float, tuple[int, ...]], ...]
    operator: SpectralOperator
    posterior: DoubleArray
    unseen: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def modes_removed(self) -> float:
        """The effective number of dimensions that the filter takes away: the trace of I - R."""
        residual = self.operator.residual
        return 0.0 if residual is None else len(residual) - float(np.trace(residual))

    def report(self) -> Report:
        """Return what was found, by name."""
        listed = [
            {"negative_log_likelihood": value, "starts": list(starts), **parameters}
            for parameters, value, starts in self.optima
        ]
        return {
            **self.parameters,
            "negative_log_likelihood": self.negative_log_likelihood,
            "effective_modes": self.modes_removed,
            "unseen": list(self.unseen),
            "optima": listed,
        }


def fit_model(model: Model, statistics: SpectralStatistics) -> GaussianProcessFit:
    """Return the most likely parameters of the model, and what follows from them.

    Raises
    ------
    InputError
        No start has a likelihood.
    """
    found = optima(model, statistics)
    if found[0].value >= IMPOSSIBLE:
        raise InputError(
            "Gaussian processes cannot be fitted: within these ranges the foregrounds hide signal and noise beyond the "
            "digits of float64. Give the variance of the noise, a polynomial (degree 2), or shorter scales."
        )
    theta, n = found[0].theta, statistics.n_pixels
    likelihood = model.likelihood(statistics)
    residual, rest = _filter(likelihood, theta)
    unseen = _unseen(model, likelihood, theta)
    return GaussianProcessFit(
        model.named(theta),
        n * found[0].value,
        tuple((model.named(one.theta), n * one.value, one.starts) for one in found),
        SpectralOperator(statistics.mean, residual=residual),
        model.unit * left_over(residual, rest),
        unseen,
        (*_at_bounds(model, theta, unseen), *_doubts(found)),
    )


def _filter(likelihood: Likelihood, theta: DoubleArray) -> tuple[DoubleArray, DoubleArray]:
    """Return R, and the covariance of signal and noise in the model's unit."""
    *foregrounds, signal = [variance * shape for variance, shape, _ in likelihood.components(theta)]
    rest = signal + np.diag(likelihood.white(theta))
    foreground = sum(foregrounds, start=np.zeros_like(rest))
    return residual_matrix(foreground, rest, likelihood.complement), rest


def _unseen(model: Model, likelihood: Likelihood, theta: DoubleArray) -> tuple[str, ...]:
    """Return the components of the foregrounds that drown in signal and noise."""
    levels = [likelihood.level(variance * shape) for variance, shape, _ in likelihood.components(theta)]
    words = [parameter.component for parameter in model.parameters[::2]]
    limit = _UNSEEN * model.rest / model.unit
    return tuple(word for word, level in zip(words, levels, strict=False) if level < limit)


def _at_bounds(model: Model, theta: DoubleArray, unseen: tuple[str, ...]) -> list[str]:
    """Return a sentence for every parameter that the data would take farther than its prior."""
    sentences = []
    for parameter, found, (low, high) in zip(model.parameters, theta, model.bounds(), strict=True):
        end = "lower" if found - low < _AT_BOUND else "upper" if high - found < _AT_BOUND else None
        if end is not None and parameter.component not in unseen:
            value = parameter.low if end == "lower" else parameter.high
            sentences.append(
                f"the {parameter.name.replace('_', ' ')} of the Gaussian processes is at the {end} end of its range, "
                f"{value:.3g} {parameter.unit}: the cube does not tell it, or the range does not suit the cube."
            )
    return sentences


def _doubts(found: tuple[Optimum, ...]) -> list[str]:
    """Return sentences about a search that may not have found the best there is."""
    best, sentences = found[0], []
    if not best.converged:
        sentences.append("the search for the most likely Gaussian processes stopped before it converged.")
    if len(best.starts) == 1:
        sentences.append(
            f"one of {len(STARTS)} starts alone led to the most likely Gaussian processes; the report lists what the "
            "others led to."
        )
    return sentences
