"""Kinematic axes and slices of made sources."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tessellar.kernels.position_velocity import ChannelCentres, KinematicAxis
from tessellar.kernels.runs import extract_runs
from tessellar.tiling.box import Box

SHAPE = (9, 21, 25)


def centres_of(places: list[tuple[int, int]], noise: float = 0.01, sign: float = 1.0) -> ChannelCentres:
    """A source that is one pixel (l, m) in each channel."""
    voxels = np.zeros(SHAPE, np.float32)
    for z, (x, y) in enumerate(places):
        voxels[z, x, y] = sign
    box = Box((3, 5, 7), (12, 26, 32))
    made = ChannelCentres(box, sign)
    runs = extract_runs((voxels != 0).astype(np.uint8), 1, box.start)
    made.add(voxels, box, runs, np.full(SHAPE, noise, np.float32))
    return made


@pytest.mark.parametrize(
    ("step", "pa"),
    [
        ((0, 1), 0.0),
        ((-1, 0), 90.0),
        ((0, -1), 180.0),
        ((1, 0), 270.0),
        ((-1, 1), 45.0),
        ((1, -1), 225.0),
    ],
)
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_axis_points_to_the_higher_channels(step: tuple[int, int], pa: float, sign: float) -> None:
    places = [(10 + step[0] * (z - 4), 12 + step[1] * (z - 4)) for z in range(9)]
    axis = centres_of(places, sign=sign).axis()
    assert axis.known
    assert (axis.x, axis.y) == pytest.approx((10.0, 12.0))
    assert (axis.pa + 1e-9) % 360.0 == pytest.approx(pa, abs=1e-6)
    assert axis.direction == pytest.approx(np.array(step) / np.hypot(*step), abs=1e-9)


def test_a_source_that_does_not_move_has_no_axis() -> None:
    axis = centres_of([(10, 12)] * 9).axis()
    assert not axis.known
    assert (axis.x, axis.y) == (10.0, 12.0)


def test_faint_channels_say_nothing() -> None:
    assert not centres_of([(z + 5, 12) for z in range(9)], noise=1.0).axis().known


def test_a_slice_along_m_is_a_row_of_the_cube() -> None:
    voxels = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    axis = KinematicAxis(6.0, 10.0, 0.0)
    offsets = axis.offsets(SHAPE[1:])
    assert (offsets[0], offsets[-1]) == (-10, 14)
    np.testing.assert_array_equal(axis.slice(voxels, offsets), voxels[:, 6, :])


@given(st.floats(0, 20), st.floats(0, 24), st.floats(0, 360))
def test_a_slice_through_a_plane_is_the_plane(x: float, y: float, pa: float) -> None:
    z, l, m = np.indices(SHAPE)  # noqa: E741
    plane = (100.0 * z + 2.0 * l - 3.0 * m).astype(np.float32)
    axis = KinematicAxis(x, y, pa)
    offsets = axis.offsets(SHAPE[1:])
    assert offsets.size >= 1
    step = axis.direction
    expected = 2.0 * (x + offsets * step[0]) - 3.0 * (y + offsets * step[1])
    seen = axis.slice(plane, offsets)
    np.testing.assert_allclose(seen, 100.0 * np.arange(9)[:, None] + expected, atol=1e-3)


def test_a_blank_pixel_blanks_its_neighbours_only() -> None:
    voxels = np.zeros(SHAPE, np.float32)
    voxels[:, 6, 10] = np.nan
    axis = KinematicAxis(6.0, 10.0, 90.0)
    offsets = axis.offsets(SHAPE[1:])
    assert np.isnan(axis.slice(voxels, offsets)[0]).sum() <= 2
    assert not np.isnan(KinematicAxis(8.0, 10.0, 0.0).slice(voxels, offsets)).any()
