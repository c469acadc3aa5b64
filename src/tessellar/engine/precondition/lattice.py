"""A lattice of nodes through a cube, anchored to it, and the value between nodes by the nearest or the linear rule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import numpy as np

from tessellar.model import DoubleArray, IntArray
from tessellar.tiling.box import Box, Shape
from tessellar.tiling.grid import Grid

SIDE = 128  # voxels of a unit along an axis, unless one window is larger


@dataclass(frozen=True, slots=True)
class Lattice:
    """Where something local is measured: a function of the cube's shape and of the settings alone.

    Attributes
    ----------
    shape
        Of the cube, ``(frequency, l, m)``.
    step
        Voxels from node to node.
    window
        Voxels around a node that it speaks for, odd.
    """

    shape: Shape
    step: Shape
    window: Shape

    @classmethod
    def of_windows(cls, shape: Shape, window_xy: int, window_z: int, grid_xy: int, grid_z: int) -> Lattice:
        """Return the lattice of a window that moves in steps; 0 is half a window, even is the next odd one."""
        xy, z = window_xy | 1, window_z | 1
        step_xy, step_z = (grid_xy or xy // 2) | 1, (grid_z or z // 2) | 1
        return cls(shape, (step_z, step_xy, step_xy), (z, xy, xy))

    @property
    def nodes(self) -> Shape:
        """Number of nodes along each axis."""
        z, x, y = (-(-n // step) for n, step in zip(self.shape, self.step, strict=True))
        return (z, x, y)

    @property
    def units(self) -> Grid:
        """The nodes that are measured together, as boxes of nodes."""
        z, x, y = (
            max(1, (SIDE - window) // step + 1) for window, step in zip(self.window, self.step, strict=True)
        )
        return Grid(self.nodes, (z, x, y))

    def place(self, axis: int, node: int) -> int:
        """Return the voxel that a node lies in: the middle of its step, inside the cube."""
        return min(node * self.step[axis] + self.step[axis] // 2, self.shape[axis] - 1)

    def window_of(self, node: Shape) -> Box:
        """Return the voxels that a node speaks for."""
        centre = [self.place(axis, n) for axis, n in enumerate(node)]
        half = [window // 2 for window in self.window]
        z, x, y = (c - h for c, h in zip(centre, half, strict=True))
        zs, xs, ys = (c + h + 1 for c, h in zip(centre, half, strict=True))
        return Box((z, x, y), (zs, xs, ys)).clip(Box.of_shape(self.shape))

    def reach_of(self, nodes: Box) -> Box:
        """Return the voxels that a box of nodes speaks for."""
        z, x, y = (n - 1 for n in nodes.stop)
        return self.window_of(nodes.start) | self.window_of((z, x, y))

    @property
    def n_read(self) -> int:
        """Voxels in the reach of all units, without visiting them."""
        return prod(sum(lengths) for lengths in self._reaches())

    @property
    def most_read(self) -> int:
        """Voxels in the reach of the largest unit."""
        return prod(max(lengths) for lengths in self._reaches())

    def _reaches(self) -> Iterator[list[int]]:
        """Yield for each axis how far its units reach."""
        for axis, (nodes, core, window) in enumerate(
            zip(self.nodes, self.units.core, self.window, strict=True)
        ):
            half, length = window // 2, self.shape[axis]
            firsts = [self.place(axis, first) - half for first in range(0, nodes, core)]
            lasts = [self.place(axis, min(first + core, nodes) - 1) + half for first in range(0, nodes, core)]
            yield [min(last + 1, length) - max(first, 0) for first, last in zip(firsts, lasts, strict=True)]

    def nodes_near(self, box: Box) -> Box:
        """Return the nodes on which the values of a box of voxels depend."""
        spans = [self._span(axis, box.start[axis], box.stop[axis]) for axis in range(3)]
        (z, zs), (x, xs), (y, ys) = spans
        return Box((z, x, y), (zs, xs, ys))

    def _span(self, axis: int, start: int, stop: int) -> tuple[int, int]:
        before, _ = self.between(axis, np.array([start, stop - 1]))
        return int(before[0]), min(int(before[1]) + 2, self.nodes[axis])

    def between(self, axis: int, voxels: IntArray) -> tuple[IntArray, DoubleArray]:
        """Return the node before each voxel of an axis, and how far the voxel is on its way to the next, 0 to 1."""
        places = np.array([self.place(axis, n) for n in range(self.nodes[axis])])
        before = np.clip(np.searchsorted(places, voxels, side="right") - 1, 0, max(0, places.size - 2))
        after = np.minimum(before + 1, places.size - 1)
        width = np.maximum(places[after] - places[before], 1)
        return before, np.clip((voxels - places[before]) / width, 0.0, 1.0)
