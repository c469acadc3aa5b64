"""A quantity that is known at the nodes of a lattice, between these nodes: that of the nearest, or linear."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np

from tessellar.compiled import compiled
from tessellar.model import DoubleArray, FloatArray, IntArray
from tessellar.tiling.box import Box

Axes: TypeAlias = tuple[IntArray, IntArray, IntArray]
NodeTables: TypeAlias = tuple[DoubleArray, Axes, Axes, tuple[DoubleArray, DoubleArray, DoubleArray]]


@dataclass(frozen=True, slots=True, eq=False)
class Between:
    """The nodes around a box, and where each of its channels, rows and columns lies between them.

    Attributes
    ----------
    nodes
        float64 array (frequency, l, m): the values there.
    before, after
        For each axis the two nodes beside its voxels, int64 arrays, counted within ``nodes``.
    way
        For each axis how far its voxels are on their way from the one to the other, float64 arrays, 0 to 1.
    """

    nodes: DoubleArray
    before: tuple[IntArray, IntArray, IntArray]
    after: tuple[IntArray, IntArray, IntArray]
    way: tuple[DoubleArray, DoubleArray, DoubleArray]

    @property
    def parts(self) -> NodeTables:
        """Return all of it as compiled code takes it."""
        return self.nodes, self.before, self.after, self.way

    def planes(self) -> Iterator[DoubleArray]:
        """Yield the values of each channel of the box, float64 arrays (l, m)."""
        (z0, x0, y0), (z1, x1, y1), (w, u, v) = self.before, self.after, self.way
        for channel in range(len(z0)):
            sky = self.nodes[z0[channel]] * (1.0 - w[channel]) + self.nodes[z1[channel]] * w[channel]
            rows = sky[x0] * (1.0 - u[:, None]) + sky[x1] * u[:, None]
            yield rows[:, y0] * (1.0 - v) + rows[:, y1] * v

    def scale(self, voxels: FloatArray) -> None:
        """Multiply the voxels of the box by their values, in place, float32 array (frequency, l, m)."""
        for voxel_plane, plane in zip(voxels, self.planes(), strict=True):
            voxel_plane *= plane.astype(np.float32)


class Field(Protocol):
    """A quantity between nodes, whatever they lie in; two with the same ``identity`` are the same."""

    @property
    def identity(self) -> str:
        """What it is, as a text."""
        ...

    def around(self, box: Box) -> Between:
        """Return what is needed of it in a box of the cube."""
        ...


def one_everywhere(box: Box) -> Between:
    """Return the quantity that is 1."""
    z, x, y = (np.zeros(n, np.int64) for n in box.shape)
    zeros = (np.zeros(len(z)), np.zeros(len(x)), np.zeros(len(y)))
    return Between(np.ones((1, 1, 1)), (z, x, y), (z, x, y), zeros)


@compiled
def value_between(
    nodes: DoubleArray,
    before: tuple[IntArray, IntArray, IntArray],
    after: tuple[IntArray, IntArray, IntArray],
    way: tuple[DoubleArray, DoubleArray, DoubleArray],
    z: int | np.int64,
    x: int | np.int64,
    y: int | np.int64,
) -> float:
    """Return the value at one voxel of the box, to the bit that of `Between.planes`; parameters as for `Between`."""
    if nodes.size == 1:
        return float(nodes[0, 0, 0])
    w, u, v = way[0][z], way[1][x], way[2][y]
    i0, i1 = before[0][z], after[0][z]
    j0, j1 = before[1][x], after[1][x]
    k0, k1 = before[2][y], after[2][y]
    left = nodes[i0, j0, k0] * (1.0 - w) + nodes[i1, j0, k0] * w
    right = nodes[i0, j1, k0] * (1.0 - w) + nodes[i1, j1, k0] * w
    lower = left * (1.0 - u) + right * u
    left = nodes[i0, j0, k1] * (1.0 - w) + nodes[i1, j0, k1] * w
    right = nodes[i0, j1, k1] * (1.0 - w) + nodes[i1, j1, k1] * w
    upper = left * (1.0 - u) + right * u
    return float(lower * (1.0 - v) + upper * v)
