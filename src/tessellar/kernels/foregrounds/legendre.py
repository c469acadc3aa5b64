"""Smooth spectra: Legendre polynomials in the logarithm of frequency."""

from __future__ import annotations

import numpy as np

from tessellar.model import DoubleArray


def scaled_log_frequency(frequencies: DoubleArray) -> DoubleArray:
    """Return the logarithm of frequencies (any one unit, positive), scaled to run from -1 to 1."""
    logs = np.log(np.asarray(frequencies, dtype=np.float64))
    low, high = logs.min(), logs.max()
    return np.asarray((logs - 0.5 * (low + high)) / (0.5 * (high - low)) if high > low else logs * 0.0)


def legendre(x: DoubleArray, degree: int) -> DoubleArray:
    """Return the Legendre polynomials up to a degree at ``x``, float64 array (frequency, degree + 1)."""
    return np.asarray(np.polynomial.legendre.legvander(x, degree), dtype=np.float64)


def polynomials(frequencies: DoubleArray, degree: int) -> DoubleArray:
    """Return Legendre polynomials of log frequency, scaled to -1 ... 1, float64 array (frequency, degree + 1)."""
    return legendre(scaled_log_frequency(frequencies), degree)
