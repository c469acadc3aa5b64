"""Where lanes are higher than others, or blank, and what follows from it for each of them."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types

from tessellar.lanes.arithmetic import call_in, operation
from tessellar.lanes.registers import FLOATS, are_flags, are_numbers, instruction

operation(operator.or_, are_flags, "or_")


@instruction
def above(_typing: Any, a: Any, b: Any) -> Any:
    """Return where a is more than b."""

    def code(_context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        return builder.fcmp_ordered(">", *given)

    return (a.flags(a, b), code) if are_numbers(a, b) else None


@instruction
def finite(_typing: Any, a: Any) -> Any:
    """Return where a is a number, and not infinite."""

    def code(_context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        rest = builder.fsub(given[0], given[0])
        return builder.fcmp_ordered("ord", rest, rest)

    return (a.flags(a), code) if are_numbers(a) else None


@instruction
def chosen(_typing: Any, flags: Any, a: Any, b: Any) -> Any:
    """Return a where the flags are set, and b elsewhere."""

    def code(_context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        return builder.select(*given)

    return (a(flags, a, b), code) if are_numbers(a, b) and flags == a.flags else None


@instruction
def higher(_typing: Any, a: Any, b: Any) -> Any:
    """Return the higher of both if that is at least 0, and of two below 0 either one; a blank is kept if positive.

    The bits are compared as those of integers: any part of the processor does that, while floating-point numbers are
    compared by the parts that add.
    """
    return (FLOATS(a, b), _of_integers("llvm.smax")) if a == b == FLOATS else None


@instruction
def lower(_typing: Any, a: Any, b: Any) -> Any:
    """Return the lower of both if that has a minus sign, and of two without either one; a negative blank is kept."""
    return (FLOATS(a, b), _of_integers("llvm.umax")) if a == b == FLOATS else None


@instruction
def any_blank(_typing: Any, high: Any, low: Any) -> Any:
    """Return whether a blank (NaN) has found its way into what `higher` and `lower` made."""

    def code(_context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        blank = builder.fcmp_unordered("uno", *given)
        word = builder.bitcast(blank, ir.IntType(blank.type.count))
        return builder.icmp_unsigned("!=", word, ir.Constant(word.type, 0))

    return (types.boolean(high, low), code) if are_numbers(high, low) else None


def _of_integers(name: str) -> Callable[..., Any]:
    def code(_context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        integers = ir.VectorType(ir.IntType(32), FLOATS.count)
        found = call_in(builder, name, *(builder.bitcast(one, integers) for one in given))
        return builder.bitcast(found, FLOATS.vector)

    return code
