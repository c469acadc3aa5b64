"""Chunks of a shard read, decoded and put in their places by one compiled call, without the interpreter's lock."""

from __future__ import annotations

import threading
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from tessellar.compiled import compiled, compiled_part
from tessellar.lanes.files import filled
from tessellar.lanes.memory import load, store
from tessellar.lanes.registers import LANES
from tessellar.lanes.zstd import context_of_thread, decompressed
from tessellar.model import ByteArray, FloatArray, IntArray, Order
from tessellar.tiling.box import Shape

_LONGEST = 2  # times its voxels: what is longer is no packed chunk
_KEPT_BYTES = 8 * 2**20  # of a chunk whose memory a thread keeps for the next call
_NOTHING: FloatArray = np.empty((0, 0, 0), np.float32)
_ORIGIN = np.zeros(3, np.int64)
_HERE = threading.local()


class ShardReader:
    """Reads from an open shard.

    Parameters
    ----------
    file
        Its descriptor.
    index
        Where its chunks are, uint64 array (frequency, l, m, 2): first byte and bytes.
    start
        Its first voxel in the cube.
    chunk
        Voxels of a chunk.
    fill_value
        What voxels are that are not stored.
    is_packed
        Whether chunks are frames of Zstandard; they are voxels otherwise.
    """

    def __init__(
        self,
        file: int,
        index: npt.NDArray[np.uint64],
        start: Shape,
        chunk: Shape,
        fill_value: np.float32,
        *,
        is_packed: bool,
    ) -> None:
        self._file, self._fill_value = file, fill_value
        self._index = index.astype(np.int64)  # what is not stored begins at -1
        self._start = np.array(start, np.int64)
        self._context = context_of_thread() if is_packed else 0
        self._packed, self._voxels = _room(chunk)

    def fill(self, order: Order) -> bool:
        """Put voxels where they are wanted, NaN = blank; return whether that was done.

        It was not if they are wanted in several places, or in arrays that are not whole ones, or if something is wrong;
        to do it in Python tells what.

        Parameters
        ----------
        order
            Of voxels in this shard.
        """
        if not 0 < len(order.targets) <= 2 or not all(_is_whole(array) for _, array in order.targets):
            return False
        (where, array), *more = order.targets
        beside, other = (np.array(more[0][0].start, np.int64), more[0][1]) if more else (_ORIGIN, _NOTHING)
        box = np.array((order.box.start, order.box.stop), np.int64)
        done: bool = _fill(
            self._file, self._index, self._start, box, self._context, self._packed, self._voxels, self._fill_value,
            array, np.array(where.start, np.int64), other, beside,
        )  # fmt: skip
        return done


def can_decode() -> bool:
    """Return whether chunks can be decoded here; the loops name the library's function, so packed or not, it must be
    there.
    """
    return context_of_thread() != 0


def _room(chunk: Shape) -> tuple[ByteArray, FloatArray]:
    """Return room for a packed chunk and for its voxels: what this thread had last, unless that is too much to keep."""
    found: tuple[ByteArray, FloatArray] | None = getattr(_HERE, "room", None)
    if found is None or found[1].shape != chunk:
        n_bytes = 4 * prod(chunk)
        found = np.empty(_LONGEST * n_bytes + 2**16, np.uint8), np.empty(chunk, np.float32)
        _HERE.room = found if n_bytes <= _KEPT_BYTES else None
    return found


def _is_whole(array: Any) -> bool:
    return bool(array.flags.c_contiguous and array.flags.writeable and array.dtype == np.float32)


@compiled
def _fill(
    file: int,
    index: IntArray,
    start: IntArray,
    box: IntArray,
    context: int,
    packed: ByteArray,
    voxels: FloatArray,
    fill_value: np.float32,
    first: FloatArray,
    first_at: IntArray,
    second: FloatArray,
    second_at: IntArray,
) -> bool:
    """Decode the chunks of a box one after the other, and put what is wanted of each into two arrays.

    Parameters
    ----------
    file, index, start
        As for `ShardReader`, int64 arrays; ``start`` (3).
    box
        What is wanted: its first voxel in the cube, and the one behind its last, int64 array (2, 3).
    context
        Of `decompressed`; 0 where chunks are not packed.
    packed, voxels
        Room for a packed chunk, uint8 array, and for its voxels, float32 array (frequency, l, m).
    fill_value
        Of voxels that are not stored.
    first, first_at, second, second_at
        float32 arrays (frequency, l, m), and where their first voxels are in the cube.
    """
    cz, cx, cy = voxels.shape
    corner = np.empty(3, np.int64)
    for z in range((box[0, 0] - start[0]) // cz, (box[1, 0] - start[0] - 1) // cz + 1):
        for x in range((box[0, 1] - start[1]) // cx, (box[1, 1] - start[1] - 1) // cx + 1):
            for y in range((box[0, 2] - start[2]) // cy, (box[1, 2] - start[2] - 1) // cy + 1):
                begin, size = index[z, x, y, 0], index[z, x, y, 1]
                if not _load(file, begin, size, context, packed, voxels, fill_value):
                    return False
                corner[0], corner[1], corner[2] = start[0] + z * cz, start[1] + x * cx, start[2] + y * cy
                _put(voxels, corner, box, first, first_at)
                _put(voxels, corner, box, second, second_at)
    return True


@compiled_part
def _load(
    file: int,
    begin: int,
    size: int,
    context: int,
    packed: ByteArray,
    voxels: FloatArray,
    fill_value: np.float32,
) -> bool:
    """Read and decode a chunk; infinite voxels become blank: no brightness is infinite."""
    flat, n_bytes = voxels.reshape(-1), voxels.size * voxels.itemsize
    if begin == -1 and size == -1:
        for i in range(flat.size):
            flat[i] = fill_value
    elif context == 0:
        if size != n_bytes or begin < 0 or not filled(file, voxels, size, begin):
            return False
    else:
        if not 0 < size <= packed.size or begin < 0 or not filled(file, packed, size, begin):
            return False
        if decompressed(context, voxels, packed, size) != n_bytes:
            return False
    for i in range(flat.size):
        flat[i] = np.float32(np.nan) if np.isinf(flat[i]) else flat[i]
    return True


@compiled_part
def _put(voxels: FloatArray, corner: IntArray, box: IntArray, target: FloatArray, at: IntArray) -> None:
    """Copy what a box and an array have in common with a chunk, whose first voxel is at ``corner``."""
    z0, z1 = _common(0, voxels, corner, box, target, at)
    x0, x1 = _common(1, voxels, corner, box, target, at)
    y0, y1 = _common(2, voxels, corner, box, target, at)
    n = y1 - y0
    for z in range(z0, z1):
        for x in range(x0, x1):
            i, j, k = z - at[0], x - at[1], y0 - at[2]
            u, v, w = z - corner[0], x - corner[1], y0 - corner[2]
            if n < LANES:
                for y in range(n):
                    target[i, j, k + y] = voxels[u, v, w + y]
                continue
            for y in range(0, n, LANES):
                here = min(y, n - LANES)
                store(target, (i, j, k + here), load(voxels, (u, v, w + here)))


@compiled_part
def _common(
    axis: int, voxels: FloatArray, corner: IntArray, box: IntArray, target: FloatArray, at: IntArray
) -> tuple[int, int]:
    """Return the interval of an axis that box, array and chunk have in common."""
    first = max(corner[axis], box[0, axis], at[axis])
    stop = min(corner[axis] + voxels.shape[axis], box[1, axis], at[axis] + target.shape[axis])
    return first, stop
