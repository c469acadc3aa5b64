"""Which Gaussian processes a spectrum is made of, within which ranges, and where the search for them begins."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tessellar.kernels.foregrounds.complement import Complement
from tessellar.kernels.foregrounds.covariances import Shape
from tessellar.kernels.foregrounds.legendre import polynomials
from tessellar.kernels.foregrounds.likelihood import Likelihood
from tessellar.kernels.foregrounds.statistics import SpectralStatistics
from tessellar.model import DoubleArray

STARTS = (  # where in the logarithmic range of the foreground's, the mixing's and the signal's scale; signal's share
    (0.5, 0.5, 0.5, 0.5),
    (0.25, 0.5, 0.25, 0.5),
    (0.75, 0.5, 0.25, 0.2),
    (0.25, 0.25, 0.75, 0.8),
    (0.75, 0.75, 0.75, 0.2),
)
_LEAST = 1e-18  # the part of a shape that rounding leaves beside a polynomial


@dataclass(frozen=True, slots=True)
class Parameter:
    """A positive number with a log-uniform prior from ``low`` to ``high``."""

    name: str
    low: float
    high: float
    unit: str

    @property
    def component(self) -> str:
        """What it is a parameter of."""
        return self.name.rpartition("_")[0]


@dataclass(frozen=True, slots=True)
class Model:
    """What is fitted.

    Attributes
    ----------
    parameters
        As `tessellar.kernels.foregrounds.likelihood.Likelihood` takes their logarithms.
    shapes
        Of the components: the foregrounds, then the signal.
    degree
        Of the polynomial with a flat prior; below 0 there is none.
    rest
        A guess of the variance of signal and noise.
    """

    parameters: tuple[Parameter, ...]
    shapes: tuple[Shape, ...]
    degree: int
    rest: float

    @property
    def unit(self) -> float:
        """The power of two, in the cube's unit squared, that variances are counted in: no digit changes with it."""
        return float(2.0 ** round(math.log2(self.rest)))

    def bounds(self) -> list[tuple[float, float]]:
        """Return the logarithms of the ranges."""
        return [(math.log(one.low), math.log(one.high)) for one in self.scaled()]

    def scaled(self) -> list[Parameter]:
        """Return the parameters with variances in ``unit``."""
        return [
            Parameter(p.name, p.low / self._unit_of(p), p.high / self._unit_of(p), p.unit)
            for p in self.parameters
        ]

    def named(self, theta: DoubleArray) -> dict[str, float]:
        """Return the parameters in their own units."""
        return {p.name: math.exp(t) * self._unit_of(p) for p, t in zip(self.parameters, theta, strict=True)}

    def _unit_of(self, parameter: Parameter) -> float:
        return 1.0 if parameter.unit == "MHz" else self.unit

    def complement(self, frequencies: DoubleArray) -> Complement | None:
        """Return what is at right angles to the polynomial."""
        return None if self.degree < 0 else Complement.of(polynomials(frequencies, self.degree))

    def likelihood(self, statistics: SpectralStatistics, step: int = 1) -> Likelihood:
        """Return that of every ``step``-th channel."""
        frequencies, noise = statistics.frequencies[::step], statistics.noise_variance
        return Likelihood.of(
            statistics.covariance[::step, ::step] / self.unit,
            frequencies / 1e6,
            self.shapes,
            None if noise is None else noise[::step] / self.unit,
            self.complement(frequencies),
        )

    def starts(self, likelihood: Likelihood) -> list[DoubleArray]:
        """Return where the search begins."""
        return [self._start(likelihood, *row) for row in STARTS]

    def _start(self, likelihood: Likelihood, *row: float) -> DoubleArray:
        """Return one start: variances are such that each component explains the part of C that is meant for it."""
        bounds = np.array(self.bounds())
        smooth, mixing, rough, share = row
        places = (smooth, rough) if len(self.shapes) == 2 else (smooth, mixing, rough)
        scales = [low + place * (high - low) for place, (low, high) in zip(places, bounds[1::2], strict=True)]
        rest = self.rest / self.unit
        seen = float((likelihood.root**2).sum()) / len(likelihood.root)
        levels = [
            max(seen - rest, rest),
            *([math.sqrt(seen * rest)] if len(places) == 3 else []),
            share * rest,
        ]
        theta = []
        for shape, scale, level in zip(self.shapes, scales, levels, strict=True):
            one, _ = shape(likelihood.apart, math.exp(scale))
            theta += [math.log(level / max(likelihood.level(one), _LEAST)), scale]
        if likelihood.noise is None:
            theta.append(math.log((1.0 - share) * rest))
        return np.asarray(np.clip(np.array(theta), bounds[:, 0], bounds[:, 1]))
