"""The law on masks: any tiling, any order, any linking rule gives the sources of the whole mask."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tessellar.engine.stitch import Sources, stitch
from tessellar.errors import UsageError
from tessellar.kernels.components import Linker, tile_components
from tessellar.kernels.detect import NEGATIVE, POSITIVE
from tessellar.kernels.runs import merge_touching
from tessellar.model import Payload
from tessellar.tiling.grid import Grid

shapes = st.tuples(*[st.integers(1, 11)] * 3)
linkers = st.builds(
    Linker,
    radius_xy=st.integers(1, 4),
    radius_z=st.integers(1, 4),
    min_size_xy=st.integers(0, 3),
    min_size_z=st.integers(0, 3),
    min_pixels=st.integers(1, 4),
    shape=st.sampled_from(["ellipsoid", "box"]),
    max_size_xy=st.sampled_from([0, 4]),
    max_size_z=st.sampled_from([0, 4]),
    max_pixels=st.sampled_from([0, 9]),
    min_fill=st.sampled_from([0.0, 0.4]),
    max_fill=st.sampled_from([0.0, 0.8]),
)


def sources_of(
    mask: np.ndarray, core: tuple[int, int, int], linker: Linker, sign: int, seed: int
) -> tuple[Sources, dict]:
    grid = Grid(mask.shape, core)
    partials = [(t.id, tile_components(mask[t.core.slices()], t.core, grid.shape, linker)) for t in grid]
    np.random.default_rng(seed).shuffle(partials)
    return stitch(partials, sign, linker), dict(partials)


def runs_of(sources: Sources, partials: dict[int, Payload], row: int, sign: int) -> list[list[int]]:
    parts = [
        partials[tile][f"runs{sign}"][partials[tile][f"labels{sign}"] == label]
        for tile, label in zip(*(a.tolist() for a in sources.pieces(row)), strict=True)
    ]
    return merge_touching(np.concatenate(parts)).tolist()


@given(st.data())
@settings(max_examples=150)
def test_any_tiling_in_any_order_gives_the_same_sources(data: st.DataObject) -> None:
    shape = data.draw(shapes)
    density = data.draw(st.sampled_from([[0, 0, 0, 0, 0, 0, 1, 2], [0, 0, 1, 2], [0, 1, 1, 1, 3]]))
    mask = data.draw(hnp.arrays(np.uint8, shape, elements=st.sampled_from(density)))
    linker, sign = data.draw(linkers), data.draw(st.sampled_from([POSITIVE, NEGATIVE]))
    core = tuple(data.draw(st.integers(1, n)) for n in shape)
    whole, whole_partials = sources_of(mask, shape, linker, sign, 0)
    tiled, tiled_partials = sources_of(mask, core, linker, sign, data.draw(st.integers(0, 9)))
    assert np.array_equal(whole.table, tiled.table)
    for row in range(len(whole)):
        assert runs_of(whole, whole_partials, row, sign) == runs_of(tiled, tiled_partials, row, sign)


def test_a_contact_at_a_corner_only_joins_across_eight_tiles() -> None:
    mask = np.zeros((4, 4, 4), np.uint8)
    mask[1, 1, 1] = mask[2, 2, 2] = POSITIVE
    linker = Linker(min_size_xy=0, min_size_z=0, shape="box")
    joined, _ = sources_of(mask, (2, 2, 2), linker, POSITIVE, 0)
    assert joined.table.tolist() == [[21, 2, 1, 2, 1, 2, 1, 2]]
    apart, _ = sources_of(mask, (2, 2, 2), Linker(min_size_xy=0, min_size_z=0), POSITIVE, 0)
    assert len(apart) == 2


def test_a_source_across_every_tile_is_one() -> None:
    mask = np.zeros((6, 6, 30), np.uint8)
    mask[3, 2, :] = POSITIVE
    mask[:, 2, 17] = POSITIVE
    sources, _ = sources_of(mask, (2, 2, 2), Linker(min_size_xy=0, min_size_z=0), POSITIVE, 3)
    assert sources.table[0, 1] == 35
    assert len(sources) == 1


def test_size_cuts_look_at_the_whole_source() -> None:
    mask = np.zeros((5, 5, 10), np.uint8)
    mask[:, 2, 4:6] = POSITIVE  # five channels long, cut in the middle by every tiling below
    linker = Linker(min_size_xy=0, min_size_z=5)
    for core in ((1, 5, 5), (2, 5, 5), (5, 1, 1)):
        assert len(sources_of(mask, core, linker, POSITIVE, 1)[0]) == 1


@pytest.mark.parametrize(
    ("cut", "kept"),
    [
        ({}, [0, 3, 96]),
        ({"max_size_xy": 5}, [0, 3]),
        ({"max_size_xy": 6}, [0, 3, 96]),
        ({"max_size_z": 2}, [3, 96]),
        ({"max_pixels": 8}, [0, 3]),
        ({"max_pixels": 9}, [0, 3, 96]),
        ({"min_fill": 0.5}, [0, 3]),
        ({"max_fill": 0.5}, [96]),
        ({"min_fill": 0.3, "max_fill": 0.4}, [96]),
    ],
)
def test_cuts_of_size_and_fill_look_at_the_whole_source(cut: dict, kept: list[int]) -> None:
    mask = np.zeros((3, 6, 12), np.uint8)
    mask[:, 0, 0] = POSITIVE  # three channels of a pixel
    mask[0, :2, 3:6] = POSITIVE  # six pixels of a channel
    mask[1, 2, :6] = mask[1, 2:, 0] = POSITIVE  # nine of the 24 pixels that an L spans
    linker = Linker(**{"min_size_xy": 0, "min_size_z": 0, **cut})
    for core in ((3, 6, 12), (1, 2, 5)):
        assert sources_of(mask, core, linker, POSITIVE, 1)[0].table[:, 0].tolist() == kept


@pytest.mark.parametrize(
    ("cut", "words"),
    [
        ({"max_size_xy": 4}, "max_size_xy is 4; it must be 0 for no limit, or at least min_size_xy, 5"),
        ({"max_size_z": -1}, "max_size_z is -1"),
        ({"max_pixels": 5, "min_pixels": 6}, "max_pixels is 5"),
        ({"min_fill": 1.5}, "min_fill is 1.5; it must lie between 0 and 1"),
        ({"max_fill": float("nan")}, "max_fill is nan"),
        ({"min_fill": 0.5, "max_fill": 0.4}, "max_fill is 0.4, below min_fill, 0.5"),
    ],
)
def test_cuts_that_nothing_can_pass_are_refused(cut: dict, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Linker(**cut)


def test_positive_and_negative_voxels_never_join() -> None:
    mask = np.zeros((3, 3, 6), np.uint8)
    mask[1, 1, :3] = POSITIVE
    mask[1, 1, 3:] = NEGATIVE
    linker = Linker(min_size_xy=0, min_size_z=0)
    for sign in (POSITIVE, NEGATIVE):
        assert sources_of(mask, (3, 3, 2), linker, sign, 0)[0].table[:, 1].tolist() == [3]
