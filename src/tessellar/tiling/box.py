"""Boxes of voxels and the halos around them: half-open integer intervals in the order of the array's axes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

Shape = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Halo:
    """How many voxels a filter looks at before and after a voxel, per axis ``(frequency, l, m)``."""

    before: Shape
    after: Shape

    @classmethod
    def symmetric(cls, radii: Sequence[int]) -> Halo:
        """Return the halo with the same radius on both sides of each axis."""
        z, x, y = radii
        return cls((z, x, y), (z, x, y))


NO_HALO = Halo((0, 0, 0), (0, 0, 0))


@dataclass(frozen=True, slots=True)
class Box:
    """A box of voxels: ``start`` is in, ``stop`` is out, axes ``(frequency, l, m)``."""

    start: Shape
    stop: Shape

    @classmethod
    def of_shape(cls, shape: Sequence[int]) -> Box:
        """Return the box of a whole cube."""
        z, x, y = shape
        return cls((0, 0, 0), (z, x, y))

    @property
    def shape(self) -> Shape:
        """Number of voxels along each axis."""
        return (self.stop[0] - self.start[0], self.stop[1] - self.start[1], self.stop[2] - self.start[2])

    @property
    def size(self) -> int:
        """Number of voxels."""
        return prod(self.shape)

    @property
    def empty(self) -> bool:
        """Whether it holds no voxel."""
        return min(self.shape) <= 0

    def grow(self, halo: Halo) -> Box:
        """Return the box with a halo around it."""
        return Box(_subtract(self.start, halo.before), _add(self.stop, halo.after))

    def clip(self, bounds: Box) -> Box:
        """Return the part of the box that lies in ``bounds``; the negative part of an axis becomes empty."""
        start = _larger(self.start, bounds.start)
        return Box(start, _larger(start, _smaller(self.stop, bounds.stop)))

    def shift(self, offset: Sequence[int]) -> Box:
        """Return the box moved by ``offset``."""
        z, x, y = offset
        return Box(_add(self.start, (z, x, y)), _add(self.stop, (z, x, y)))

    def relative_to(self, origin: Sequence[int]) -> Box:
        """Return the box in the coordinates of an array whose first voxel is ``origin``."""
        z, x, y = origin
        return self.shift((-z, -x, -y))

    def contains(self, other: Box) -> bool:
        """Return whether ``other`` lies wholly inside."""
        return self.clip(other) == other

    def __and__(self, other: Box) -> Box:
        """Return the overlap of two boxes."""
        return self.clip(other)

    def __or__(self, other: Box) -> Box:
        """Return the smallest box around both."""
        return Box(_smaller(self.start, other.start), _larger(self.stop, other.stop))

    def slices(self) -> tuple[slice, slice, slice]:
        """Return the slices that cut the box out of an array of the whole cube."""
        z, x, y = (slice(a, b) for a, b in zip(self.start, self.stop, strict=True))
        return (z, x, y)

    def __str__(self) -> str:
        """Return the box as Python would slice it."""
        return ", ".join(f"{a}:{b}" for a, b in self._intervals())

    def _intervals(self) -> Iterator[tuple[int, int]]:
        return zip(self.start, self.stop, strict=True)


def _add(a: Shape, b: Shape) -> Shape:
    return (a[0] + b[0], a[1] + b[1], a[2] + b[2])


def _subtract(a: Shape, b: Shape) -> Shape:
    return (a[0] - b[0], a[1] - b[1], a[2] - b[2])


def _larger(a: Shape, b: Shape) -> Shape:
    return (max(a[0], b[0]), max(a[1], b[1]), max(a[2], b[2]))


def _smaller(a: Shape, b: Shape) -> Shape:
    return (min(a[0], b[0]), min(a[1], b[1]), min(a[2], b[2]))
