"""Sixteen neighbouring voxels side by side, for the loops of a network that are nothing but arithmetic.

Each operation is rounded as IEEE 754 says, so a voxel has the same bits in registers of any width. Compiled loops
cannot say so themselves (numba has no vectors).
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.datamodel.models import PrimitiveModel
from numba.extending import intrinsic, register_model

from tessellar.model import FloatArray

LANES = 16
_FLOAT = 4  # bytes
_ONE = ir.VectorType(ir.FloatType(), LANES)
_TWO = ir.VectorType(ir.FloatType(), 2 * LANES)
_instruction: Callable[[Callable[..., Any]], Any] = intrinsic


class LanesType(types.Type):  # type: ignore[misc]  # numba says nothing of its types
    """The type of so many floats."""

    def __init__(self) -> None:
        super().__init__(name=f"Floats({LANES})")


_TYPE = LanesType()


@register_model(LanesType)
class _LanesModel(PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _ONE)


@_instruction
def load(_typing: Any, array: Any, place: Any) -> Any:
    """Return lanes of a float32 array, from a place (one index for each axis) on."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return builder.load(_address(context, builder, signature, given, _ONE), align=_FLOAT)

    return _TYPE(array, place), code


@_instruction
def every_second(_typing: Any, array: Any, place: Any) -> Any:
    """Return every second number of a float32 array, from a place (one index for each axis) on."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        pairs = builder.load(_address(context, builder, signature, given, _TWO), align=_FLOAT)
        return builder.shuffle_vector(pairs, pairs, _places(range(0, 2 * LANES, 2)))

    return _TYPE(array, place), code


@_instruction
def store(_typing: Any, array: Any, place: Any, lanes: Any) -> Any:
    """Put lanes into a float32 array, from a place (one index for each axis) on."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        builder.store(given[2], _address(context, builder, signature, given, _ONE), align=_FLOAT)
        return context.get_dummy_value()

    return types.void(array, place, lanes), code


@_instruction
def store_in_turns(_typing: Any, array: Any, place: Any, first: Any, second: Any) -> Any:
    """Put two lanes into a float32 array, one number of each in turn, from a place (one index for each axis) on."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        turns = [n for lane in range(LANES) for n in (lane, lane + LANES)]
        pairs = builder.shuffle_vector(given[2], given[3], _places(turns))
        builder.store(pairs, _address(context, builder, signature, given, _TWO), align=_FLOAT)
        return context.get_dummy_value()

    return types.void(array, place, first, second), code


@_instruction
def spread(_typing: Any, number: Any) -> Any:
    """Return lanes that all hold one float32."""

    def code(_context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        nothing = ir.Constant(_ONE, ir.Undefined)
        one = builder.insert_element(nothing, given[0], ir.IntType(32)(0))
        return builder.shuffle_vector(one, nothing, _places([0] * LANES))

    return _TYPE(number), code


@_instruction
def plus(_typing: Any, a: Any, b: Any) -> Any:
    """Return a + b."""

    def code(_context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        return builder.fadd(*given)

    return _TYPE(a, b), code


@_instruction
def less(_typing: Any, a: Any, b: Any) -> Any:
    """Return a - b."""

    def code(_context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        return builder.fsub(*given)

    return _TYPE(a, b), code


@_instruction
def times(_typing: Any, a: Any, b: Any) -> Any:
    """Return a b."""

    def code(_context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        return builder.fmul(*given)

    return _TYPE(a, b), code


@_instruction
def rectified(_typing: Any, a: Any, slope: Any) -> Any:
    """Return a, and its product with a slope where it is negative."""

    def code(_context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        above = builder.fcmp_ordered(">", given[0], ir.Constant(_ONE, [0.0] * LANES))
        return builder.select(above, given[0], builder.fmul(*given))

    return _TYPE(a, slope), code


def roomy(shape: tuple[int, ...]) -> FloatArray:
    """Return a float32 array of unset numbers, with room behind its last line for lanes that reach beyond it."""
    n = prod(shape)
    return np.empty(n + 4 * LANES, np.float32)[:n].reshape(shape)


def _places(numbers: Any) -> ir.Constant:
    found = list(numbers)
    return ir.Constant(ir.VectorType(ir.IntType(32), len(found)), found)


def _address(context: Any, builder: Any, signature: Any, given: Any, kind: ir.VectorType) -> Any:
    """Return the address of lanes in an array: without a view of it, whose references would be counted."""
    array = context.make_array(signature.args[0])(context, builder, given[0])
    indices = cgutils.unpack_tuple(builder, given[1])
    found = cgutils.get_item_pointer(
        context, builder, signature.args[0], array, indices, wraparound=False, boundscheck=False
    )
    return builder.bitcast(found, kind.as_pointer())
