"""The sky as the finder saw it: everything inside the mask summed along frequency, coarse enough to look at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from tessellar.kernels.runs import RunTable, run_voxels
from tessellar.model import DoubleArray, FloatArray, IntArray, Payload
from tessellar.tiling.box import Box, Shape

MAP_SIDE = 1024  # pixels along the longer side, at most


@dataclass(slots=True, eq=False)
class SparseMap:
    """Sums over the mask by pixel of a coarse sky map, for the pixels that hold any.

    Attributes
    ----------
    shape
        Shape of the cube.
    index
        int64 array (n): pixel of the flattened map, ascending.
    value
        float64 array (n): sum of the voxels, cube's unit.
    """

    shape: Shape
    index: IntArray
    value: DoubleArray

    @classmethod
    def empty(cls, shape: Shape) -> SparseMap:
        """Return a map without any source."""
        return cls(shape, np.empty(0, np.int64), np.empty(0, np.float64))

    @property
    def step(self) -> int:
        """Cube pixels per map pixel."""
        return -(-max(self.shape[1:]) // MAP_SIDE)

    @property
    def map_shape(self) -> tuple[int, int]:
        """Shape of the dense map (l, m)."""
        return (-(-self.shape[1] // self.step), -(-self.shape[2] // self.step))

    def add(self, voxels: FloatArray, window: Box, runs: RunTable) -> None:
        """Add the voxels of some runs inside a window."""
        z, x, y = run_voxels(runs)
        values = voxels[z - window.start[0], x - window.start[1], y - window.start[2]].astype(np.float64)
        index = x // self.step * self.map_shape[1] + y // self.step
        self._add_sorted(np.concatenate([self.index, index]), np.concatenate([self.value, values]))

    def _add_sorted(self, index: IntArray, value: DoubleArray) -> None:
        self.index, place = np.unique(index, return_inverse=True)
        self.value = np.bincount(place, weights=value, minlength=self.index.size).astype(np.float64)

    def dense(self, partials: Iterable[tuple[int, Payload]], kept: IntArray) -> FloatArray:
        """Return the map of some sources, float32 array (l, m).

        Parameters
        ----------
        partials
            Units with ``sky_index``, ``sky_value`` and ``sky_row``, the source that a value is of.
        kept
            Rows of the sources that belong on the map, ascending.
        """
        image = np.zeros(self.map_shape, np.float64)
        for _, payload in partials:
            shown = np.isin(payload["sky_row"], kept)
            np.add.at(image.ravel(), payload["sky_index"][shown], payload["sky_value"][shown])
        return image.astype(np.float32)
