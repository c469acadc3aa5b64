"""Boxes of voxels out of an uncompressed FITS image, through memory maps that live for one piece only."""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tessellar.errors import InputError, UsageError
from tessellar.io.axes import CubeAxes
from tessellar.io.cards import Cards
from tessellar.io.naming import shown
from tessellar.io.reading import reading
from tessellar.model import FloatArray
from tessellar.tiling.box import Box, Shape

PIECE = 8 << 20  # bytes of a file that are mapped at a time: they count as resident memory while they are
TYPES = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}


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

    def span(self, box: Box) -> tuple[int, int]:
        """Return the first byte of a box and the bytes from there to its last voxel's end."""
        first = self.offset + sum(a * s for a, s in zip(box.start, self.strides, strict=True))
        last = sum((n - 1) * s for n, s in zip(box.shape, self.strides, strict=True))
        return first, last + np.dtype(self.dtype).itemsize

    def pieces(self, box: Box) -> Iterator[Box]:
        """Return the box cut along the slowest axes of the file, so that no piece spans many bytes."""
        if box.size == 1 or self.span(box)[1] <= PIECE:
            yield box
            return
        axis = max((n for n in range(3) if box.shape[n] > 1), key=lambda n: self.strides[n])
        _, thin = self.span(Box(box.start, _replaced(box.stop, axis, box.start[axis] + 1)))
        step = max(1, (PIECE - thin) // self.strides[axis] + 1)
        for start in range(box.start[axis], box.stop[axis], step):
            stop = min(start + step, box.stop[axis])
            yield from self.pieces(Box(_replaced(box.start, axis, start), _replaced(box.stop, axis, stop)))


def read_window(path: Path, layout: Layout, box: Box) -> FloatArray:
    """Return the voxels of a box, float32 C-order array (frequency, l, m), NaN = blank.

    Infinite voxels count as blank: no brightness is infinite, and one of them would spread through a filter.

    Raises
    ------
    UsageError
        If the box is not inside the cube.
    InputError
        If the file is shorter than it was when it was opened, or cannot be read.
    """
    if not Box.of_shape(layout.shape).contains(box):
        raise UsageError(f"The box {box} is not inside the cube of {layout.shape} voxels.")
    voxels: FloatArray = np.empty(box.shape, dtype=np.float32)
    if box.empty:
        return voxels
    for piece in layout.pieces(box):
        _fill(voxels[piece.relative_to(box.start).slices()], path, layout, piece)
    return voxels


def _fill(voxels: FloatArray, path: Path, layout: Layout, box: Box) -> None:
    """Convert what is stored of a box into native float32, in place.

    The bytes are swapped in the order of the file and the axes exchanged afterwards: each of the two passes streams,
    where one that does both would jump through memory.
    """
    order = sorted(range(3), key=lambda n: -layout.strides[n])
    stored = _stored(path, layout, box).transpose(order)
    with np.errstate(over="ignore", invalid="ignore"):
        if (layout.scale, layout.zero) == (1.0, 0.0):
            native = stored.astype(np.float32)
        else:
            native = (stored * np.float64(layout.scale) + np.float64(layout.zero)).astype(np.float32)
    infinite = np.isinf(native)
    if infinite.any():
        native[infinite] = np.nan
    if layout.blank is not None:
        native[stored == layout.blank] = np.nan
    voxels[...] = native.transpose(np.argsort(order))


def _stored(path: Path, layout: Layout, box: Box) -> npt.NDArray[Any]:
    """Map a box of a file, array (frequency, l, m) of stored numbers."""
    first, size = layout.span(box)
    page = first - first % mmap.ALLOCATIONGRANULARITY
    with reading(path), path.open("rb", buffering=0) as file:
        try:
            mapped = mmap.mmap(file.fileno(), first + size - page, access=mmap.ACCESS_READ, offset=page)
        except ValueError:
            raise InputError(
                f"{shown(path)} became shorter than {first + size} bytes while it was read. Copy it again."
            ) from None
    return np.ndarray(
        box.shape, dtype=layout.dtype, buffer=mapped, offset=first - page, strides=layout.strides
    )


def _replaced(shape: Sequence[int], axis: int, value: int) -> Shape:
    z, x, y = (value if n == axis else length for n, length in enumerate(shape))
    return (z, x, y)
