"""The patch of a candidate: the same bits however the cube is cut, and a picture that turns with the sky."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from second_look.looks import FRAME, Looked, some_cube

from tessellar.kernels.look.features import ROW_FEATURES, row_features
from tessellar.kernels.look.frame import PATCH, Frame, frame_of_row
from tessellar.kernels.look.patch import patch_of
from tessellar.kernels.look.scale import Scale
from tessellar.model import Beam, CubeMeta, SpectralAxis
from tessellar.tiling.box import Box


@settings(max_examples=8, deadline=None)
@given(
    before=st.tuples(*[st.integers(0, 9)] * 3),
    after=st.tuples(*[st.integers(0, 9)] * 3),
    place=st.tuples(*[st.integers(0, 60)] * 3),
)
def test_blank_voxels_around_a_cube_change_nothing(
    before: tuple[int, int, int], after: tuple[int, int, int], place: tuple[int, int, int]
) -> None:
    cube = some_cube()
    z, x, y = place
    frame = replace(FRAME, centre=(z + 0.25, x + 0.5, y + 0.75))  # no rounding where a whole number is added
    moved = replace(frame, centre=tuple(a + b for a, b in zip(frame.centre, before, strict=True)))
    assert np.array_equal(cube.patch(frame), cube.within(before, after).patch(moved))


def test_a_box_that_is_read_in_tiles_gives_the_same_patch() -> None:
    cube, box = some_cube(), FRAME.box((80, 64, 68))
    parts = []
    for array in cube.parts:
        held = np.empty(box.shape, array.dtype)
        for first in range(box.start[1], box.stop[1], 7):
            tile = Box(
                (box.start[0], first, box.start[2]), (box.stop[0], min(first + 7, box.stop[1]), box.stop[2])
            )
            held[tile.relative_to(box.start).slices()] = array[tile.slices()]
        parts.append(held)
    assert np.array_equal(patch_of(FRAME, box, *parts), cube.patch())


def test_the_patch_turns_with_the_sky() -> None:
    cube = some_cube((80, 64, 64))
    turned = Looked(*(np.ascontiguousarray(np.rot90(a, 1, (1, 2))) for a in cube.parts))
    z, x, y = FRAME.centre
    # what lay along m lies along -l: position angles, which count from m towards -l, grow by a quarter
    quarter = replace(FRAME, centre=(z, 63 - y, x), turn=FRAME.turn + math.pi / 2)
    np.testing.assert_allclose(turned.patch(quarter), cube.patch(), atol=2e-5)


def test_the_axis_of_the_candidate_is_that_of_the_patch() -> None:
    voxels = np.zeros((64, 61, 61), np.float32)
    voxels[:, 20, 30] = 5.0  # ten pixels from the middle towards lower l: position angle 90 degrees
    frame = Frame.around((32.0, 30.0, 30.0), math.pi / 2, beam=3.0, width=2.0, radius=3.0)
    box = frame.box(voxels.shape)
    shown = patch_of(
        frame, box, voxels[box.slices()], np.ones(box.shape, np.float32), np.zeros(box.shape, bool)
    )
    along, across = np.unravel_index(shown[0, 16].argmax(), PATCH[1:])
    assert along in (21, 22)
    assert across in (11, 12)


def test_channels_are_summed_in_units_of_their_noise() -> None:
    frame = Frame.around((40.0, 20.0, 20.0), 0.0, beam=2.0, width=40.0, radius=8.0)
    ones = np.ones((200, 41, 41), np.float32)
    box = frame.box(ones.shape)
    shown = patch_of(frame, box, 6.0 * ones[box.slices()], 2.0 * ones[box.slices()], ones[box.slices()] > 0)
    assert (frame.channels, frame.beams) == (3, 2)
    middle = shown[:, 10:, 8:16, 8:16]
    np.testing.assert_allclose(middle[0], 3.0 * math.sqrt(3.0), rtol=1e-5)
    np.testing.assert_allclose(middle[1], 1.0, rtol=1e-5)
    assert not shown[:, 0].any()  # it begins before the cube


def test_a_larger_galaxy_has_larger_steps() -> None:
    assert Frame.around((0, 0, 0), 0.0, 3.0, 10.0, 4.0).beams == 1
    assert Frame.around((0, 0, 0), 0.0, 3.0, 10.0, 15.0).step == pytest.approx(2.0)


def test_a_row_without_numbers_is_told_as_zeros() -> None:
    names = [
        "x",
        "y",
        "z",
        "snr",
        "f_max",
        "mean",
        "std",
        "rms",
        "n_pix",
        "ell_maj",
        "ell_min",
        "fill",
        "w20",
    ]
    names += ["f_sum", "f_sum_corr", "kin_pa", "ell_pa"]
    columns = {name: np.array([np.nan, 1.0]) for name in names} | {
        axis: np.array([5.0, 5.0]) for axis in ("x", "y", "z")
    }
    columns |= {f"{axis}_{end}": np.array([4, 6]) for axis in "xyz" for end in ("min", "max")}
    meta = CubeMeta(
        "made up",
        (10, 10, 10),
        "Jy / beam",
        SpectralAxis("freq", "Hz", tuple(1e9 + 3e4 * z for z in range(10))),
        (Beam(6.0, 6.0, 0.0),),
        (2.0, 2.0),
    )
    scale = Scale.of(meta)
    assert scale.beam == pytest.approx(3.0)
    assert scale.speed == pytest.approx(299_792_458.0 * 3e4 / 1.00015e9)
    told = row_features(columns, [frame_of_row(columns, row, scale.beam) for row in range(2)], scale)
    assert told.shape == (2, len(ROW_FEATURES))
    assert np.isfinite(told).all()
    assert frame_of_row(columns, 0, 3.0).turn == 0.0
    assert frame_of_row(columns, 1, 3.0).turn == pytest.approx(math.radians(1.0))
