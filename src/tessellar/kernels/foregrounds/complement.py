"""What a spectrum holds besides a few smooth ones: the space at right angles to polynomials in log frequency."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tessellar.model import DoubleArray


@dataclass(frozen=True, slots=True, eq=False)
class Complement:
    """Orthonormal spectra Q that complete a few given ones; kept as their Householder reflections I - V T Vᵀ.

    With them QᵀKQ costs as much as a product with the few, and not with all, spectra (Schreiber & Van Loan 1989,
    SIAM J. Sci. Stat. Comput. 10, 53).

    Attributes
    ----------
    reflectors
        V, float64 array (frequency, given).
    weights
        T, float64 array (given, given).
    """

    reflectors: DoubleArray
    weights: DoubleArray

    @classmethod
    def of(cls, spectra: DoubleArray) -> Complement:
        """Return what is at right angles to the columns, float64 array (frequency, given)."""
        raw, factors = np.linalg.qr(spectra, mode="raw")
        given = len(factors)
        reflectors = np.tril(raw.T, -1)
        np.fill_diagonal(reflectors, 1.0)
        weights = np.zeros((given, given))
        for k in range(given):
            weights[:k, k] = -factors[k] * (weights[:k, :k] @ (reflectors[:, :k].T @ reflectors[:, k]))
            weights[k, k] = factors[k]
        return cls(reflectors, weights)

    @property
    def spectra(self) -> DoubleArray:
        """Q, float64 array (frequency, frequency - given)."""
        whole = np.eye(len(self.reflectors)) - self.reflectors @ self.weights @ self.reflectors.T
        return whole[:, self.weights.shape[0] :]

    def compress(self, matrix: DoubleArray) -> DoubleArray:
        """Return QᵀKQ of a symmetric matrix K (frequency, frequency)."""
        given = self.weights.shape[0]
        right = matrix @ self.reflectors @ self.weights
        middle = self.weights.T @ (self.reflectors.T @ right)
        half = self.reflectors @ (0.5 * middle.T) - right
        change = half @ self.reflectors.T
        return (matrix + change + change.T)[given:, given:]

    def expand(self, matrix: DoubleArray) -> DoubleArray:
        """Return QMQᵀ of a symmetric matrix M (frequency - given, frequency - given)."""
        n, given = self.reflectors.shape
        padded = np.zeros((n, n))
        padded[given:, given:] = matrix
        right = padded @ self.reflectors @ self.weights.T
        middle = self.weights @ (self.reflectors.T @ right)
        half = self.reflectors @ (0.5 * middle.T) - right
        change = half @ self.reflectors.T
        return padded + change + change.T
