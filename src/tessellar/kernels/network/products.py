"""Sums of products over feature maps, many places side by side in the registers of the processor.

A product and the sum it is added to are rounded once, together, and every sum runs over the maps in their order: IEEE
754 defines that to the bit, so a place has the same bits on any machine, in registers of any width, and wherever it
lies among others. The blocking is that of Goto & van de Geijn 2008, ACM Trans. Math. Softw. 34, 12.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import llvmlite.binding
import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from tessellar.compiled import compiled
from tessellar.kernels.network.lanes import LANES
from tessellar.model import FloatArray

_instruction: Callable[[Callable[..., Any]], Any] = intrinsic
_FLOAT = 4  # bytes
_MOST = 3  # registers of places that are summed together


def _width() -> int:
    """Return how many floats the widest register holds; on other processors it is only less fast."""
    given = numba.config.CPU_FEATURES
    found = llvmlite.binding.get_host_cpu_features().flatten() if given is None else given
    return 16 if "+avx512f" in found else 8 if "+avx" in found else 4


_WIDTH = _width()
ROWS = 8 if _WIDTH == LANES else 4  # of sums that are made together: as many as registers hold
_VECTOR = ir.VectorType(ir.FloatType(), _WIDTH)
_INT = ir.IntType(64)


def _block(n_registers: int) -> Any:
    """Return the instruction that makes ``ROWS`` rows of sums at some registers of places."""

    @_instruction
    def block(_typing: Any, left: Any, right: Any, slot: Any, row: Any, place: Any, sums: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            kinds = signature.args
            _left, _right, first, m, p, _sums = given
            factors, values, out = (
                context.make_array(kinds[n])(context, builder, given[n]) for n in (0, 1, 5)
            )

            def address(kind: Any, array: Any, where: list[Any], vector: bool) -> Any:
                place = cgutils.get_item_pointer(
                    context, builder, kind, array, where, wraparound=False, boundscheck=False
                )
                return builder.bitcast(place, _VECTOR.as_pointer()) if vector else place

            def step(value: Any, n: int) -> Any:
                return builder.add(value, _INT(n))

            zero = ir.Constant(_VECTOR, [0.0] * _WIDTH)
            totals = [
                [cgutils.alloca_once_value(builder, zero) for _ in range(n_registers)] for _ in range(ROWS)
            ]
            n_slots, n_maps = (builder.extract_value(values.shape, n) for n in (0, 1))
            n_parts = builder.udiv(builder.extract_value(factors.shape, 0), n_maps)
            fused = cgutils.get_or_insert_function(
                builder.module, ir.FunctionType(_VECTOR, [_VECTOR] * 3), f"llvm.fma.v{_WIDTH}f32"
            )
            lanes = ir.Constant(ir.VectorType(ir.IntType(32), _WIDTH), [0] * _WIDTH)
            with cgutils.for_range(builder, n_parts) as part:
                held = builder.urem(builder.add(first, part.index), n_slots)
                base = builder.mul(part.index, n_maps)
                with cgutils.for_range(builder, n_maps) as loop:
                    k = builder.add(base, loop.index)
                    shown = [
                        builder.load(
                            address(kinds[1], values, [held, loop.index, step(p, n * _WIDTH)], True),
                            align=_FLOAT,
                        )
                        for n in range(n_registers)
                    ]
                    for r in range(ROWS):
                        factor = builder.load(address(kinds[0], factors, [k, step(m, r)], False))
                        one = builder.insert_element(zero, factor, ir.IntType(32)(0))
                        spread = builder.shuffle_vector(one, zero, lanes)
                        for n in range(n_registers):
                            total = totals[r][n]
                            builder.store(builder.call(fused, [spread, shown[n], builder.load(total)]), total)
            for r in range(ROWS):
                for n in range(n_registers):
                    there = address(kinds[5], out, [step(m, r), step(p, n * _WIDTH)], True)
                    builder.store(builder.load(totals[r][n]), there, align=_FLOAT)
            return context.get_dummy_value()

        return types.void(left, right, slot, row, place, sums), code

    return block


_three, _two, _one = _block(_MOST), _block(2), _block(1)


def padded(n: int) -> int:
    """Return how many rows of sums are made for ``n`` maps."""
    return -(-n // ROWS) * ROWS


@compiled
def sum_products(left: FloatArray, right: FloatArray, first: int, n_places: int, sums: FloatArray) -> None:
    """Set sums to left^T right, over slots and maps in ascending order.

    Parameters
    ----------
    left
        float32 array (slot x map, row): the rows a multiple of ``ROWS``.
    right
        float32 array (slot, map, place). Slots are a ring.
    first
        The slot that the first rows of ``left`` are for.
    n_places
        How many places are summed, a multiple of ``LANES``.
    sums
        float32 array (row, place), changed.
    """
    step = _WIDTH
    for row in range(0, sums.shape[0], ROWS):
        place = 0
        while place + _MOST * step <= n_places:
            _three(left, right, first, row, place, sums)
            place += _MOST * step
        if place + 2 * step <= n_places:
            _two(left, right, first, row, place, sums)
            place += 2 * step
        if place < n_places:
            _one(left, right, first, row, place, sums)
