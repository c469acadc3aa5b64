"""Neighbouring voxels side by side in one register of the processor, for the loops of the finder.

Every operation rounds by itself, as it does for one voxel alone, so the bits do not depend on how many a register holds
or on where a voxel lies in it. What the compiler makes of plain loops has the same bits; here the code says which
numbers stay in registers, where the compiler cannot see that arrays never overlap.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import llvmlite.binding
import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.datamodel.models import PrimitiveModel
from numba.extending import intrinsic, lower_builtin, register_model, type_callable

from tessellar.compiled import compiled_part
from tessellar.model import FloatArray

_FLOAT = 4  # bytes
LINE = 16  # floats in a line of the cache
_READ, _SECOND_LEVEL, _DATA = 0, 2, 1  # the words of the instruction that fetches
_instruction: Callable[[Callable[..., Any]], Any] = intrinsic


def _lanes() -> int:
    """Return how many floats the widest register holds; on other processors it is only less fast."""
    given = numba.config.CPU_FEATURES
    found = llvmlite.binding.get_host_cpu_features().flatten() if given is None else given
    return 16 if "+avx512f" in found else 8 if "+avx" in found else 4


LANES = _lanes()
_FLOATS, _INTEGERS, _BITS, _BYTES = (
    ir.VectorType(number, LANES) for number in (ir.FloatType(), ir.IntType(32), ir.IntType(1), ir.IntType(8))
)


class VoxelsType(types.Type):  # type: ignore[misc]  # numba says nothing of its types
    """The type of so many float32 numbers."""

    def __init__(self) -> None:
        super().__init__(name=f"Voxels({LANES})")


class FlagsType(types.Type):  # type: ignore[misc]
    """The type of as many answers, yes or no."""

    def __init__(self) -> None:
        super().__init__(name=f"Flags({LANES})")


_VOXELS, _FLAGS = VoxelsType(), FlagsType()


@register_model(VoxelsType)
class _VoxelsModel(PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _FLOATS)


@register_model(FlagsType)
class _FlagsModel(PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _BITS)


def _operator(of: Any, kind: Any, instruction: str) -> None:
    """Let compiled code write an operation of two lanes as it would that of two numbers."""

    @type_callable(of)  # type: ignore[untyped-decorator]
    def typed(_context: Any) -> Any:
        return lambda a, b: kind if a == kind and b == kind else None

    @lower_builtin(of, kind, kind)  # type: ignore[untyped-decorator]
    def code(_context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        return getattr(builder, instruction)(*given)


_operator(operator.add, _VOXELS, "fadd")
_operator(operator.mul, _VOXELS, "fmul")
_operator(operator.or_, _FLAGS, "or_")


@_instruction
def load(_typing: Any, array: Any, first: Any) -> Any:
    """Return the lanes of a float32 array from an index on, a number or a tuple."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return builder.load(_place(context, builder, signature, given, _FLOATS), align=_FLOAT)

    return (_VOXELS(array, first), code) if _holds(array, types.float32) else None


@_instruction
def store(_typing: Any, array: Any, first: Any, voxels: Any) -> Any:
    """Put lanes into a float32 array from an index on, a number or a tuple."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        builder.store(given[2], _place(context, builder, signature, given, _FLOATS), align=_FLOAT)
        return context.get_dummy_value()

    return (types.void(array, first, voxels), code) if _holds(array, types.float32) else None


@_instruction
def store_two_bits(_typing: Any, array: Any, first: Any, one: Any, two: Any, where: Any) -> Any:
    """Put 1 where the first flag is set plus 2 where the second is into a uint8 array; 0 where the last is not."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        none = ir.Constant(_BYTES, [0] * LANES)
        low, high = (
            builder.select(flags, ir.Constant(_BYTES, [bit] * LANES), none)
            for flags, bit in zip(given[2:4], (1, 2), strict=True)
        )
        both = builder.select(given[4], builder.or_(low, high), none)
        builder.store(both, _place(context, builder, signature, given, _BYTES), align=1)
        return context.get_dummy_value()

    return (types.void(array, first, one, two, where), code) if _holds(array, types.uint8) else None


@_instruction
def spread(_typing: Any, number: Any) -> Any:
    """Return lanes that all hold one float32 number."""

    def code(_context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        nothing, first = ir.Constant(_FLOATS, ir.Undefined), ir.Constant(ir.IntType(32), 0)
        one = builder.insert_element(nothing, given[0], first)
        return builder.shuffle_vector(one, nothing, ir.Constant(_INTEGERS, [0] * LANES))

    return (_VOXELS(number), code) if number == types.float32 else None


@intrinsic(prefer_literal=True)  # type: ignore[untyped-decorator]
def shifted(_typing: Any, a: Any, b: Any, by: Any) -> Any:
    """Return the lanes that begin so many numbers after those of a, where b follows on a."""

    def code(_context: Any, builder: Any, signature: Any, given: Any) -> Any:
        by = signature.args[2].literal_value
        places = [(by + lane) % (2 * LANES) for lane in range(LANES)]
        return builder.shuffle_vector(given[0], given[1], ir.Constant(_INTEGERS, places))

    return (_VOXELS(a, b, by), code) if isinstance(by, types.IntegerLiteral) else None


@_instruction
def above(_typing: Any, a: Any, b: Any) -> Any:
    """Return where a is more than b."""

    def code(_context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        return builder.fcmp_ordered(">", *given)

    return _FLAGS(a, b), code


@_instruction
def finite(_typing: Any, a: Any) -> Any:
    """Return where a is a number, and not infinite."""

    def code(_context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        rest = builder.fsub(given[0], given[0])
        return builder.fcmp_ordered("ord", rest, rest)

    return _FLAGS(a), code


@_instruction
def chosen(_typing: Any, flags: Any, a: Any, b: Any) -> Any:
    """Return a where the flags are set, and b elsewhere."""

    def code(_context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        return builder.select(*given)

    return _VOXELS(flags, a, b), code


@_instruction
def higher(_typing: Any, a: Any, b: Any) -> Any:
    """Return the higher of both if that is at least 0, and of two below 0 either one; a blank is kept if positive.

    The bits are compared as those of integers: any part of the processor does that, while floating-point numbers are
    compared by the parts that add.
    """
    return _VOXELS(a, b), _of_integers("llvm.smax")


@_instruction
def lower(_typing: Any, a: Any, b: Any) -> Any:
    """Return the lower of both if that has a minus sign, and of two without either one; a negative blank is kept."""
    return _VOXELS(a, b), _of_integers("llvm.umax")


@_instruction
def any_blank(_typing: Any, high: Any, low: Any) -> Any:
    """Return whether a blank (NaN) has found its way into what `higher` and `lower` made."""

    def code(_context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        blank = builder.fcmp_unordered("uno", *given)
        word = builder.bitcast(blank, ir.IntType(LANES))
        return builder.icmp_unsigned("!=", word, ir.Constant(word.type, 0))

    return types.boolean(high, low), code


@_instruction
def fetch(_typing: Any, array: Any, first: Any) -> Any:
    """Have the line of the cache that holds an index of an array brought into it, while the work goes on."""
    byte, word = ir.IntType(8).as_pointer(), ir.IntType(32)
    kind = ir.FunctionType(ir.VoidType(), [byte, word, word, word])

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        address = _place(context, builder, signature, given, ir.IntType(8))
        call = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        builder.call(call, [address, word(_READ), word(_SECOND_LEVEL), word(_DATA)])
        return context.get_dummy_value()

    return types.void(array, first), code


@compiled_part
def aligned(size: int) -> FloatArray:
    """Return a float32 array that begins where a line of the cache does, so that no lanes lie in two."""
    room = np.zeros(size + LINE, np.float32)
    start = -(room.ctypes.data // room.itemsize) % LINE
    return room[start : start + size]


def _of_integers(name: str) -> Callable[..., Any]:
    def code(_context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        kind = ir.FunctionType(_INTEGERS, [_INTEGERS] * 2)
        function = cgutils.get_or_insert_function(builder.module, kind, f"{name}.v{LANES}i32")
        found = builder.call(function, [builder.bitcast(one, _INTEGERS) for one in given])
        return builder.bitcast(found, _FLOATS)

    return code


def _holds(array: Any, number: Any) -> bool:
    """Return whether an array has such numbers, and neighbours beside each other."""
    return isinstance(array, types.Array) and array.layout == "C" and array.dtype == number


def _place(context: Any, builder: Any, signature: Any, given: Any, lanes: Any) -> Any:
    """Return the address of lanes in an array, for the array and an index."""
    array, index = signature.args[:2]
    made = context.make_array(array)(context, builder, given[0])
    indices = cgutils.unpack_tuple(builder, given[1]) if isinstance(index, types.BaseTuple) else [given[1]]
    kinds = tuple(index) if isinstance(index, types.BaseTuple) else (index,)
    words = [context.cast(builder, one, kind, types.intp) for one, kind in zip(indices, kinds, strict=True)]
    address = cgutils.get_item_pointer(
        context, builder, array, made, words, wraparound=False, boundscheck=False
    )
    return builder.bitcast(address, lanes.as_pointer())
