"""Sums, differences and products of lanes, written as those of two numbers; and the product and sum rounded once.

A product and the sum it is added to are never rounded together but by `fused`. IEEE 754 defines that to the bit too,
and it takes one instruction where two roundings take two; compiled loops cannot ask for it themselves.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import lower_builtin, type_callable

from tessellar.lanes.registers import LANES_OF, ROW, Lanes, are_numbers, instruction


def operation(of: Callable[..., Any], fits: Callable[..., bool], name: str) -> None:
    """Let compiled code write an operation of two lanes of a type that fits as it would that of two numbers."""

    @type_callable(of)  # type: ignore[untyped-decorator]
    def typed(_context: Any) -> Any:
        return lambda a, b: a if a == b and fits(a) else None

    @lower_builtin(of, Lanes, Lanes)  # type: ignore[untyped-decorator]
    def code(_context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        return getattr(builder, name)(*given)


operation(operator.add, are_numbers, "fadd")
operation(operator.sub, are_numbers, "fsub")
operation(operator.mul, are_numbers, "fmul")


@instruction
def spread(_typing: Any, number: Any) -> Any:
    """Return lanes that all hold one float32 or float64."""
    kind: Any = LANES_OF.get(number)

    def code(_context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        return spread_in(builder, given[0], kind.vector)

    return (kind(number), code) if kind else None


@instruction
def spread_row(_typing: Any, number: Any) -> Any:
    """Return a row that holds one float64 everywhere."""

    def code(_context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        return spread_in(builder, given[0], ROW.vector)

    return (ROW(number), code) if number == types.float64 else None


@instruction
def fused(_typing: Any, a: Any, b: Any, c: Any) -> Any:
    """Return a b + c, rounded once."""

    def code(_context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        return fused_in(builder, *given)

    return (a(a, b, c), code) if are_numbers(a, b, c) else None


def spread_in(builder: Any, number: Any, vector: ir.VectorType) -> Any:
    """Return the code of `spread`, for the body of another instruction."""
    nothing, word = ir.Constant(vector, ir.Undefined), ir.IntType(32)
    one = builder.insert_element(nothing, number, word(0))
    firsts = ir.Constant(ir.VectorType(word, vector.count), [0] * vector.count)
    return builder.shuffle_vector(one, nothing, firsts)


def fused_in(builder: Any, a: Any, b: Any, c: Any) -> Any:
    """Return the code of `fused`, for the body of another instruction."""
    return call_in(builder, "llvm.fma", a, b, c)


def call_in(builder: Any, name: str, *given: Any) -> Any:
    """Return the result of an instruction of the compiler that makes lanes from lanes of one type."""
    vector = given[0].type
    function = cgutils.get_or_insert_function(
        builder.module,
        ir.FunctionType(vector, [vector] * len(given)),
        f"{name}.v{vector.count}{vector.element.intrinsic_name}",
    )
    return builder.call(function, given)
