"""Several pixels side by side in one register of the processor, for the few loops that are nothing but arithmetic.

A product and the sum it is added to are rounded once, together. IEEE 754 defines that to the bit, so a pixel has the
same bits on any machine, in registers of any width, and wherever it lies among others; and it takes one instruction
where two roundings take two. Compiled loops cannot say so themselves (numba has no vectors and no fused product).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import llvmlite.binding
import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.datamodel.models import PrimitiveModel
from numba.extending import intrinsic, register_model

from tessellar.compiled import compiled
from tessellar.model import DoubleArray

_FLOAT, _DOUBLE = 4, 8  # bytes
_LINE = 8  # doubles in a line of the cache
_READ, _SECOND_LEVEL, _DATA = 0, 2, 1  # the words of the instruction that fetches
_instruction: Callable[[Callable[..., Any]], Any] = intrinsic


def _lanes() -> int:
    """Return how many doubles the widest register holds; on other processors it is only less fast."""
    given = numba.config.CPU_FEATURES
    found = llvmlite.binding.get_host_cpu_features().flatten() if given is None else given
    return 8 if "+avx512f" in found else 4 if "+avx" in found else 2


LANES = _lanes()


class LanesType(types.Type):  # type: ignore[misc]  # numba says nothing of its types
    """The type of so many doubles."""

    def __init__(self) -> None:
        super().__init__(name=f"Lanes({LANES})")


_TYPE = LanesType()
_DOUBLES, _FLOATS = (ir.VectorType(number, LANES) for number in (ir.DoubleType(), ir.FloatType()))


@register_model(LanesType)
class _LanesModel(PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _DOUBLES)


@_instruction
def load(_typing: Any, array: Any, row: Any, column: Any) -> Any:
    """Return lanes of a row of a float64 or float32 array (row, column), from a column on."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        kind = signature.args[0]
        found = builder.load(_place(context, builder, kind, given), align=_bytes(kind))
        return found if _bytes(kind) == _DOUBLE else builder.fpext(found, _DOUBLES)

    return _TYPE(array, row, column), code


@_instruction
def store(_typing: Any, array: Any, row: Any, column: Any, lanes: Any) -> Any:
    """Put lanes into a row of a float64 or float32 array, from a column on."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        kind = signature.args[0]
        value = given[3] if _bytes(kind) == _DOUBLE else builder.fptrunc(given[3], _FLOATS)
        builder.store(value, _place(context, builder, kind, given[:3]), align=_bytes(kind))
        return context.get_dummy_value()

    return types.void(array, row, column, lanes), code


@_instruction
def stream(_typing: Any, array: Any, row: Any, column: Any, lanes: Any) -> Any:
    """Put lanes into a row of a float32 array past the cache, at a place that is a multiple of their bytes."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        address = _place(context, builder, signature.args[0], given[:3])
        stored = builder.store(builder.fptrunc(given[3], _FLOATS), address, align=LANES * _FLOAT)
        once = builder.module.add_metadata([ir.Constant(ir.IntType(32), 1)])
        stored.set_metadata("nontemporal", once)
        return context.get_dummy_value()

    return types.void(array, row, column, lanes), code


@_instruction
def fetch(_typing: Any, array: Any, row: Any, column: Any) -> Any:
    """Have a line of an array brought into the cache, while the work goes on."""
    byte, word = ir.IntType(8).as_pointer(), ir.IntType(32)
    kind = ir.FunctionType(ir.VoidType(), [byte, word, word, word])

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        address = builder.bitcast(_place(context, builder, signature.args[0], given), byte)
        call = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        builder.call(call, [address, word(_READ), word(_SECOND_LEVEL), word(_DATA)])
        return context.get_dummy_value()

    return types.void(array, row, column), code


@_instruction
def move(_typing: Any, source: Any, i: Any, p: Any, target: Any, j: Any, q: Any) -> Any:
    """Copy twice as many floats as there are lanes, from one float32 array (row, column) to another."""
    pair = ir.VectorType(ir.FloatType(), 2 * LANES).as_pointer()

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        here, there = (
            builder.bitcast(_place(context, builder, signature.args[n], given[n : n + 3]), pair)
            for n in (0, 3)
        )
        builder.store(builder.load(here, align=_FLOAT), there, align=_FLOAT)
        return context.get_dummy_value()

    return types.void(source, i, p, target, j, q), code


@_instruction
def spread(_typing: Any, number: Any) -> Any:
    """Return lanes that all hold one number."""

    def code(_context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        nothing, first = ir.Constant(_DOUBLES, ir.Undefined), ir.Constant(ir.IntType(32), 0)
        one = builder.insert_element(nothing, given[0], first)
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        return builder.shuffle_vector(one, nothing, zeros)

    return _TYPE(number), code


@_instruction
def fused(_typing: Any, a: Any, b: Any, c: Any) -> Any:
    """Return a b + c, rounded once."""

    def code(_context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        kind = ir.FunctionType(_DOUBLES, [_DOUBLES] * 3)
        return builder.call(
            cgutils.get_or_insert_function(builder.module, kind, f"llvm.fma.v{LANES}f64"), given
        )

    return _TYPE(a, b, c), code


@_instruction
def less(_typing: Any, a: Any, b: Any) -> Any:
    """Return a - b."""

    def code(_context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        return builder.fsub(*given)

    return _TYPE(a, b), code


@_instruction
def plus(_typing: Any, a: Any, b: Any) -> Any:
    """Return a + b."""

    def code(_context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        return builder.fadd(*given)

    return _TYPE(a, b), code


@_instruction
def known(_typing: Any, a: Any, otherwise: Any) -> Any:
    """Return a, and what is given where it is not finite."""

    def code(_context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        rest = builder.fsub(given[0], given[0])
        return builder.select(builder.fcmp_ordered("ord", rest, rest), *given)

    return _TYPE(a, otherwise), code


@compiled
def aligned(rows: int, columns: int) -> DoubleArray:
    """Return a float64 array (row, column) that begins where a line of the cache does, so that no lanes lie in two."""
    room = np.empty(rows * columns + _LINE)
    start = -(room.ctypes.data // room.itemsize) % _LINE
    return room[start : start + rows * columns].reshape(rows, columns)


def _place(context: Any, builder: Any, kind: Any, where: Any) -> Any:
    """Return the address of lanes in an array, for the array, a row and a column."""
    array, *indices = where
    made = context.make_array(kind)(context, builder, array)
    address = cgutils.get_item_pointer(
        context, builder, kind, made, indices, wraparound=False, boundscheck=False
    )
    return builder.bitcast(address, (_DOUBLES if _bytes(kind) == _DOUBLE else _FLOATS).as_pointer())


def _bytes(array: Any) -> int:
    """Return those of a number of an array."""
    return _DOUBLE if array.dtype == types.float64 else _FLOAT
