"""How galaxies that are drawn one by one come into a box of a sky: every box gets the same sums."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tessellar.model import FloatArray, IntArray
from tessellar.simulate.discs import Cubelet
from tessellar.tiling.box import Box


@dataclass(frozen=True, slots=True, eq=False)
class Extents:
    """Where galaxies lie: their first voxels and their ends, int64 arrays (galaxy, axis)."""

    starts: IntArray
    stops: IntArray

    @classmethod
    def of(cls, boxes: Sequence[Box]) -> Extents:
        """Return those of boxes."""
        starts = np.array([box.start for box in boxes], dtype=np.int64).reshape(-1, 3)
        stops = np.array([box.stop for box in boxes], dtype=np.int64).reshape(-1, 3)
        return cls(starts, stops)

    def overlapping(self, box: Box) -> list[int]:
        """Return the numbers of the galaxies that reach a box, ascending."""
        return np.flatnonzero(np.all((self.starts < box.stop) & (self.stops > box.start), axis=1)).tolist()


def add_cubelets(
    box: Box, voxels: FloatArray, extents: Extents, cubelet: Callable[[int], Cubelet]
) -> FloatArray:
    """Add the galaxies that overlap a box in the order of their numbers: every box rounds alike.

    Parameters
    ----------
    box
        Which voxels of the cube.
    voxels
        Their values, float32 array (frequency, l, m), added to and returned.
    extents
        Where all galaxies lie.
    cubelet
        Draws one.
    """
    for number in extents.overlapping(box):
        drawn = cubelet(number)
        shared = drawn.box & box
        piece = drawn.voxels[shared.relative_to(drawn.box.start).slices()]
        voxels[shared.relative_to(box.start).slices()] += piece
    return voxels
