"""Lanes from arrays and back.

A place in an array is one index for each axis, or a number where there is one axis; the lanes are the number there and
its neighbours along the last axis. Nothing asks whether the array ends before they do.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from tessellar.compiled import compiled_part
from tessellar.lanes.registers import DOUBLES, FLOATS, LANES_OF, ROW, Lanes, instruction

_READ, _WRITE, _FIRST_LEVEL, _SECOND_LEVEL, _DATA = 0, 1, 3, 2, 1  # the words of the instruction that fetches
_LINE_BYTES = 64  # of the cache


@compiled_part
def copy_row(numbers: Any, out: Any) -> None:
    """Copy an array of one axis; an assignment would have the text of numba's errors about shapes compiled."""
    for i in range(out.size):
        out[i] = numbers[i]


@instruction
def load(_typing: Any, array: Any, place: Any) -> Any:
    """Return lanes of a float32 or float64 array."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return load_in(context, builder, signature, given, LANES_OF[array.dtype].vector)

    return (LANES_OF[array.dtype](array, place), code) if has_neighbours(array, *LANES_OF) else None


@instruction
def load_doubles(_typing: Any, array: Any, place: Any) -> Any:
    """Return lanes of a float64 array, or those of a float32 array as float64."""
    return _loading(DOUBLES, array, place)


@instruction
def load_row(_typing: Any, array: Any, place: Any) -> Any:
    """Return a row of a float64 array, or one of a float32 array as float64."""
    return _loading(ROW, array, place)


@instruction
def store(_typing: Any, array: Any, place: Any, lanes: Any) -> Any:
    """Put lanes into an array of such numbers, or those of float64 rounded into one of float32."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        store_in(context, builder, signature, given, _as_kept(builder, signature, given[2]))
        return context.get_dummy_value()

    return (types.void(array, place, lanes), code) if _takes(array, lanes) else None


@instruction
def stream(_typing: Any, array: Any, place: Any, lanes: Any) -> Any:
    """Put lanes into an array as `store` does, past the cache.

    The address is a multiple of their bytes; where they take several lines of the cache, a line begins there.
    """

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        made = store_in(context, builder, signature, given, _as_kept(builder, signature, given[2]))
        made.align = min(made.align * lanes.count, _LINE_BYTES)
        made.set_metadata("nontemporal", builder.module.add_metadata([ir.IntType(32)(1)]))
        return context.get_dummy_value()

    return (types.void(array, place, lanes), code) if _takes(array, lanes) else None


@instruction
def store_two_bits(_typing: Any, array: Any, place: Any, one: Any, two: Any, where: Any) -> Any:
    """Put 1 where the first flag is set plus 2 where the second is into a uint8 array; 0 where the last is not."""
    octets = ir.VectorType(ir.IntType(8), FLOATS.count)

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        none = ir.Constant(octets, [0] * octets.count)
        low, high = (
            builder.select(flags, ir.Constant(octets, [bit] * octets.count), none)
            for flags, bit in zip(given[2:4], (1, 2), strict=True)
        )
        both = builder.select(given[4], builder.or_(low, high), none)
        store_in(context, builder, signature, given, both)
        return context.get_dummy_value()

    right = has_neighbours(array, types.uint8) and one == two == where == FLOATS.flags
    return (types.void(array, place, one, two, where), code) if right else None


@instruction
def fetch(_typing: Any, array: Any, place: Any) -> Any:
    """Have the line of the cache that holds a place of an array brought into it, while the work goes on."""
    return types.void(array, place), _fetching(_READ, _SECOND_LEVEL)


@instruction
def fetch_to_write(_typing: Any, array: Any, place: Any) -> Any:
    """Have the line of the cache that holds a place of an array brought into it to be written, as `fetch` does."""
    return types.void(array, place), _fetching(_WRITE, _FIRST_LEVEL)


def _loading(kind: Lanes, array: Any, place: Any) -> Any:
    """Return signature and code of what loads lanes of float64 from an array of them or of float32."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        found = load_in(context, builder, signature, given, Lanes(array.dtype, kind.count).vector)
        return found if array.dtype == types.float64 else builder.fpext(found, kind.vector)

    return (kind(array, place), code) if has_neighbours(array, *LANES_OF) else None


def has_neighbours(array: Any, *numbers: Any) -> bool:
    """Return whether a type is that of an array of some kind of number, with neighbours beside each other."""
    return isinstance(array, types.Array) and array.layout == "C" and array.dtype in numbers


def load_in(context: Any, builder: Any, signature: Any, given: Any, vector: ir.VectorType) -> Any:
    """Return the code that loads from an array and a place, which are given first, in another instruction."""
    address = _address(context, builder, signature, given, vector)
    return builder.load(address, align=_bytes(signature))


def store_in(context: Any, builder: Any, signature: Any, given: Any, value: Any) -> Any:
    """Return the code that stores into an array at a place, which are given first, in another instruction."""
    address = _address(context, builder, signature, given, value.type)
    return builder.store(value, address, align=_bytes(signature))


def address_in(context: Any, builder: Any, kind: Any, array: Any, words: Any, pointed: Any) -> Any:
    """Return an address in an array: without a view of it, whose references would be counted."""
    found = cgutils.get_item_pointer(
        context, builder, kind, array, words, wraparound=False, boundscheck=False
    )
    return builder.bitcast(found, pointed.as_pointer())


def _fetching(purpose: int, level: int) -> Any:
    """Return what makes the code that fetches a place of an array, which are given."""
    octet, word = ir.IntType(8), ir.IntType(32)
    kind = ir.FunctionType(ir.VoidType(), [octet.as_pointer(), word, word, word])

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        address = _address(context, builder, signature, given, octet)
        call = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        builder.call(call, [address, word(purpose), word(level), word(_DATA)])
        return context.get_dummy_value()

    return code


def _address(context: Any, builder: Any, signature: Any, given: Any, pointed: Any) -> Any:
    kind, place = signature.args[:2]
    array = context.make_array(kind)(context, builder, given[0])
    several = isinstance(place, types.BaseTuple)
    indices, kinds = (cgutils.unpack_tuple(builder, given[1]), place) if several else ([given[1]], [place])
    words = [context.cast(builder, one, each, types.intp) for one, each in zip(indices, kinds, strict=True)]
    return address_in(context, builder, kind, array, words, pointed)


def _bytes(signature: Any) -> int:
    """Return those of a number of the array that is given first."""
    return int(signature.args[0].dtype.bitwidth) // 8


def _takes(array: Any, lanes: Any) -> bool:
    """Return whether lanes can be put into such an array."""
    return lanes in (*LANES_OF.values(), ROW) and has_neighbours(array, types.float32, lanes.number)


def _as_kept(builder: Any, signature: Any, value: Any) -> Any:
    """Return lanes as the numbers of the array that is given first."""
    array, lanes = signature.args[0], signature.args[2]
    if array.dtype == lanes.number:
        return value
    return builder.fptrunc(value, Lanes(array.dtype, lanes.count).vector)
