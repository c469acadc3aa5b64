"""Lanes of float32 as FITS stores them, the highest byte first, and blocks of them whose axes change places.

They are moved as integers: nothing is rounded, and the bits of a NaN stay what they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from tessellar.lanes.arithmetic import call_in
from tessellar.lanes.memory import address_in
from tessellar.lanes.registers import LANES, instruction

_WORD = ir.IntType(32)
_WORDS = ir.VectorType(_WORD, LANES)
_SIZE, _INFINITE, _NAN = 0x7FFFFFFF, 0x7F800000, 0x7FC00000  # bits of a float32


@instruction
def put_native(_typing: Any, stored: Any, where: Any, made: Any, there: Any) -> Any:
    """Put neighbours of one int32 array into another with their bytes in the order of this machine, infinite as NaN."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        found = builder.load(_place(context, builder, signature, given, 0), align=4)
        builder.store(_native(builder, found), _place(context, builder, signature, given, 2), align=4)
        return context.get_dummy_value()

    return _signature(stored, where, made, there), code


@instruction
def put_native_turned(_typing: Any, stored: Any, where: Any, made: Any, there: Any) -> Any:
    """Put a square of one int32 array into another as `put_native` does, its rows as columns.

    A square has as many rows as there are lanes. The last axes of both arrays have neighbours beside each other, and
    it is turned over the last two.
    """

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        rows = [
            _native(builder, builder.load(_place(context, builder, signature, given, 0, row), align=4))
            for row in range(LANES)
        ]
        for row, words in enumerate(_turned(builder, rows)):
            builder.store(words, _place(context, builder, signature, given, 2, row), align=4)
        return context.get_dummy_value()

    return _signature(stored, where, made, there), code


def _signature(stored: Any, where: Any, made: Any, there: Any) -> Any:
    """Return the signature, if both are arrays of int32 and the places in them have an index for each axis."""
    right = all(
        isinstance(array, types.Array)
        and array.dtype == types.int32
        and isinstance(place, types.BaseTuple)
        and len(place) == array.ndim
        for array, place in ((stored, where), (made, there))
    )
    return types.void(stored, where, made, there) if right else None


def _place(context: Any, builder: Any, signature: Any, given: Any, which: int, row: int = 0) -> Any:
    """Return the address of lanes in an array, some rows behind the place that is given after it."""
    kind, place = signature.args[which : which + 2]
    array = context.make_array(kind)(context, builder, given[which])
    words = [
        context.cast(builder, one, each, types.intp)
        for one, each in zip(cgutils.unpack_tuple(builder, given[which + 1]), place, strict=True)
    ]
    if row:
        words[-2] = builder.add(words[-2], context.get_constant(types.intp, row))
    return address_in(context, builder, kind, array, words, _WORDS)


def _native(builder: Any, words: Any) -> Any:
    """Return stored numbers as this machine has them."""
    swapped = call_in(builder, "llvm.bswap", words)
    size = builder.and_(swapped, _all(_SIZE))
    return builder.select(builder.icmp_unsigned("==", size, _all(_INFINITE)), _all(_NAN), swapped)


def _turned(builder: Any, rows: Sequence[Any]) -> list[Any]:
    """Return the columns of a square.

    Neighbours change places first, then pairs of them, and so on: in each step half of a row and half of another.
    """
    found, step = list(rows), 1
    while step < LANES:
        for i in range(LANES):
            if not i & step:
                a, b = found[i], found[i + step]
                upper = [lane if not lane & step else LANES + lane - step for lane in range(LANES)]
                lower = [lane + step if not lane & step else LANES + lane for lane in range(LANES)]
                found[i] = builder.shuffle_vector(a, b, ir.Constant(_WORDS, upper))
                found[i + step] = builder.shuffle_vector(a, b, ir.Constant(_WORDS, lower))
        step *= 2
    return found


def _all(number: int) -> ir.Constant:
    return ir.Constant(_WORDS, [number] * LANES)
