"""Boxes of voxels out of an uncompressed FITS image, converted in blocks that stay in a core's cache."""

from __future__ import annotations

import mmap
import os
import threading
from collections.abc import Iterator, Sequence
from io import FileIO
from itertools import product
from operator import add, mul, sub
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from tessellar.errors import InputError, UsageError
from tessellar.io.compiler import is_worth_loading
from tessellar.io.layout import Layout
from tessellar.io.naming import shown
from tessellar.io.reading import reading
from tessellar.model import FloatArray
from tessellar.tiling.box import Box

BLOCK = 256 << 10  # bytes, at most, that are converted at a time
COLLIDING = 64  # voxels: rows of a multiple of that drive one another out of a cache
Stored: TypeAlias = npt.NDArray[Any]  # numbers of a file, the slowest of its axes first


class _Scratch(threading.local):
    """Where a thread converts blocks: kept, for the system would have to clear new memory for every one."""

    def __init__(self) -> None:
        self.stored = memoryview(bytearray(BLOCK))
        self.words = np.frombuffer(self.stored, np.int32)
        self.packed = bytearray(BLOCK)
        self.native = np.empty(BLOCK // 4 + BLOCK // 4 // COLLIDING, np.float32)
        self.infinite = np.empty(BLOCK // 4, np.bool_)


_SCRATCH = _Scratch()


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
    with (
        reading(path),
        path.open("rb", buffering=0) as file,
        np.errstate(over="ignore", invalid="ignore"),
    ):
        loops = _compiled_loops(layout, voxels.nbytes)
        for piece in layout.pieces(box):
            part = voxels[piece.relative_to(box.start).slices()].transpose(layout.order)
            if loops is None or not _read_at_once(loops, file, layout, piece, part):
                for place, stored in _blocks(file, path, layout, piece):
                    _convert(stored, layout, part[place], loops)
    return voxels


def convert(stored: Stored, layout: Layout, voxels: FloatArray) -> None:
    """Convert numbers that were read elsewhere as those of a file are.

    Parameters
    ----------
    stored
        Numbers as ``layout`` says, the slowest axis of the file first.
    layout
        Where they come from.
    voxels
        float32 array of the same shape, overwritten; NaN = blank.
    """
    lengths = (stored.shape[0], stored.shape[1], stored.shape[2])
    columns = min(lengths[2], BLOCK // max(4, layout.itemsize))
    rows = max(1, BLOCK // (max(4, layout.itemsize) * columns))
    steps = (max(1, rows // lengths[1]), rows, columns)
    with np.errstate(over="ignore", invalid="ignore"):
        for corner in product(*map(range, (0, 0, 0), lengths, steps)):
            place = tuple(map(slice, corner, map(min, lengths, map(add, corner, steps))))
            _convert(stored[place], layout, voxels[place], None)


def _compiled_loops(layout: Layout, n_bytes: int) -> ModuleType | None:
    """Return the loops for unscaled float32 numbers, where they are at hand or a window is worth to load them."""
    if not layout.plain or not is_worth_loading(n_bytes):
        return None
    from tessellar.io import native

    return native


def _read_at_once(loops: ModuleType, file: FileIO, layout: Layout, piece: Box, part: FloatArray) -> bool:
    """Read a piece whose rows are near one another by one compiled call; return whether it was done.

    It was not if it is no such piece, or the system did not read all of it; to read it block by block tells why.
    """
    lengths, strides = layout.in_file(piece.shape), layout.in_file(layout.strides)
    near = _is_dense(layout, lengths) or (_span(layout, lengths) <= BLOCK and strides[1] <= BLOCK)
    if not (near and strides[2] == layout.itemsize and loops.can_be_read(part)):
        return False
    first, _ = layout.span(piece)
    done: bool = loops.read_native(file.fileno(), first, strides[:2], part, _SCRATCH.words)
    return done


def _blocks(
    file: FileIO, path: Path, layout: Layout, piece: Box
) -> Iterator[tuple[tuple[slice, ...], Stored]]:
    """Yield the blocks of a piece: where they are, the slowest axis of the file first, and what is stored there.

    Rows that are most of what lies between their ends are copied by the system, which takes less time than to map
    them. So are those of a plane that lie near one another, and what is asked for is picked from the copy. Of others
    only what is asked for is touched.
    """
    lengths, strides = layout.in_file(piece.shape), layout.in_file(layout.strides)
    first, _ = layout.span(piece)
    width = max(4, layout.itemsize)
    dense = _is_dense(layout, lengths)
    read = _read if dense else _pick if _span(layout, lengths) <= BLOCK else None
    mapped = None if read else _mapped(file, path, layout, piece)
    columns = min(lengths[2], BLOCK // width)
    rows = BLOCK // max(columns * width, strides[1] if dense else 0)
    steps = (max(1, rows // lengths[1]), rows, columns)
    for corner in product(*map(range, (0, 0, 0), lengths, steps)):
        end = tuple(map(min, lengths, map(add, corner, steps)))
        place = tuple(map(slice, corner, end))
        if read:
            begin = first + sum(map(mul, corner, strides))
            yield place, read(file, path, layout, begin, tuple(map(sub, end, corner)))
        elif mapped is not None:
            yield place, mapped[place]


def _is_dense(layout: Layout, lengths: Sequence[int]) -> bool:
    """Return whether rows are at least half of what lies between their ends."""
    _, row, column = layout.in_file(layout.strides)
    return column == layout.itemsize and row <= min(2 * layout.itemsize * lengths[2], BLOCK)


def _span(layout: Layout, lengths: Sequence[int]) -> int:
    """Return the bytes from the first number of a plane to the end of its last."""
    _, row, column = layout.in_file(layout.strides)
    return (lengths[1] - 1) * row + (lengths[2] - 1) * column + layout.itemsize


def _pick(file: FileIO, path: Path, layout: Layout, offset: int, lengths: Sequence[int]) -> Stored:
    """Read the rows of a block with what lies between them, plane after plane, and pick the rows."""
    plane, row, column = layout.in_file(layout.strides)
    held = _SCRATCH.stored[: _span(layout, lengths)]
    rows: Stored = np.ndarray(lengths[1:], layout.dtype, held, strides=(row, column))
    packed: Stored = np.ndarray(lengths, layout.dtype, _SCRATCH.packed)
    for own in packed:
        _fill(held, file, path, offset)
        own[...] = rows
        offset += plane
    return packed


def _read(file: FileIO, path: Path, layout: Layout, offset: int, lengths: Sequence[int]) -> Stored:
    """Read the rows of a block plane after plane, whole planes at once."""
    plane, row, size = layout.in_file(layout.strides)
    span = _span(layout, lengths)
    held = _SCRATCH.stored
    if plane == lengths[1] * row:
        _fill(held[: (lengths[0] - 1) * plane + span], file, path, offset)
    else:
        for n in range(lengths[0]):
            _fill(held[n * span : (n + 1) * span], file, path, offset + n * plane)
        plane = span
    return np.ndarray(lengths, dtype=layout.dtype, buffer=held, strides=(plane, row, size))


def _fill(held: memoryview, file: FileIO, path: Path, offset: int) -> None:
    """Read as many bytes as ``held`` takes."""
    stop = offset + len(held)
    while offset < stop:
        got = os.preadv(file.fileno(), [held], offset)
        if not got:
            raise _shorter(path, stop)
        held, offset = held[got:], offset + got


def _mapped(file: FileIO, path: Path, layout: Layout, piece: Box) -> Stored:
    """Map a piece of a file."""
    first, size = layout.span(piece)
    page = first - first % mmap.ALLOCATIONGRANULARITY
    try:
        mapped = mmap.mmap(file.fileno(), first + size - page, access=mmap.ACCESS_READ, offset=page)
    except ValueError:
        raise _shorter(path, first + size) from None
    lengths, strides = layout.in_file(piece.shape), layout.in_file(layout.strides)
    return np.ndarray(lengths, dtype=layout.dtype, buffer=mapped, offset=first - page, strides=strides)


def _shorter(path: Path, size: int) -> InputError:
    return InputError(f"{shown(path)} became shorter than {size} bytes while it was read. Copy it again.")


def _convert(stored: Stored, layout: Layout, voxels: FloatArray, loops: ModuleType | None) -> None:
    """Convert what is stored of a block into native float32, both with the slowest axis of the file first.

    One compiled loop does both for numbers beside each other, if it is given. Otherwise the bytes are swapped in the
    order of the file and the axes exchanged afterwards: each of the two passes streams, where one that does both would
    jump through memory.
    """
    if loops is not None and stored.strides[2] == layout.itemsize:
        loops.make_native(stored, voxels)
        return
    planes, rows, columns = stored.shape
    pitch = columns + (columns % COLLIDING == 0)
    native = _SCRATCH.native[: planes * rows * pitch].reshape(planes, rows, pitch)[:, :, :columns]
    if (layout.scale, layout.zero) == (1.0, 0.0):
        native[...] = stored
    else:
        native[...] = stored * np.float64(layout.scale) + np.float64(layout.zero)
    infinite = np.isinf(native, out=_SCRATCH.infinite[: stored.size].reshape(stored.shape))
    if infinite.any():
        native[infinite] = np.nan
    if layout.blank is not None:
        native[stored == layout.blank] = np.nan
    voxels[...] = native
