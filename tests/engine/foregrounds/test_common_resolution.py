"""A cube at one resolution keeps its point sources and its uniform sky, and any box of it is that of the whole."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_cube import MemorySource, card, header_of, meta_of, noisy

from tessellar.engine.foregrounds.resolution import CommonResolution
from tessellar.errors import InputError, UsageError
from tessellar.io.header import read_meta
from tessellar.model import Beam, FloatArray
from tessellar.tiling.box import Box, Shape

SHAPE = (4, 60, 40)
WHOLE = Box.of_shape(SHAPE)
PIXEL = (0.01, 0.02)
BEAMS = (0.070, 0.0695, 0.064, 0.060)  # degrees: 7 to 6 pixels along l, 3.5 to 3 along m


def cube(voxels: FloatArray, beams: Sequence[float] = BEAMS, **changes: Any) -> MemorySource:
    round_ones = tuple(Beam(b, b, 0.0) for b in beams)
    return MemorySource(voxels, meta_of(voxels.shape, beams=round_ones, **changes))


def point_source(beams: Sequence[float], peak: float = 1.0, shape: Shape = SHAPE) -> FloatArray:
    """Return a point source in the middle, as beams of these widths show it."""
    x, y = np.indices(shape[1:])
    square = ((x - shape[1] // 2) * PIXEL[0]) ** 2 + ((y - shape[2] // 2) * PIXEL[1]) ** 2
    planes = [peak * np.exp(-4 * np.log(2) * square / b**2) for b in beams]
    return np.stack(planes).astype(np.float32)


@pytest.mark.parametrize("fwhm", [None, 0.0702, 0.1])
def test_a_point_source_of_one_jansky_per_beam_stays_one(fwhm: float | None) -> None:
    view = CommonResolution(cube(point_source(BEAMS)), fwhm)
    expected = point_source([fwhm or 0.07] * 4)
    np.testing.assert_allclose(view.read(WHOLE), expected, atol=2e-3)
    assert view.meta.beams == (Beam(fwhm or 0.07, fwhm or 0.07, 0.0),)
    assert view.meta.unit == "Jy / beam"


def test_a_point_source_in_kelvin_is_diluted_by_the_area_of_the_beam() -> None:
    view = CommonResolution(cube(point_source(BEAMS), unit="K"), 0.1)
    expected = point_source([0.1] * 4) * (np.array(BEAMS)[:, None, None] / 0.1) ** 2
    np.testing.assert_allclose(view.read(WHOLE), expected, atol=1e-3)


def test_a_uniform_sky_keeps_its_kelvins_up_to_edges_and_blanks() -> None:
    voxels = np.full(SHAPE, 3.0, np.float32)
    voxels[1, 10:14, 7] = np.nan
    voxels[2, :, :9] = np.inf
    found = CommonResolution(cube(voxels, unit="K"), 0.08).read(WHOLE)
    np.testing.assert_allclose(found, np.where(np.isfinite(voxels), 3.0, np.nan), rtol=1e-7)


def test_the_widest_channel_is_left_alone() -> None:
    voxels = noisy(SHAPE)
    found = CommonResolution(cube(voxels)).read(WHOLE)
    np.testing.assert_array_equal(found[0], voxels[0])
    assert np.nanstd(found[3]) < 0.7 * np.nanstd(voxels[3])


@cache
def blanked_view() -> tuple[CommonResolution, FloatArray]:
    view = CommonResolution(cube(noisy(SHAPE)), 0.09)
    return view, view.read(WHOLE)


@given(st.data())
@settings(max_examples=40)
def test_any_box_has_the_bits_of_the_whole(data: st.DataObject) -> None:
    view, whole = blanked_view()
    ends = [sorted((data.draw(st.integers(0, n - 1)), data.draw(st.integers(0, n - 1)))) for n in SHAPE]
    box = Box(tuple(a for a, _ in ends), tuple(b + 1 for _, b in ends))
    np.testing.assert_array_equal(view.read(box), whole[box.slices()])


def test_boxes_without_a_blank_have_the_bits_of_the_whole_too() -> None:
    voxels = noisy(SHAPE)
    voxels = np.where(np.isnan(voxels), np.float32(0.5), voxels)
    view = CommonResolution(cube(voxels), 0.09)
    _, reach_l, reach_m = view.halo.before
    box = Box((0, reach_l, reach_m), (4, 60 - reach_l, 40 - reach_m))
    assert not box.empty
    np.testing.assert_array_equal(view.read(box), view.read(WHOLE)[box.slices()])


def test_one_beam_serves_all_channels() -> None:
    voxels = point_source([0.06] * 4)
    found = CommonResolution(cube(voxels, [0.06]), 0.08).read(WHOLE)
    np.testing.assert_allclose(found, point_source([0.08] * 4), atol=2e-3)
    np.testing.assert_array_equal(CommonResolution(cube(voxels, [0.06])).read(WHOLE), voxels)


def test_a_nearly_round_beam_counts_as_its_geometric_mean() -> None:
    meta = meta_of(SHAPE, beams=(Beam(0.0606, 0.06, 30.0),))
    view = CommonResolution(MemorySource(noisy(SHAPE), meta))
    assert view.fwhm == pytest.approx(np.sqrt(0.0606 * 0.06))
    assert "geometric mean" in view.meta.missing[-1]


def test_the_description_says_what_was_done() -> None:
    extra = [card("CASAMBM", "T"), card("BMAJ", 0.07), card("BPA", 12.0)]
    source = cube(noisy(SHAPE), header=header_of(SHAPE, extra=extra), unit="")
    view = CommonResolution(source, 0.08)
    assert any("288 arcsec; they had 216 arcsec to 252 arcsec" in text for text in view.meta.missing)
    assert any("brightness" in text for text in view.meta.missing)
    header = view.meta.header
    assert "CASAMBM" not in header
    assert header.count("BMAJ") == 1
    assert all(len(line) == 80 for line in header.split("\n")[-3:])
    assert read_meta(header, "cube").beams == (Beam(0.08, 0.08, 0.0),)
    assert CommonResolution(cube(noisy(SHAPE), header="")).meta.header == ""


def test_it_pickles_small_and_its_identity_tells_the_resolution() -> None:
    source = cube(noisy(SHAPE))
    view = CommonResolution(source, 0.08)
    again = pickle.loads(pickle.dumps(view))
    np.testing.assert_array_equal(again.read(WHOLE), view.read(WHOLE))
    assert again.identity == view.identity
    others = {CommonResolution(source).identity, CommonResolution(source, 0.09).identity, source.identity}
    assert len(others | {view.identity}) == 4


@pytest.mark.parametrize(
    ("beams", "pixel_size", "words"),
    [
        ((), PIXEL, "has no beam"),
        ((Beam(0.06, 0.06, 0.0),), None, "has no size of a pixel"),
        (
            (Beam(0.06, 0.06, 0.0),) * 3 + (Beam(0.06, 0.05, 0.0),),
            PIXEL,
            "channel 3 .* 216 arcsec by 180 arcsec",
        ),
    ],
)
def test_cubes_that_cannot_be_smoothed_are_refused(
    beams: tuple[Beam, ...], pixel_size: tuple[float, float] | None, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        CommonResolution(MemorySource(noisy(SHAPE), meta_of(SHAPE, beams=beams, pixel_size=pixel_size)))


def test_a_beam_larger_than_the_common_one_is_refused() -> None:
    words = r"channel 0 .* 252 arcsec.* needed .* 248.4 arcsec.* Ask for 252 arcsec"
    with pytest.raises(UsageError, match=words):
        CommonResolution(cube(noisy(SHAPE)), 0.069)


@pytest.mark.parametrize("fwhm", [-0.1, 0.0, float("nan"), float("inf")])
def test_what_is_no_width_is_refused(fwhm: float) -> None:
    with pytest.raises(UsageError, match="positive"):
        CommonResolution(cube(noisy(SHAPE)), fwhm)
