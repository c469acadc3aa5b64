"""The choice of the tile."""

from __future__ import annotations

from functools import partial
from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tessellar.errors import MemoryBudgetError
from tessellar.tiling.box import Halo, Shape
from tessellar.tiling.plan import choose_tile, read_overhead, read_shape

HALO = Halo.symmetric((7, 8, 8))


def unit_bytes(shape: Shape) -> int:
    return 9 * prod(shape)


def test_overhead_by_hand() -> None:
    assert read_overhead((10, 10, 20), Halo((1, 0, 2), (1, 0, 3)), (100, 10, 100)) == pytest.approx(
        1.2 * 1.25
    )
    assert read_overhead(
        (10, 10, 20), Halo((1, 0, 2), (1, 0, 3)), (100, 10, 100), (5, 5, 10)
    ) == pytest.approx(2 * 2)


@given(
    st.tuples(*[st.integers(1, 5000)] * 3),
    st.integers(2**24, 2**33),
    st.integers(1, 64),
    st.none() | st.tuples(*[st.sampled_from([8, 16, 32, 64, 100])] * 3),
)
def test_the_chosen_tile_fits_and_lies_on_chunks(
    shape: Shape, budget: int, slots: int, chunks: Shape | None
) -> None:
    try:
        core = choose_tile(shape, HALO, unit_bytes=unit_bytes, budget=budget, slots=slots, chunks=chunks)
    except MemoryBudgetError:
        smallest = tuple(
            min(n, c or s) for n, c, s in zip(shape, chunks or (0, 0, 0), (16, 32, 32), strict=True)
        )
        assert unit_bytes(read_shape(smallest, HALO, shape)) * slots > budget / 30
        return
    assert unit_bytes(read_shape(core, HALO, shape)) * slots <= budget
    for c, n, k in zip(core, shape, chunks or (1, 1, 1), strict=True):
        assert c == n or c % k == 0


def test_more_memory_reads_less_twice() -> None:
    shape = (6668, 5851, 5851)
    overheads = [
        read_overhead(choose_tile(shape, HALO, unit_bytes=unit_bytes, budget=b, slots=2), HALO, shape)
        for b in (2**27, 2**29, 2**31)
    ]
    assert overheads == sorted(overheads, reverse=True)
    assert overheads[-1] < 1.15


def test_of_tiles_as_good_the_one_with_long_rows_of_a_fits_file_is_taken() -> None:
    core = choose_tile((512, 512, 512), HALO, unit_bytes=unit_bytes, budget=2**29, slots=2)
    mirrored = (core[0], core[2], core[1])
    assert core[1] > core[2]
    assert read_overhead(core, HALO, (512, 512, 512)) == read_overhead(mirrored, HALO, (512, 512, 512))


def test_every_slot_has_work() -> None:
    core = choose_tile((512, 512, 512), HALO, unit_bytes=unit_bytes, budget=2**34, slots=8)
    assert prod(-(-512 // c) for c in core) >= 32


def test_what_a_kernel_computes_for_nothing_counts_too() -> None:
    choose = partial(
        choose_tile,
        (256, 512, 512),
        Halo.symmetric((24, 24, 24)),
        unit_bytes=lambda shape: 12 * prod(shape),
        budget=2**27,
        slots=2,
    )
    assert choose() == (256, 96, 96)
    assert choose(computed=lambda core: prod(-(-n // 128) * 128 / n for n in core)) == (128, 128, 128)


def test_too_little_memory_names_the_numbers_and_the_remedy() -> None:
    with pytest.raises(MemoryBudgetError, match=r"smallest tile 16x32x32 needs 1 MiB for 2 tiles.*--memory"):
        choose_tile((512, 512, 512), HALO, unit_bytes=unit_bytes, budget=10, slots=2)
