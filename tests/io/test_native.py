"""Numbers of a FITS file come into memory with the same bits, however the axes lie and however few there are."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pytest

from tessellar.io.native import make_native
from tessellar.lanes.registers import LANES

RNG = np.random.default_rng(9)
LENGTHS = (1, LANES - 1, LANES, 3 * LANES + 5)


def stored_numbers(shape: tuple[int, ...]) -> Any:
    """Return big-endian numbers of any bits, with both infinities and some NaN among them."""
    words = RNG.integers(0, 2**32, shape, dtype=np.uint32)
    special = np.array([0x7F800000, 0xFF800000, 0x7FC00000, 0xFFC00001, 0x7FA00000, 0x80000000], np.uint32)
    flat = words.reshape(-1)
    flat[: special.size] = special[: flat.size]
    return RNG.permutation(flat).reshape(shape).astype(">u4").view(">f4")


def expected(stored: Any) -> Any:
    """Return the bits that shall be in memory."""
    bits = stored.view(">u4").astype(np.uint32)
    return np.where(bits & 0x7FFFFFFF == 0x7F800000, np.uint32(0x7FC00000), bits)


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("rows", LENGTHS)
@pytest.mark.parametrize("columns", LENGTHS)
def test_every_bit_arrives_in_any_order_of_axes(order: tuple[int, int, int], rows: int, columns: int) -> None:
    stored = stored_numbers((3, rows, columns))
    room = np.full([stored.shape[axis] for axis in order], -1.0, np.float32)
    made = room.transpose(np.argsort(order))
    make_native(stored, made)
    np.testing.assert_array_equal(made.view(np.uint32), expected(stored))


def test_nothing_is_written_beyond_the_block() -> None:
    stored = stored_numbers((2, LANES + 3, 2 * LANES + 1))
    room = np.full((4, 2 * LANES + 5, LANES + 9), -1.0, np.float32)
    part = room[1:3, 2:-2, 3:-3]
    make_native(stored, part.transpose(0, 2, 1))
    np.testing.assert_array_equal(part.transpose(0, 2, 1).view(np.uint32), expected(stored))
    part[...] = -1.0
    assert (room == -1.0).all()


def test_windows_of_a_file_that_is_mapped_are_read() -> None:
    stored = stored_numbers((2, LANES, 3 * LANES))[:, :, ::1]
    stored.flags.writeable = False
    view = stored[:, 1:, 5:-1]
    made = np.empty((2, view.shape[2], view.shape[1]), np.float32)
    make_native(view, made.transpose(0, 2, 1))
    np.testing.assert_array_equal(made.transpose(0, 2, 1).view(np.uint32), expected(view))
