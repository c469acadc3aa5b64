"""Float32 numbers as a FITS file has them, put where a cube has them in memory: other bytes, other axes.

Squares of them are turned in registers. What is written lies far apart, so the lines of the cache are fetched ahead.
Rows that lie near one another are read and converted by one compiled call, which needs no lock of the interpreter.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tessellar.compiled import compiled, compiled_part
from tessellar.lanes.files import filled
from tessellar.lanes.foreign import put_native, put_native_turned
from tessellar.lanes.memory import fetch_to_write
from tessellar.lanes.registers import LANES

_AHEAD = 2 * LANES  # rows that are fetched before they are written
_SIZE, _INFINITE, _NAN = np.int32(0x7FFFFFFF), np.int32(0x7F800000), np.int32(0x7FC00000)  # bits of a float32

Words = npt.NDArray[np.int32]


def make_native(stored: npt.NDArray[Any], made: npt.NDArray[np.float32]) -> None:
    """Convert big-endian float32 numbers; infinite ones become NaN, and no other bits change.

    Parameters
    ----------
    stored
        Array of ``>f4``, the slowest axis of the file first, numbers of the last axis beside each other.
    made
        float32 array of the same shape, overwritten; numbers of any one axis are beside each other.
    """
    along = _axis_of_neighbours(made)
    words = stored.view(np.int32)
    if along == 2:
        _along(words, made.view(np.int32))
    else:
        other = 1 - along
        _turned(words.transpose(other, along, 2), made.transpose(other, 2, along).view(np.int32))


def read_native(
    file: int, offset: int, strides: tuple[int, int], made: npt.NDArray[np.float32], room: Words
) -> bool:
    """Read big-endian float32 numbers, numbers of a row beside each other, and convert them as `make_native` does.

    Return whether all could be read; who needs them reads them in Python otherwise, and is told there why not.

    Parameters
    ----------
    file, offset
        Descriptor of an open file, and the byte of the first number.
    strides
        Bytes from one plane to the next and from one row to the next, which has room in ``room``.
    made
        float32 array (plane, row, column), overwritten; numbers of one of the last two axes are beside each other.
    room
        To read into, int32 array.
    """
    turned = _axis_of_neighbours(made) != 2
    rows = made.transpose(0, 2, 1) if turned else made
    return _read(file, offset, *strides, rows.view(np.int32), turned, room)


def can_be_read(made: npt.NDArray[np.float32]) -> bool:
    """Return whether `read_native` knows such an array: planes are planes in the file too."""
    return _axis_of_neighbours(made) > 0


def _axis_of_neighbours(made: npt.NDArray[np.float32]) -> int:
    return int(np.argmin(made.strides))


@compiled
def _read(file: int, offset: int, plane: int, row: int, made: Words, turned: bool, room: Words) -> bool:
    """Do what `read_native` does, with neighbours on the last axis of ``made``, be they of a row or ``turned``."""
    planes, rows, columns = made.shape
    if turned:
        rows, columns = columns, rows
    pitch = row // made.itemsize
    most = room.size // pitch
    for z in range(planes):
        for top in range(0, rows, most):
            n = min(most, rows - top)
            begin = offset + z * plane + top * row
            if not filled(file, room, (n - 1) * row + columns * made.itemsize, begin):
                return False
            block = _block(room, n, pitch, columns)
            if turned:
                _turned(block, made[z : z + 1, :, top : top + n])
            else:
                _along(block, made[z : z + 1, top : top + n])
    return True


@compiled_part
def _block(room: Words, rows: int, pitch: int, columns: int) -> Words:
    """Return what was read as an array of one plane."""
    return room[: rows * pitch].reshape(1, rows, pitch)[:, :, :columns]


@compiled
def _along(stored: Words, made: Words) -> None:
    """Convert numbers that stay beside each other."""
    planes, rows, columns = stored.shape
    for z in range(planes):
        for x in range(rows):
            if columns < LANES:
                for y in range(columns):
                    made[z, x, y] = _one(stored[z, x, y])
                continue
            for y in range(0, columns, LANES):
                at = min(y, columns - LANES)
                put_native(stored, (z, x, at), made, (z, x, at))


@compiled
def _turned(stored: Words, made: Words) -> None:
    """Convert numbers (plane, row, column) into (plane, column, row)."""
    planes, rows, columns = stored.shape
    for z in range(planes):
        if rows < LANES or columns < LANES:
            _turned_one_by_one(stored, made, z)
            continue
        for column in range(0, columns, LANES):
            left = min(column, columns - LANES)
            for row in range(0, rows, LANES):
                top, ahead, beside = min(row, rows - LANES), row + _AHEAD, left
                if ahead >= rows:
                    ahead, beside = min(ahead - rows, rows - 1), min(left + LANES, columns - LANES)
                for lane in range(LANES):
                    fetch_to_write(made, (z, beside + lane, ahead))
                put_native_turned(stored, (z, top, left), made, (z, left, top))


@compiled_part
def _turned_one_by_one(stored: Words, made: Words, z: int) -> None:
    """Convert a plane whose rows are too short or too few for lanes."""
    for row in range(stored.shape[1]):
        for column in range(stored.shape[2]):
            made[z, column, row] = _one(stored[z, row, column])


@compiled_part
def _one(stored: np.int32) -> np.int32:
    """Convert a number by itself."""
    word = np.uint32(stored)
    word = (word >> 24) | ((word >> 8) & 0xFF00) | ((word << 8) & 0xFF0000) | (word << 24)
    bits = np.int32(word)
    return _NAN if bits & _SIZE == _INFINITE else bits
