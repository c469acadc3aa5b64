"""Boxes and halos."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tessellar.tiling.box import Box, Halo

coordinates = st.tuples(*[st.integers(-20, 20)] * 3)
sizes = st.tuples(*[st.integers(0, 20)] * 3)


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    start, size = draw(coordinates), draw(sizes)
    return Box(start, tuple(a + n for a, n in zip(start, size, strict=True)))


def test_shape_and_size() -> None:
    box = Box((1, 2, 3), (4, 6, 8))
    assert (box.shape, box.size, box.empty) == ((3, 4, 5), 60, False)
    assert str(box) == "1:4, 2:6, 3:8"


def test_halo_grows_each_side_by_its_own_radius() -> None:
    halo = Halo((1, 2, 3), (4, 5, 6))
    assert Box((10, 10, 10), (20, 20, 20)).grow(halo) == Box((9, 8, 7), (24, 25, 26))


@given(boxes(), boxes())
def test_overlap_holds_the_common_voxels(a: Box, b: Box) -> None:
    common = a & b
    for corner in (a.start, b.start, common.start):
        inside = [
            all(lo <= c < hi for lo, c, hi in zip(box.start, corner, box.stop, strict=True))
            for box in (a, b, common)
        ]
        assert inside[2] == (inside[0] and inside[1])
    assert common.size == (b & a).size or common.empty


@given(boxes(), boxes())
def test_union_holds_both(a: Box, b: Box) -> None:
    assert (a | b).contains(a)
    assert (a | b).contains(b)


@given(boxes(), coordinates)
def test_relative_coordinates_keep_the_shape(box: Box, origin: tuple[int, int, int]) -> None:
    assert box.relative_to(origin).shape == box.shape
    assert box.relative_to(origin).shift(origin) == box
