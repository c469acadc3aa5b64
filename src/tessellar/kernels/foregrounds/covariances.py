"""How a random spectrum is correlated along frequency: the shapes that a Gaussian process is put together from.

Rasmussen & Williams 2006, Gaussian Processes for Machine Learning, chapter 4. Every shape gives the covariance for a
variance of 1, and its derivative by the logarithm of its scale.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from tessellar.model import DoubleArray

Shape: TypeAlias = Callable[[DoubleArray, float], tuple[DoubleArray, DoubleArray]]
"""From how far channels are apart, float64 array (frequency, frequency), and the scale, both in MHz."""


def gaussian(apart: DoubleArray, scale: float) -> tuple[DoubleArray, DoubleArray]:
    """Return exp(-r²/2), the radial basis function: a spectrum with all derivatives."""
    square = (apart / scale) ** 2
    shape = np.exp(-0.5 * square)
    return shape, square * shape


def gaussian_increment(apart: DoubleArray, scale: float) -> tuple[DoubleArray, DoubleArray]:
    """Return exp(-r²/2) - 1: the same for spectra whose constant part is projected out.

    Without the 1 nothing cancels when a long scale leaves almost nothing but a constant.
    """
    square = (apart / scale) ** 2
    return np.expm1(-0.5 * square), square * np.exp(-0.5 * square)


def matern32(apart: DoubleArray, scale: float) -> tuple[DoubleArray, DoubleArray]:
    """Return (1 + √3 r) exp(-√3 r): a spectrum with one derivative."""
    distance = apart * (math.sqrt(3.0) / scale)
    decay = np.exp(-distance)
    return (1.0 + distance) * decay, distance**2 * decay


def exponential(apart: DoubleArray, scale: float) -> tuple[DoubleArray, DoubleArray]:
    """Return exp(-r): a spectrum without a derivative."""
    distance = apart / scale
    decay = np.exp(-distance)
    return decay, distance * decay
