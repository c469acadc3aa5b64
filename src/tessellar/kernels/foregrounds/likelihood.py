"""How likely the covariance of a cube's channels is, if its spectra are sums of Gaussian processes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack, solve_triangular

from tessellar.kernels.foregrounds.complement import Complement
from tessellar.kernels.foregrounds.covariances import Shape
from tessellar.model import DoubleArray

IMPOSSIBLE = 1e20  # the negative log-likelihood where the model's covariance cannot be factorised


@dataclass(frozen=True, slots=True, eq=False)
class Likelihood:
    """The likelihood of covariances C that P pixels have: -log L / P = ½ [tr(K⁻¹C) + log det K].

    Parameters θ are natural logarithms: variance and scale (MHz) of every shape, then the variance of white noise if
    it is not known. What the complement leaves out has a flat prior: it is projected out of C and K (Rasmussen &
    Williams 2006, section 2.7).

    Attributes
    ----------
    apart
        How far channels are apart, float64 array (frequency, frequency), MHz.
    shapes
        Of the components.
    noise
        Variance of each channel, float64 array (frequency), or None to fit one for all.
    complement
        Or None if nothing has a flat prior.
    root
        G with G Gᵀ = C, or QᵀCQ, float64 array (dimension, rank).
    """

    apart: DoubleArray
    shapes: Sequence[Shape]
    noise: DoubleArray | None
    complement: Complement | None
    root: DoubleArray

    @classmethod
    def of(
        cls,
        covariance: DoubleArray,
        frequencies: DoubleArray,
        shapes: Sequence[Shape],
        noise: DoubleArray | None,
        complement: Complement | None,
    ) -> Likelihood:
        """Return that of a covariance (frequency, frequency) at frequencies in MHz."""
        apart = np.abs(frequencies[:, None] - frequencies[None, :])
        seen = covariance if complement is None else complement.compress(covariance)
        return cls(apart, shapes, noise, complement, _root(seen))

    def __call__(self, theta: DoubleArray) -> tuple[float, DoubleArray]:
        """Return -log L / P, and its derivatives by θ."""
        parts = self.components(theta)
        factor, failed = lapack.dpotrf(self._model(theta, parts), lower=1, clean=1)
        if failed:
            return IMPOSSIBLE, np.zeros_like(theta)
        solved = solve_triangular(factor, self.root, lower=True, check_finite=False)
        value = 0.5 * float((solved**2).sum()) + float(np.log(np.diag(factor)).sum())
        slope = self._slope(factor, solved)
        gradient = [
            g
            for v, shape, by_scale in parts
            for g in (v * (slope * shape).sum(), v * (slope * by_scale).sum())
        ]
        if self.noise is None:
            gradient.append(math.exp(theta[-1]) * np.trace(slope))
        return value, 0.5 * np.array(gradient)

    def information(self, theta: DoubleArray) -> DoubleArray:
        """Return Fisher's information of a pixel, ½ tr(K⁻¹ ∂K K⁻¹ ∂K), float64 array (parameter, parameter)."""
        parts = self.components(theta)
        changes = [variance * matrix for variance, *both in parts for matrix in both]
        if self.noise is None:
            changes.append(np.diag(self.white(theta)))
        factor, _ = lapack.dpotrf(self._model(theta, parts), lower=1, clean=1)
        sides = []
        for change in changes:
            half = solve_triangular(factor, self._seen(change), lower=True, check_finite=False)
            sides.append(solve_triangular(factor, half.T, lower=True, check_finite=False).ravel())
        stacked = np.array(sides)
        return np.asarray(0.5 * stacked @ stacked.T)

    def components(self, theta: DoubleArray) -> list[tuple[float, DoubleArray, DoubleArray]]:
        """Return the variance of every component, its shape, and the derivative of that by its logarithmic scale."""
        pairs = np.exp(theta[: 2 * len(self.shapes)]).reshape(-1, 2)
        return [
            (float(v), *shape(self.apart, float(s))) for shape, (v, s) in zip(self.shapes, pairs, strict=True)
        ]

    def white(self, theta: DoubleArray) -> DoubleArray:
        """Return the variance of the noise, float64 array (frequency)."""
        return np.full(len(self.apart), math.exp(theta[-1])) if self.noise is None else self.noise

    def level(self, covariance: DoubleArray) -> float:
        """Return the variance in a channel that a covariance (frequency, frequency) has where the prior is not flat."""
        seen = self._seen(covariance)
        return float(np.trace(seen)) / len(seen)

    def _seen(self, matrix: DoubleArray) -> DoubleArray:
        """Return a matrix (frequency, frequency) without what has a flat prior."""
        return matrix if self.complement is None else self.complement.compress(matrix)

    def _model(self, theta: DoubleArray, parts: list[tuple[float, DoubleArray, DoubleArray]]) -> DoubleArray:
        """Return K, without what has a flat prior."""
        whole = sum((variance * shape for variance, shape, _ in parts), start=np.diag(self.white(theta)))
        return self._seen(whole)

    def _slope(self, factor: DoubleArray, solved: DoubleArray) -> DoubleArray:
        """Return K⁻¹ - K⁻¹CK⁻¹, or Q(...)Qᵀ: twice the derivative of the likelihood by the elements of K."""
        inverse, _ = lapack.dpotri(factor, lower=1)
        inverse = np.tril(inverse) + np.tril(inverse, -1).T
        weighted = solve_triangular(factor, solved, lower=True, trans=1, check_finite=False)
        slope = inverse - weighted @ weighted.T
        return slope if self.complement is None else self.complement.expand(slope)


def _root(covariance: DoubleArray) -> DoubleArray:
    """Return G with G Gᵀ = C, without what rounding made negative."""
    values, vectors = np.linalg.eigh(covariance)
    kept = values > 0.0
    return np.asarray(vectors[:, kept] * np.sqrt(values[kept]))
