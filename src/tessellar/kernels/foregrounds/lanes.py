"""Several pixels side by side in one register of the processor, for the few loops that are nothing but arithmetic.

A product and the sum it is added to are rounded once, together. IEEE 754 defines that to the bit, so a pixel has the
same bits on any machine, in registers of any width, and wherever it lies among others; and it takes one instruction
where two roundings take two. Compiled loops cannot say so themselves (numba has no vectors and no fused product).
"""

from __future__ import annotations

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

_LINE = 8  # doubles in a line of the cache


def _lanes() -> int:
    """Return how many doubles the widest register holds; on other processors it is only less fast."""
    found = str(numba.config.CPU_FEATURES or llvmlite.binding.get_host_cpu_features().flatten())
    return 8 if "+avx512f" in found else 4 if "+avx" in found else 2


LANES = _lanes()


class LanesType(types.Type):
    """The type of so many doubles."""

    def __init__(self) -> None:
        super().__init__(name=f"Lanes({LANES})")


_TYPE = LanesType()
_DOUBLES, _FLOATS = (ir.VectorType(number, LANES) for number in (ir.DoubleType(), ir.FloatType()))


@register_model(LanesType)
class _LanesModel(PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _DOUBLES)


@intrinsic
def load(_typing: Any, array: Any, row: Any, column: Any) -> Any:
    """Return lanes of a row of a float64 or float32 array (row, column), from a column on."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        place, size = _place(context, builder, signature.args[0], *given)
        found = builder.load(place, align=size)
        return found if size == 8 else builder.fpext(found, _DOUBLES)

    return _TYPE(array, types.intp, types.intp), code


@intrinsic
def store(_typing: Any, array: Any, row: Any, column: Any, lanes: Any) -> Any:
    """Put lanes into a row of a float64 or float32 array, from a column on."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        *where, value = given
        place, size = _place(context, builder, signature.args[0], *where)
        builder.store(value if size == 8 else builder.fptrunc(value, _FLOATS), place, align=size)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp, _TYPE), code


@intrinsic
def move(_typing: Any, source: Any, i: Any, p: Any, target: Any, j: Any, q: Any) -> Any:
    """Copy twice as many floats as there are lanes, from one float32 array (row, column) to another."""
    pair = ir.VectorType(ir.FloatType(), 2 * LANES).as_pointer()

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        here, there = (
            builder.bitcast(_place(context, builder, kind, *where)[0], pair)
            for kind, where in ((signature.args[0], given[:3]), (signature.args[3], given[3:]))
        )
        builder.store(builder.load(here, align=4), there, align=4)
        return context.get_dummy_value()

    return types.void(source, types.intp, types.intp, target, types.intp, types.intp), code


@intrinsic
def spread(_typing: Any, number: Any) -> Any:
    """Return lanes that all hold one number."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        nothing, first = ir.Constant(_DOUBLES, ir.Undefined), ir.Constant(ir.IntType(32), 0)
        one = builder.insert_element(nothing, given[0], first)
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        return builder.shuffle_vector(one, nothing, zeros)

    return _TYPE(types.float64), code


@intrinsic
def fused(_typing: Any, a: Any, b: Any, c: Any) -> Any:
    """Return a b + c, rounded once."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        kind = ir.FunctionType(_DOUBLES, [_DOUBLES] * 3)
        product = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fma.v{LANES}f64")
        return builder.call(product, given)

    return _TYPE(_TYPE, _TYPE, _TYPE), code


@intrinsic
def less(_typing: Any, a: Any, b: Any) -> Any:
    """Return a - b."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return builder.fsub(*given)

    return _TYPE(_TYPE, _TYPE), code


@intrinsic
def plus(_typing: Any, a: Any, b: Any) -> Any:
    """Return a + b."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return builder.fadd(*given)

    return _TYPE(_TYPE, _TYPE), code


@intrinsic
def known(_typing: Any, a: Any, otherwise: Any) -> Any:
    """Return a, and what is given where it is not finite."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        rest = builder.fsub(given[0], given[0])
        return builder.select(builder.fcmp_ordered("ord", rest, rest), *given)

    return _TYPE(_TYPE, _TYPE), code


@compiled
def aligned(rows: int, columns: int) -> DoubleArray:
    """Return a float64 array (row, column) that begins where a line of the cache does, so that no lanes lie in two."""
    room = np.empty(rows * columns + _LINE)
    start = -(room.ctypes.data // room.itemsize) % _LINE
    return room[start : start + rows * columns].reshape(rows, columns)


def _place(context: Any, builder: Any, kind: Any, array: Any, row: Any, column: Any) -> tuple[Any, int]:
    """Return the address of lanes in an array, and the bytes of one of its numbers."""
    made = context.make_array(kind)(context, builder, array)
    address = cgutils.get_item_pointer(
        context, builder, kind, made, [row, column], wraparound=False, boundscheck=False
    )
    wide = kind.dtype == types.float64
    return builder.bitcast(address, (_DOUBLES if wide else _FLOATS).as_pointer()), 8 if wide else 4
