"""Flags: what is blanked by boxes, by a catalogue and by its radius, and what that does to a search."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conditioned import SHAPE, column, cube, degrees, find, places, sky
from hypothesis import given, settings
from hypothesis import strategies as st

from tessellar.engine.precondition.flags import FlaggedSource, Flags
from tessellar.engine.precondition.prepare import prepare
from tessellar.engine.precondition.recipe import Preconditioning
from tessellar.errors import CubeNotFoundError, InputError, UsageError
from tessellar.tiling.box import Box

SOURCES = [(6, 30, 16), (23, 19, 11), (40, 6, 5)]
NOTHING = np.empty(0, np.int64)


def blank(recipe: Preconditioning, shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    """Return which voxels of a cube are blank, bool array (frequency, l, m)."""
    source = prepare(cube(np.ones(shape, np.float32)), recipe).source
    return np.isnan(source.read(Box.of_shape(source.meta.shape)))


def test_by_default_nothing_is_done_and_nothing_wrapped() -> None:
    source = cube(sky())
    assert Preconditioning().does_nothing
    assert prepare(source, Preconditioning()).source is source


def test_boxes_have_both_ends_inside_and_may_reach_out_of_the_cube() -> None:
    flagged = blank(Preconditioning(flag_region=(3, 4, 5, 5, 6, 8, 47, 99, 0, 0, 0, 0)))
    assert flagged[6:9, 3:5, 5].all()
    assert flagged[0, 47, 0]
    assert flagged.sum() == 6 + 1


def test_boxes_count_pixels_of_the_whole_cube_also_in_a_region() -> None:
    recipe = Preconditioning(region=(2, 9, 4, 9, 6, 9), flag_region=((3, 4, 0, 5, 6, 99),))
    flagged = blank(recipe)
    assert flagged.shape == (4, 8, 6)
    assert flagged[:, 1:3, :2].all()
    assert flagged.sum() == 4 * 2 * 2


def test_a_disc_has_the_pixels_whose_centres_are_within_its_radius(tmp_path: Path) -> None:
    catalog = tmp_path / "continuum.txt"
    catalog.write_text(f"# lon lat\n\n{degrees(10.2, 7.9)}  # a quasar\n")
    flagged = blank(Preconditioning(flag_catalog=catalog, flag_radius=2))
    assert (flagged == flagged[:1]).all()
    x, y = np.indices(SHAPE[1:])
    assert (flagged[0] == ((x - 10) ** 2 + (y - 8) ** 2 <= 4)).all()
    assert flagged[0].sum() == 13
    assert blank(Preconditioning(flag_catalog=catalog, flag_radius=0))[0].sum() == 1


def test_positions_off_the_cube_flag_what_their_discs_reach(tmp_path: Path) -> None:
    catalog = tmp_path / "continuum.csv"
    catalog.write_text(degrees(-2, 7).replace(" ", ", ") + degrees(300, 7) + "190.0, 30.0, more\n")
    flagged = blank(Preconditioning(flag_catalog=catalog, flag_radius=3))
    assert flagged[0].sum() == 5 + 1
    assert flagged[0, 1, 7]


@given(st.data())
@settings(max_examples=30)
def test_any_box_sees_the_flags_of_the_whole(data: st.DataObject) -> None:
    shape = (6, 12, 10)
    inside = [st.integers(0, n - 1) for n in shape]
    flags = Flags(
        (Box((1, 2, 3), (4, 20, 5)), Box((0, 0, 0), (1, 3, 3))),
        np.array([[-1, 4], [7, 7]]),
        2,
        np.array([2, 5]),
        np.array([0 * 10 + 9, 3 * 10 + 3, 11 * 10 + 0]),
    )
    source = FlaggedSource(cube(np.ones(shape, np.float32)), flags)
    whole = source.read(Box.of_shape(shape))
    ends = [sorted((data.draw(i), data.draw(i))) for i in inside]
    box = Box(tuple(a for a, _ in ends), tuple(b + 1 for _, b in ends))
    np.testing.assert_array_equal(source.read(box), whole[box.slices()])
    assert np.isnan(whole[2]).all()
    assert np.isnan(whole[:, 3, 3]).all()
    assert not np.isnan(whole).all()


def test_a_box_that_is_flagged_is_not_read() -> None:
    source = cube(sky())
    flagged = FlaggedSource(source, Flags((Box((0, 0, 0), (9, 48, 40)),)))
    assert np.isnan(flagged.read(Box((2, 3, 4), (9, 9, 9)))).all()
    assert source.reads == 0
    assert np.isnan(flagged.read(Box((2, 3, 4), (10, 9, 9))))[:-1].all()
    assert np.isfinite(source.voxels).all()


@pytest.mark.parametrize(
    "other",
    [
        Flags(),
        Flags((Box((0, 0, 0), (1, 1, 2)),)),
        Flags(centres=np.array([[1, 2]]), radius=1),
        Flags(centres=np.array([[1, 2]]), radius=2),
        Flags(channels=np.array([1, 2])),
        Flags(pixels=np.array([1, 2])),
        Flags(NOTHING, channels=np.array([1]), pixels=np.array([2])),
    ],
)
def test_other_flags_are_another_cube(other: Flags) -> None:
    source = cube(sky())
    one = FlaggedSource(source, Flags((Box((0, 0, 0), (1, 1, 1)),))).identity
    assert one != FlaggedSource(source, other).identity
    assert FlaggedSource(source, other).identity == FlaggedSource(source, other).identity


def test_a_flagged_source_is_not_found_and_its_neighbour_touches_blank_voxels() -> None:
    assert places(find(cube(sky()))) == SOURCES
    assert places(find(cube(sky()), Preconditioning(flag_region=(18, 30, 14, 26, 0, 23)))) == [
        SOURCES[0],
        SOURCES[2],
    ]
    cut = find(cube(sky()), Preconditioning(flag_region=(24, 30, 14, 26, 0, 23)))
    (row,) = (row for row in cut.catalogue if 14 < row["y"].value < 24)
    assert row["flag"] & 4
    assert row["x_max"].value == 23


def test_an_inverted_cube_is_searched_for_absorption() -> None:
    run = find(cube(sky()), Preconditioning(invert=True))
    assert places(run) == [(8, 8, 6)]
    assert run.catalogue["f_sum"][0] > 0
    negated = find(cube(-sky()))
    for name in run.catalogue.colnames:
        assert column(run, name) == column(negated, name)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1.0\n", "line 1"),
        ("# all\n10 abc\n", "line 2"),
        ("10 100\n", "no sky position"),
        ("\0\0", "no list"),
    ],
)
def test_a_file_that_is_no_list_of_positions_is_refused(text: str, said: str, tmp_path: Path) -> None:
    catalog = tmp_path / "continuum.txt"
    catalog.write_text(text)
    with pytest.raises(InputError, match=said):
        prepare(cube(sky()), Preconditioning(flag_catalog=catalog))


def test_what_cannot_be_placed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CubeNotFoundError, match=r"no list of positions .*missing\.txt"):
        prepare(cube(sky()), Preconditioning(flag_catalog=tmp_path / "missing.txt"))
    catalog = tmp_path / "continuum.txt"
    catalog.write_text("10 -30\n")
    with pytest.raises(InputError, match="no sky coordinates"):
        prepare(cube(sky(), wcs_header=""), Preconditioning(flag_catalog=catalog))
    with pytest.raises(UsageError, match="lies outside cube"):
        prepare(cube(sky()), Preconditioning(flag_region=(48, 50, 0, 1, 0, 1)))
    with pytest.raises(UsageError, match=r"flag_region .*; flag_radius is -1"):
        Preconditioning(flag_region=(4, 0, 0, 1, 0, 1), flag_radius=-1)
