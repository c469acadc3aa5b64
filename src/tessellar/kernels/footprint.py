"""Where a source stands out on the sky: the pixels of its moment-0 map above three times their noise.

A source may lie over more pixels than memory holds. Its sky is therefore summed strip by strip, and of a finished
strip six sums are kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from tessellar.compiled import compiled
from tessellar.kernels.ellipse import Ellipse, ellipse
from tessellar.kernels.runs import RunTable
from tessellar.model import DoubleArray, FloatArray, IntArray
from tessellar.tiling.box import Box

SIGNIFICANT = 3.0  # times its noise: the moment-0 map of a pixel that counts


@dataclass(slots=True, eq=False)
class Footprint:
    """The sky of one source, one strip after the other; voxels of a pixel are added channel after channel.

    Attributes
    ----------
    box
        Bounding box of the source; positions count from its corner.
    widths
        Width of every channel of the cube, float64 array (frequency).
    sign
        +1 or -1: a negative source is summed as if it were positive.
    """

    box: Box
    widths: DoubleArray
    sign: float
    strip: Box = field(init=False)
    flux: DoubleArray = field(init=False)
    variance: DoubleArray = field(init=False)
    sums: DoubleArray = field(init=False)

    def __post_init__(self) -> None:
        self.strip, self.sums = self.box, np.zeros(6)
        self.flux = self.variance = np.zeros((0, 0))

    def begin(self, strip: Box) -> None:
        """Begin with the next strip of the box, and count what the one before held."""
        self._count()
        self.strip = strip
        self.flux, self.variance = np.zeros(strip.shape[1:]), np.zeros(strip.shape[1:])

    def add(self, voxels: FloatArray, window: Box, runs: RunTable, sigma: FloatArray) -> None:
        """Add the voxels of some runs of the strip; parameters as for `tessellar.kernels.moments.MomentSums.add`."""
        origin, corner = np.array(window.start, np.int64), np.array(self.strip.start, np.int64)
        _add_runs(voxels, origin, corner, runs, sigma, self.widths, self.sign, self.flux, self.variance)

    def ellipse(self) -> Ellipse:
        """Return the ellipse of the pixels that stand out, all with equal weight; NaN where none does."""
        self.begin(self.strip)
        n, x, y, xx, yy, xy = self.sums.tolist()
        return ellipse((n, x, y, xx, yy, xy))

    def _count(self) -> None:
        first = (self.strip.start[1] - self.box.start[1], self.strip.start[2] - self.box.start[2])
        _count_bright(self.flux, self.variance, first, self.sums)


@compiled
def _add_runs(
    voxels: FloatArray,
    origin: IntArray,
    corner: IntArray,
    runs: RunTable,
    sigma: FloatArray,
    widths: DoubleArray,
    sign: float,
    flux: DoubleArray,
    variance: DoubleArray,
) -> None:
    for r in range(runs.shape[0]):
        z, x = np.int64(runs[r, 0]), np.int64(runs[r, 1])
        a, b, i = z - origin[0], x - origin[1], x - corner[1]
        for y in range(runs[r, 2], runs[r, 3]):
            c, j = y - origin[2], y - corner[2]
            noise = np.float64(sigma[a, b, c]) * widths[z]
            flux[i, j] += sign * np.float64(voxels[a, b, c]) * widths[z]
            variance[i, j] += noise * noise


@compiled
def _count_bright(
    flux: DoubleArray, variance: DoubleArray, first: tuple[int, int], sums: DoubleArray
) -> None:
    for i in range(flux.shape[0]):
        for j in range(flux.shape[1]):
            if variance[i, j] > 0.0 and flux[i, j] > SIGNIFICANT * np.sqrt(variance[i, j]):
                x, y = np.float64(first[0] + i), np.float64(first[1] + j)
                sums[0] += 1.0
                sums[1] += x
                sums[2] += y
                sums[3] += x * x
                sums[4] += y * y
                sums[5] += x * y
