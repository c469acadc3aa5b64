"""What correlated noise does to sums over a source: the exact variance of its flux and of its centre.

The variance of a sum is the sum of the covariances of all pairs of its voxels. A small source shares few pixels with
its neighbours and a large one many, so no number of beams says it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tessellar.kernels.correlation import Correlation
from tessellar.kernels.noise import NoiseModel
from tessellar.kernels.pair_sums import sum_pairs, weighted
from tessellar.kernels.runs import RunTable
from tessellar.model import DoubleArray
from tessellar.tiling.box import Box

STRIP_PIXELS = 2**19  # pixels of the sky that are looked at together, where one row of cells is not more


@dataclass(frozen=True, slots=True, eq=False)
class SumNoise:
    """Sums over the pairs of a source's voxels, by the channel of the first and by how many channels they are apart.

    Attributes
    ----------
    pairs
        Sum of the covariances, float64 array (frequency, 1 + channels apart), cube's unit squared.
    x, y
        The same with each voxel weighted by its distance from the centre along l and m, pixels.
    """

    pairs: DoubleArray
    x: DoubleArray
    y: DoubleArray

    def variance(self, weight: DoubleArray) -> float:
        """Return the variance of the sum of the voxels, the channels weighted, float64 array (frequency)."""
        return float(weighted(self.pairs, weight))


def sum_noise(
    runs: RunTable,
    box: Box,
    noise: NoiseModel,
    correlation: Correlation,
    stretch: DoubleArray,
    centre: tuple[float, float],
) -> SumNoise:
    """Return the noise of the sums over a source.

    Where the noise is correlated over many pixels, those of a cell of up to half a standard deviation are taken
    together: that costs the error up to two hundredths, where a source is thinner than a cell.

    Parameters
    ----------
    runs
        Its voxels, sorted.
    box
        A box that holds them.
    noise, correlation
        Of the cube.
    stretch
        Area of the beam of each channel of the box over that of the mean beam, float64 array (frequency).
    centre
        Its centre along l and m, pixels of the cube; NaN is taken as the middle.
    """
    made = SumNoise(*(np.zeros((box.shape[0], 1 + len(correlation.spectral))) for _ in range(3)))
    middle = np.array([c if math.isfinite(c) else 0.5 * (a + b - 1) for c, a, b in
                       zip(centre, box.start[1:], box.stop[1:], strict=True)])  # fmt: skip
    sum_pairs(
        runs, np.array((box.start, box.stop), np.int64), noise.tables, noise.local_around(box),
        np.array(correlation.covariance), np.array(correlation.spectral), stretch, middle, STRIP_PIXELS,
        (made.pairs, made.x, made.y),
    )  # fmt: skip
    return made
