"""Gaussian process regression: foregrounds, signal and noise told apart by how they are correlated along frequency.

Mertens, Ghosh & Koopmans 2018, MNRAS 478, 3640. What pixels say of the parameters is in their covariance alone, so
that a cube of any size is fitted from one matrix.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import ClassVar

import numpy as np

from tessellar.errors import InputError, UsageError
from tessellar.kernels.foregrounds.complement import Complement
from tessellar.kernels.foregrounds.covariances import (
    Shape,
    exponential,
    gaussian,
    gaussian_increment,
    matern32,
)
from tessellar.kernels.foregrounds.gpr_fit import GaussianProcessFit, fit_model
from tessellar.kernels.foregrounds.gpr_model import Model, Parameter
from tessellar.kernels.foregrounds.legendre import polynomials
from tessellar.kernels.foregrounds.separated import Separated, WithoutMaps
from tessellar.kernels.foregrounds.statistics import SpectralStatistics
from tessellar.model import DoubleArray, FloatArray

FEWEST_CHANNELS = 12
Range = tuple[float, float]
_SMOOTH = 5  # degree of the polynomials that tell a first guess of signal and noise from foregrounds


@dataclass(frozen=True, slots=True)
class GaussianProcess(WithoutMaps):
    """Foregrounds as a smooth Gaussian process, the 21-cm signal as a rough one, and noise.

    Scales have log-uniform priors: the parameters are ranges in MHz. Variances have log-uniform priors that are wide
    around what the cube shows.

    Parameters
    ----------
    degree
        Of the polynomial in log frequency that may take any amplitude in any pixel (a flat prior), 0 to 6; -1 for no
        such polynomial.
    foreground_scale
        Of the Gaussian covariance of the foregrounds.
    mixing
        Whether there is a component with a Matérn-3/2 covariance, for what the instrument mixes into the foregrounds.
    mixing_scale
        Of that component.
    signal_scale
        Of the exponential covariance of the signal.

    Raises
    ------
    UsageError
        A parameter is out of range.
    """

    degree: int = 2
    foreground_scale: Range = (10.0, 3000.0)
    mixing: bool = False
    mixing_scale: Range = (2.0, 40.0)
    signal_scale: Range = (0.1, 3.0)

    name: ClassVar[str] = "gpr"
    uses_noise: ClassVar[bool] = True

    def __post_init__(self) -> None:
        problems = []
        if self.degree not in range(-1, 7):
            problems.append(f"the degree {self.degree} is not a whole number from 0 to 6, or -1 for none")
        for word in ("foreground", "mixing", "signal"):
            given = getattr(self, f"{word}_scale")
            if len(given) != 2 or not 0.0 < given[0] < given[1] < inf:
                problems.append(
                    f"the range {given} of the {word} scale is not two MHz above 0, the lower one first"
                )
            else:
                object.__setattr__(self, f"{word}_scale", (float(given[0]), float(given[1])))
        if problems:
            raise UsageError("Gaussian processes cannot be fitted so: " + "; ".join(problems) + ".")

    def operator(
        self,
        statistics: SpectralStatistics,
        maps: FloatArray | None = None,  # noqa: ARG002
        basis: DoubleArray | None = None,  # noqa: ARG002
    ) -> Separated:
        """Return the filter for a cube; maps and basis are not needed."""
        fit = self.fit(statistics)
        return Separated(fit.operator, round(fit.modes_removed), fit.report(), fit.warnings, fit.posterior)

    def fit(self, statistics: SpectralStatistics) -> GaussianProcessFit:
        """Return the most likely parameters, and what follows from them.

        Raises
        ------
        InputError
            The statistics cannot be fitted: too few channels, a covariance with blanks or without noise, or ranges that
            no covariance fits into.
        """
        _check(statistics)
        return fit_model(self._model(statistics), statistics)

    def _model(self, statistics: SpectralStatistics) -> Model:
        """Return the components, with the ranges of their parameters for this cube."""
        total, rest = _levels(statistics)
        parameters, shapes = [], []

        def add(word: str, shape: Shape, scale: Range, variance: Range) -> None:
            parameters.append(Parameter(f"{word}_variance", *variance, unit="the cube's unit squared"))
            parameters.append(Parameter(f"{word}_scale", *scale, unit="MHz"))
            shapes.append(shape)

        smooth, most = (gaussian, 1e3) if self.degree < 0 else (gaussian_increment, 1e6)
        add("foreground", smooth, self.foreground_scale, (1e-3 * rest, most * total))
        if self.mixing:
            add("mixing", matern32, self.mixing_scale, (1e-3 * rest, 1e1 * total))
        add("signal", exponential, self.signal_scale, (1e-4 * rest, 1e1 * rest))
        if statistics.noise_variance is None:
            parameters.append(
                Parameter("noise_variance", 1e-4 * rest, 1e1 * rest, unit="the cube's unit squared")
            )
        return Model(tuple(parameters), tuple(shapes), self.degree, rest)


def _check(statistics: SpectralStatistics) -> None:
    """Refuse statistics that nothing can be fitted to."""
    n, noise = len(statistics.frequencies), statistics.noise_variance
    problems = []
    if n < FEWEST_CHANNELS:
        problems.append(f"the cube has {n} channels with data, and {FEWEST_CHANNELS} are needed")
    if statistics.n_pixels < 2:
        problems.append(f"{statistics.n_pixels} pixels have a spectrum, and 2 are needed")
    if not np.isfinite(statistics.covariance).all():
        problems.append("the covariance of the channels holds blanks; leave those channels out")
    if noise is not None and not (np.isfinite(noise) & (noise >= 0.0)).all():
        problems.append("the variance of the noise is not a number from 0 in every channel")
    if problems:
        raise InputError("Gaussian processes cannot be fitted: " + "; ".join(problems) + ".")


def _levels(statistics: SpectralStatistics) -> Range:
    """Return the variance of a channel, and that of what smooth polynomials do not explain.

    Raises
    ------
    InputError
        Nothing is left beside the polynomials.
    """
    n = len(statistics.frequencies)
    complement = Complement.of(polynomials(statistics.frequencies, _SMOOTH))
    total = float(np.trace(statistics.covariance)) / n
    rest = float(np.trace(complement.compress(statistics.covariance))) / (n - _SMOOTH - 1)
    if not rest > 1e-15 * total > 0.0:
        raise InputError(
            "Gaussian processes cannot be fitted: the spectra are smooth to the last digit, without signal and noise. "
            "Such a cube needs a polynomial or principal components."
        )
    return total, rest
