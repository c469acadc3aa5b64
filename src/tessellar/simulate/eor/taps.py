"""The Gaussian along one axis that spreads random numbers of a lattice over the pixels of a cube.

A lattice has a random number at every ``spacing``-th pixel, counted from the cube's first. Pixel ``n`` is the sum of
the numbers around it, each times the Gaussian at its distance, in the order of their places: the same bits in any
box. A wide Gaussian needs few numbers a pixel; up to the spacings used here nothing of the lattice is left to see.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.polynomial.chebyshev import chebval

from tessellar.model import DoubleArray, FloatArray, IntArray

REACH_SIGMA = 3.0
SIGMAS_A_SPACING = 1.2

_BAND_LIMITED = 1.5  # pixels: narrower Gaussians are too coarsely sampled to be taken at whole pixels
_SHORTEST = 5  # pixels that such a narrow one reaches
_QUADRATURE = 256


@dataclass(frozen=True, slots=True)
class Taps:
    """A Gaussian on a lattice along one axis.

    Attributes
    ----------
    spacing
        Pixels from one number of the lattice to the next.
    first
        The lattice point that comes first for pixel 0, at most 0.
    table
        float32 array (pixel modulo spacing, lattice point): what each number is multiplied by.
    """

    spacing: int
    first: int
    table: FloatArray

    @property
    def count(self) -> int:
        """How many lattice points make a pixel."""
        return int(self.table.shape[1])

    def span(self, start: int, stop: int) -> tuple[int, int]:
        """Return the lattice points, first and one past the last, that pixels from start to stop are made of."""
        return start // self.spacing + self.first, (stop - 1) // self.spacing + self.first + self.count

    def power(self, omega: DoubleArray) -> DoubleArray:
        """Return the power spectrum of the pixels, averaged over their places, at radians a pixel.

        The numbers of the lattice have unit variance; the values are per pixel: their mean over all frequencies is
        the variance of a pixel.
        """
        distances = np.abs(_distances(self.spacing, self.first, self.count))
        half = np.zeros(int(distances.max()) + 1)
        half[distances] = self.table  # a Gaussian is the same on both sides
        half[1:] *= 2.0
        return np.asarray(chebval(np.cos(omega), half) ** 2 / self.spacing)

    def variance(self) -> float:
        """Return the variance of a pixel, averaged over their places."""
        return float(np.sum(self.table.astype(np.float64) ** 2) / self.spacing)

    def scaled(self, factor: float) -> Taps:
        """Return the Gaussian times a number."""
        table = (self.table.astype(np.float64) * factor).astype(np.float32)
        return Taps(self.spacing, self.first, table)


def gaussian_taps(sigma: float) -> Taps:
    """Return a Gaussian whose sum over pixels is one.

    Parameters
    ----------
    sigma
        Standard deviation, pixels; 0 leaves the numbers as they are. Below 1.5 pixels it is the Gaussian without the
        frequencies that pixels cannot carry, so that the power is right up to the Nyquist frequency.
    """
    if sigma == 0.0:
        return Taps(1, 0, np.ones((1, 1), dtype=np.float32))
    spacing = max(1, math.floor(sigma / SIGMAS_A_SPACING))
    radius = math.ceil(REACH_SIGMA * sigma)
    if sigma < _BAND_LIMITED:
        radius = max(radius, _SHORTEST)
    first = -(radius // spacing)
    count = (radius + spacing - 1) // spacing - first + 1
    values = np.zeros(max(-first * spacing + spacing, (first + count) * spacing), dtype=np.float32)
    values[: radius + 1] = [_value(sigma, n) for n in range(radius + 1)]
    return Taps(spacing, first, values[np.abs(_distances(spacing, first, count))])


def _distances(spacing: int, first: int, count: int) -> IntArray:
    """Return how far pixels lie above the lattice points that make them, array like the table of `Taps`."""
    pixel = np.arange(spacing)[:, np.newaxis]
    return np.asarray(pixel - spacing * (first + np.arange(count)))


def _value(sigma: float, n: int) -> float:
    """Return the Gaussian of unit sum ``n`` pixels from its centre."""
    if sigma >= _BAND_LIMITED:
        return math.exp(-0.5 * (n / sigma) ** 2) / (sigma * math.sqrt(2.0 * math.pi))
    steps = (math.pi * i / _QUADRATURE for i in range(_QUADRATURE + 1))
    values = [math.exp(-0.5 * (omega * sigma) ** 2) * math.cos(omega * n) for omega in steps]
    return (math.fsum(values) - 0.5 * (values[0] + values[-1])) / _QUADRATURE
