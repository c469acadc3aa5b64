"""Lanes hold what neighbours hold: the same arithmetic to the bit, in any order, from memory and back."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numba
import numpy as np
import pytest

from tessellar.lanes.arithmetic import fused, spread, spread_row
from tessellar.lanes.comparisons import above, any_blank, chosen, finite, higher, lower
from tessellar.lanes.memory import load, load_doubles, load_row, store, store_two_bits, stream
from tessellar.lanes.order import every_second, shifted, store_in_turns
from tessellar.lanes.registers import DOUBLE_LANES, LANES, ROW_LANES
from tessellar.lanes.room import LINE, aligned, aligned_doubles, lead_of, roomy

RNG = np.random.default_rng(5)


def numbers(size: int, kind: type = np.float32) -> Any:
    return RNG.normal(size=size).astype(kind)


def with_blanks() -> Any:
    """Return numbers with a blank, both infinities and both zeros among them."""
    values = numbers(LANES)
    values[:4] = np.nan, np.inf, -np.inf, -0.0
    return np.roll(values, 1)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_sums_and_products_are_rounded_one_by_one(kind: type) -> None:
    @numba.njit
    def work(a: Any, b: Any, c: Any, out: Any) -> None:
        store(out, 0, load(a, 0) * load(b, 0) + load(c, 0) - spread(c[1]))

    a, b, c = (numbers(LANES, kind) for _ in range(3))
    out = np.zeros_like(a)
    work(a, b, c, out)
    n = LANES if kind is np.float32 else DOUBLE_LANES
    np.testing.assert_array_equal(out[:n], (a * b + c - c[1])[:n])
    assert not out[n:].any()


def test_a_fused_product_is_rounded_once() -> None:
    @numba.njit
    def work(a: Any, b: Any, c: Any, out: Any) -> None:
        store(out, 0, fused(load(a, 0), load(b, 0), load(c, 0)))

    a, b = (numbers(DOUBLE_LANES, np.float64) for _ in range(2))
    c, out = -a * b, np.empty_like(a)
    work(a, b, c, out)
    exact = [Fraction(x) * Fraction(y) + Fraction(z) for x, y, z in zip(a, b, c, strict=True)]
    assert out.tolist() == [float(one) for one in exact]
    assert out.any()


@pytest.mark.parametrize("put", [store, stream])
def test_doubles_come_from_floats_and_are_rounded_back(put: Callable[..., None]) -> None:
    @numba.njit
    def work(values: Any, level: float, out: Any) -> None:
        put(out, (1, 0), load_doubles(values, (0, 1)) - spread(level))

    values, level = numbers(2 * LANES).reshape(1, -1), 1e-9 + RNG.normal()
    room = np.empty(2 * LANES + LINE, np.float32)
    start = -(room.ctypes.data // 4) % LINE
    out = room[start : start + 2 * LANES].reshape(2, LANES)
    out[:] = 0.0
    work(values, level, out)
    wanted = (values[0, 1 : 1 + DOUBLE_LANES].astype(np.float64) - level).astype(np.float32)
    np.testing.assert_array_equal(out[1, :DOUBLE_LANES], wanted)
    assert not out[0].any()
    assert not out[1, DOUBLE_LANES:].any()


@pytest.mark.parametrize("put", [store, stream])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_a_row_is_what_its_numbers_are(kind: type, put: Callable[..., None]) -> None:
    @numba.njit
    def work(values: Any, factor: float, level: float, out: Any) -> None:
        x = load_row(values, (0, 1)) - spread_row(level)
        put(out, (1, 0), fused(spread_row(factor), x, x))

    values, (factor, level) = numbers(ROW_LANES + 2, kind).reshape(1, -1), RNG.normal(size=2)
    room = np.empty(4 * ROW_LANES + 2 * LINE, kind)
    start = -(room.ctypes.data // room.itemsize) % LINE
    out = room[start : start + 4 * ROW_LANES].reshape(2, -1)
    out[:] = 0
    work(values, factor, level, out)
    x = values[0, 1 : 1 + ROW_LANES].astype(np.float64) - level
    exact = [Fraction(factor) * Fraction(one) + Fraction(one) for one in x]
    np.testing.assert_array_equal(out[1, :ROW_LANES], np.array([float(one) for one in exact]).astype(kind))
    assert not out[0].any()
    assert not out[1, ROW_LANES:].any()


def test_comparisons_leave_blanks_out() -> None:
    @numba.njit
    def work(a: Any, b: Any, larger: Any, known: Any, bits: Any) -> None:
        x, y = load(a, 0), load(b, 0)
        store(larger, 0, chosen(above(x, y), x, y))
        store(known, 0, chosen(finite(x), x, y))
        store_two_bits(bits, 0, above(x, y), above(y, x) | above(x, y), finite(x))

    a, b = with_blanks(), numbers(LANES)
    larger, known, bits = np.empty_like(a), np.empty_like(a), np.empty(LANES, np.uint8)
    work(a, b, larger, known, bits)
    np.testing.assert_array_equal(larger, np.where(a > b, a, b))
    np.testing.assert_array_equal(known, np.where(np.isfinite(a), a, b))
    np.testing.assert_array_equal(bits, np.where(np.isfinite(a), 2 + (a > b), 0))


def test_the_highest_and_the_lowest_are_kept_and_a_blank_shows() -> None:
    @numba.njit
    def work(a: Any, b: Any, high: Any, low: Any) -> bool:
        x, y = load(a, 0), load(b, 0)
        up = higher(higher(spread(np.float32(0.0)), x), y)
        down = lower(lower(spread(np.float32(-0.0)), x), y)
        store(high, 0, up)
        store(low, 0, down)
        return any_blank(up, down)

    a, b = numbers(LANES), numbers(LANES)
    high, low = np.empty_like(a), np.empty_like(a)
    assert not work(a, b, high, low)
    np.testing.assert_array_equal(high, np.maximum(np.maximum(a, b), 0.0))
    np.testing.assert_array_equal(low, np.minimum(np.minimum(a, b), 0.0))
    for blank in (np.float32(np.nan), -np.float32(np.nan)):
        a[-1] = blank
        assert work(a, b, high, low)


@pytest.mark.parametrize("by", [0, 1, LANES // 2, LANES - 1, LANES])
def test_lanes_between_two_registers(by: int) -> None:
    @numba.njit
    def work(values: Any, out: Any) -> None:
        store(out, 0, shifted(load(values, 0), load(values, LANES), by))

    values, out = numbers(2 * LANES), np.empty(LANES, np.float32)
    work(values, out)
    np.testing.assert_array_equal(out, values[by : by + LANES])


def test_every_second_number_and_back_in_turns() -> None:
    @numba.njit
    def work(values: Any, out: Any) -> None:
        even, odd = every_second(values, (0, 1)), every_second(values, (0, 2))
        store(out, (0, 0), even)
        store_in_turns(out, (1, 0), even, odd)

    values, out = roomy((1, 2 * LANES + 1)), np.zeros((2, 2 * LANES), np.float32)
    values[:] = numbers(values.size)
    work(values, out)
    np.testing.assert_array_equal(out[0, :LANES], values[0, 1::2])
    np.testing.assert_array_equal(out[1], values[0, 1:])


@pytest.mark.parametrize("size", [1, 2, 37])
def test_work_arrays_begin_where_a_line_of_the_cache_does(size: int) -> None:
    @numba.njit
    def work(size: int) -> Any:
        doubles = aligned_doubles(size, 3)
        return aligned(size), doubles, lead_of(doubles[0, 1:])

    floats, doubles, lead = work(size)
    assert floats.ctypes.data % (4 * LINE) == doubles.ctypes.data % (4 * LINE) == 0
    assert (floats.shape, doubles.shape, lead) == ((size,), (size, 3), LINE // 2 - 1)
    assert not floats.any()


def test_neighbours_that_do_not_lie_beside_each_other_are_refused() -> None:
    @numba.njit
    def work(values: Any, out: Any) -> None:
        store(out, 0, load(values, 0))

    with pytest.raises(numba.TypingError):
        work(numbers(2 * LANES)[::2], np.empty(LANES, np.float32))
    with pytest.raises(numba.TypingError):
        work(numbers(LANES), np.empty(LANES))
