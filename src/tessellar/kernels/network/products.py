"""Sums of products over feature maps, many places side by side in the registers of the processor.

A product and the sum it is added to are rounded once, together, and every sum runs over the maps in their order: IEEE
754 defines that to the bit, so a place has the same bits on any machine, in registers of any width, and wherever it
lies among others. The blocking is that of Goto & van de Geijn 2008, ACM Trans. Math. Softw. 34, 12.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from tessellar.compiled import compiled_part
from tessellar.lanes.arithmetic import fused_in, spread_in
from tessellar.lanes.memory import address_in
from tessellar.lanes.registers import FLOATS, LANES, instruction
from tessellar.model import FloatArray

ROWS = 8 if LANES == 16 else 4  # of sums that are made together: as many as registers hold
_MOST = 3  # registers of places that are summed together
_FLOAT = 4  # bytes


def _block(n_registers: int) -> Any:
    """Return the instruction that makes ``ROWS`` rows of sums at some registers of places."""

    @instruction
    def block(_typing: Any, left: Any, right: Any, row: Any, place: Any, sums: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            _left, _right, m, p, _sums = given
            factors, values, out = (
                context.make_array(signature.args[n])(context, builder, given[n]) for n in (0, 1, 4)
            )
            number, vector = ir.FloatType(), FLOATS.vector

            def step(value: Any, n: int) -> Any:
                return builder.add(value, ir.IntType(64)(n))

            zero = ir.Constant(vector, [0.0] * LANES)
            totals = [
                [cgutils.alloca_once_value(builder, zero) for _ in range(n_registers)] for _ in range(ROWS)
            ]
            with cgutils.for_range(builder, builder.extract_value(factors.shape, 0)) as loop:
                k, shown = loop.index, []
                for n in range(n_registers):
                    there = address_in(context, builder, right, values, [k, step(p, n * LANES)], vector)
                    shown.append(builder.load(there, align=_FLOAT))
                for r in range(ROWS):
                    there = address_in(context, builder, left, factors, [k, step(m, r)], number)
                    factor = spread_in(builder, builder.load(there), vector)
                    for n in range(n_registers):
                        total = totals[r][n]
                        builder.store(fused_in(builder, factor, shown[n], builder.load(total)), total)
            for r in range(ROWS):
                for n in range(n_registers):
                    words = [step(m, r), step(p, n * LANES)]
                    there = address_in(context, builder, sums, out, words, vector)
                    builder.store(builder.load(totals[r][n]), there, align=_FLOAT)
            return context.get_dummy_value()

        return types.void(left, right, row, place, sums), code

    return block


_three, _two, _one = _block(_MOST), _block(2), _block(1)


def padded(n: int) -> int:
    """Return how many rows of sums are made for ``n`` maps."""
    return -(-n // ROWS) * ROWS


@compiled_part
def sum_products(left: FloatArray, right: FloatArray, n_places: int, sums: FloatArray) -> None:
    """Set sums to left^T right, over maps in ascending order.

    Parameters
    ----------
    left
        float32 array (map, row): the rows a multiple of ``ROWS``.
    right
        float32 array (map, place).
    n_places
        How many places are summed, a multiple of ``LANES``.
    sums
        float32 array (row, place), changed.
    """
    for row in range(0, sums.shape[0], ROWS):
        place = 0
        while place + _MOST * LANES <= n_places:
            _three(left, right, row, place, sums)
            place += _MOST * LANES
        if place + 2 * LANES <= n_places:
            _two(left, right, row, place, sums)
            place += 2 * LANES
        if place < n_places:
            _one(left, right, row, place, sums)
