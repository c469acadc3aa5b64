"""A grid of tiles over a cube: a lazy sequence, so that a million tiles are three numbers a tile and no list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

from tessellar.tiling.box import NO_HALO, Box, Halo, Shape


@dataclass(frozen=True, slots=True)
class Tile:
    """One piece of a cube: the voxels it owns and the voxels it must see to decide about them."""

    id: int
    core: Box
    read: Box


@dataclass(frozen=True, slots=True)
class Grid(Sequence[Tile]):
    """The tiles of a cube, in array order: cores partition the cube, reads stop at its edges.

    Parameters
    ----------
    shape
        Shape of the cube, ``(frequency, l, m)``.
    core
        Shape of a tile's core; the last tile of an axis is cut at the cube's edge.
    halo
        What a tile reads around its core.
    """

    shape: Shape
    core: Shape
    halo: Halo = NO_HALO

    @property
    def counts(self) -> Shape:
        """Number of tiles along each axis."""
        z, x, y = (-(-n // c) for n, c in zip(self.shape, self.core, strict=True))
        return (z, x, y)

    def __len__(self) -> int:
        return prod(self.counts)

    def __getitem__(self, index: int) -> Tile:  # type: ignore[override]  # slices of a lazy grid are ranges
        """Return tile ``index``; computed, never stored."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"tile {index} of {len(self)}")
        index %= len(self)
        _, nx, ny = self.counts
        position = (index // (nx * ny), index // ny % nx, index % ny)
        z, x, y = (p * c for p, c in zip(position, self.core, strict=True))
        cube = Box.of_shape(self.shape)
        core = Box((z, x, y), (z + self.core[0], x + self.core[1], y + self.core[2])).clip(cube)
        return Tile(index, core, core.grow(self.halo).clip(cube))

    def __iter__(self) -> Iterator[Tile]:
        return (self[i] for i in range(len(self)))

    def touching(self, box: Box) -> list[int]:
        """Return the ids of the tiles whose cores overlap a box, ascending."""
        box = box.clip(Box.of_shape(self.shape))
        if box.empty:
            return []
        _, nx, ny = self.counts
        spans = [range(a // c, -(-b // c)) for a, b, c in zip(box.start, box.stop, self.core, strict=True)]
        return [(z * nx + x) * ny + y for z in spans[0] for x in spans[1] for y in spans[2]]
