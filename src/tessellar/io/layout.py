"""Where the voxels of a cube lie in an uncompressed FITS image, and what its numbers mean."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from math import prod

from tessellar.io.axes import CubeAxes
from tessellar.io.cards import Cards
from tessellar.tiling.box import Box, Shape

PIECE = 8 << 20  # bytes of a file that are touched at a time: mapped, they count as resident memory
AROUND = 160 << 10  # bytes, at most, that the system maps beyond the ends of a plane of a piece
FLOAT = ">f4"
TYPES = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: FLOAT, -64: ">f8"}


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the voxels of a cube lie in a file, and what its numbers mean.

    Attributes
    ----------
    offset
        Byte of the first voxel.
    dtype
        Type of a stored number, big-endian.
    shape, strides
        Voxels and bytes from one to the next, ``(frequency, l, m)``.
    scale, zero
        ``BSCALE`` and ``BZERO``.
    blank
        The stored integer that means blank, or None.
    """

    offset: int
    dtype: str
    shape: Shape
    strides: Shape
    scale: float = 1.0
    zero: float = 0.0
    blank: int | None = None

    @classmethod
    def of(cls, cards: Cards, axes: CubeAxes, offset: int, bitpix: int) -> Layout:
        """Return the layout of a cube whose first stored number is at ``offset``."""
        size = abs(bitpix) // 8
        z, x, y = (size * prod(axes.lengths[: axis - 1]) for axis in (axes.spectral, axes.l, axes.m))
        blank = cards.values.get("BLANK")
        scale = cards.number("BSCALE", 1.0)
        return cls(
            offset=offset,
            dtype=TYPES[bitpix],
            shape=axes.shape,
            strides=(z, x, y),
            scale=1.0 if scale is None else scale,
            zero=cards.number("BZERO", 0.0) or 0.0,
            blank=blank if bitpix > 0 and isinstance(blank, int) else None,
        )

    @property
    def order(self) -> Shape:
        """The axes, the one that is slowest in the file first."""
        return _order(self.strides)

    def in_file(self, numbers: Shape) -> Shape:
        """Return what is known along frequency, l and m in the order of the file, the slowest axis first."""
        a, b, c = self.order
        return (numbers[a], numbers[b], numbers[c])

    @property
    def plain(self) -> bool:
        """Whether stored numbers are brightnesses as they are, in single precision."""
        return self.dtype == FLOAT and (self.scale, self.zero) == (1.0, 0.0)

    @property
    def itemsize(self) -> int:
        """Bytes of a stored number."""
        return int(self.dtype[-1])

    def span(self, box: Box) -> tuple[int, int]:
        """Return the first byte of a box and the bytes from there to its last voxel's end."""
        (z, x, y), (nz, nx, ny), (dz, dx, dy) = box.start, box.shape, self.strides
        first = self.offset + z * dz + x * dx + y * dy
        return first, (nz - 1) * dz + (nx - 1) * dx + (ny - 1) * dy + self.itemsize

    def pieces(self, box: Box) -> Iterator[Box]:
        """Return the box cut along the slowest axes of the file, so that of no piece many bytes become resident."""
        if box.size == 1 or self.span(box)[1] <= PIECE:
            yield box
            return
        axis = next(n for n in self.order if box.shape[n] > 1)
        _, thin = self.span(Box(box.start, _replaced(box.stop, axis, box.start[axis] + 1)))
        step = max(1, (PIECE - thin) // self.strides[axis] + 1, PIECE // (thin + AROUND))
        for start in range(box.start[axis], box.stop[axis], step):
            stop = min(start + step, box.stop[axis])
            piece = Box(_replaced(box.start, axis, start), _replaced(box.stop, axis, stop))
            if thin <= PIECE:
                yield piece
            else:
                yield from self.pieces(piece)


@cache
def _order(strides: Shape) -> Shape:
    a, b, c = sorted(range(3), key=lambda n: -strides[n])
    return (a, b, c)


def _replaced(shape: Sequence[int], axis: int, value: int) -> Shape:
    z, x, y = (value if n == axis else length for n, length in enumerate(shape))
    return (z, x, y)
