"""Lanes in another order than they lie in memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from tessellar.lanes.memory import has_neighbours, load_in, store_in
from tessellar.lanes.registers import FLOATS, LANES, Lanes, instruction

_PAIRS = Lanes(types.float32, 2 * LANES).vector


@intrinsic(prefer_literal=True)  # type: ignore[untyped-decorator]
def shifted(_typing: Any, a: Any, b: Any, by: Any) -> Any:
    """Return the lanes that begin so many numbers after those of a, where b follows on a."""

    def code(_context: Any, builder: Any, signature: Any, given: Any) -> Any:
        by = signature.args[2].literal_value
        places = ((by + lane) % (2 * LANES) for lane in range(LANES))
        return builder.shuffle_vector(given[0], given[1], _places(places))

    right = a == b == FLOATS and isinstance(by, types.IntegerLiteral)
    return (FLOATS(a, b, by), code) if right else None


@instruction
def every_second(_typing: Any, array: Any, place: Any) -> Any:
    """Return every second number of a float32 array, from a place on."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        pairs = load_in(context, builder, signature, given, _PAIRS)
        return builder.shuffle_vector(pairs, pairs, _places(range(0, 2 * LANES, 2)))

    return (FLOATS(array, place), code) if has_neighbours(array, types.float32) else None


@instruction
def store_in_turns(_typing: Any, array: Any, place: Any, first: Any, second: Any) -> Any:
    """Put two lanes into a float32 array, one number of each in turn, from a place on."""

    def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        turns = (n for lane in range(LANES) for n in (lane, lane + LANES))
        pairs = builder.shuffle_vector(given[2], given[3], _places(turns))
        store_in(context, builder, signature, given, pairs)
        return context.get_dummy_value()

    right = has_neighbours(array, types.float32) and first == second == FLOATS
    return (types.void(array, place, first, second), code) if right else None


def _places(numbers: Iterable[int]) -> ir.Constant:
    found = list(numbers)
    return ir.Constant(ir.VectorType(ir.IntType(32), len(found)), found)
