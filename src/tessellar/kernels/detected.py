"""The detected voxels of a tile as a list: what comes back from a device, since a mask is mostly empty."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tessellar.compiled import compiled
from tessellar.kernels.runs import RunTable, extract_runs
from tessellar.model import ByteArray, IntArray
from tessellar.tiling.box import Shape


@dataclass(frozen=True, slots=True, eq=False)
class DetectedVoxels:
    """Where a mask is not 0.

    Attributes
    ----------
    shape
        Of the mask, ``(frequency, l, m)``.
    places
        int64 array (n), ascending: indices into the flat mask.
    bits
        uint8 array (n): bit 1 positive, bit 2 negative.
    """

    shape: Shape
    places: IntArray
    bits: ByteArray

    def dense(self) -> ByteArray:
        """Return the mask, uint8 array (frequency, l, m)."""
        mask = np.zeros(self.shape, np.uint8)
        mask.reshape(-1)[self.places] = self.bits
        return mask

    def runs(self, bit: int, origin: Shape) -> RunTable:
        """Return the runs of voxels with this bit, int32 array (n, 4), sorted, in cube coordinates."""
        places = self.places[(self.bits & bit) != 0]
        runs = np.empty((places.size, 4), np.int32)
        n = _fill_runs(places, self.shape[1], self.shape[2], origin[0], origin[1], origin[2], runs)
        return runs[:n].copy()


def dense(mask: ByteArray | DetectedVoxels) -> ByteArray:
    """Return a mask as an array, uint8 (frequency, l, m)."""
    return mask.dense() if isinstance(mask, DetectedVoxels) else mask


def runs_of(mask: ByteArray | DetectedVoxels, bit: int, origin: Shape) -> RunTable:
    """Return the runs of voxels with this bit, int32 array (n, 4), sorted, in cube coordinates."""
    if isinstance(mask, DetectedVoxels):
        return mask.runs(bit, origin)
    return extract_runs(mask, bit, origin)


@compiled
def _fill_runs(places: IntArray, nx: int, ny: int, z0: int, x0: int, y0: int, runs: RunTable) -> int:
    """Write the runs of ascending places, and return how many there are."""
    n = 0
    before = np.int64(-2)
    for place in places:
        row, y = place // ny, place % ny
        if place != before + 1 or y == 0:
            runs[n, 0] = z0 + row // nx
            runs[n, 1] = x0 + row % nx
            runs[n, 2] = y0 + y
            n += 1
        runs[n - 1, 3] = y0 + y + 1
        before = place
    return n
