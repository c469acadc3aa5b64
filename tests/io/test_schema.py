"""What a cube on disk says of itself: valid for xradio, right in its numbers, and without loss."""

from __future__ import annotations

import json
import math
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import xarray
import zarr
from astropy import units
from hypothesis import given
from hypothesis import strategies as st
from memory_cube import card, header_of, meta_of

from tessellar.errors import InputError
from tessellar.io.meta_json import meta_from_json, meta_to_json
from tessellar.io.schema import (
    BEAM,
    DIMS,
    SKY,
    beam_fits,
    coordinates,
    image_attributes,
    meta_from_attributes,
    sky_attributes,
)
from tessellar.io.schema_observation import observation_mjd, polarization_label, sky_words
from tessellar.io.schema_sky import coordinate_system, offsets, wcs_header_of
from tessellar.io.schema_spectral import axis_from_attributes, frequencies, frequency_attributes, velocities
from tessellar.io.zarr_template import VoxelArray, small_files
from tessellar.model import Beam, CubeMeta, SpectralAxis

SHAPE = (7, 4, 5)
KINDS = ("freq", "v_rad", "v_opt", "v_app", "channel")


@pytest.fixture(scope="module")
def check_image() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("xradio.image").check_image


def axis(kind: str, rest: float | None = 1.42e9) -> SpectralAxis:
    values = {"freq": (1.4e9, 1e5), "channel": (0.0, 1.0)}.get(kind, (1e6, 5e3))
    unit = {"freq": "Hz", "channel": ""}.get(kind, "m/s")
    return SpectralAxis(
        kind, unit, tuple(values[0] + values[1] * i for i in range(SHAPE[0])), rest, "BARYCENT"
    )


def beams(count: int) -> tuple[Beam, ...]:
    return tuple(Beam(0.03 + 0.001 * i, 0.02, 10.0 * i) for i in range(count))


def image_of(meta: CubeMeta) -> xarray.Dataset:
    """Return the image without its voxels, as xarray holds it."""
    return xarray.Dataset(beam_fits(meta), coordinates(meta), image_attributes(meta))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rest", [1.42e9, None])
@pytest.mark.parametrize("n_beams", [0, 1, SHAPE[0]])
@pytest.mark.parametrize("with_sky", [True, False])
def test_xradio_finds_no_fault(check_image, kind, rest, n_beams, with_sky):
    meta = meta_of(SHAPE, spectral=axis(kind, rest), beams=beams(n_beams))
    if not with_sky:
        meta = replace(meta, wcs_header="", pixel_size=None, header="", unit="")
    dataset = image_of(meta)
    dataset[SKY] = (DIMS, np.zeros((1, 7, 1, 4, 5), np.float32), sky_attributes(meta))
    assert list(check_image(dataset)) == []
    json.dumps([dataset.attrs, *(v.attrs for v in dataset.variables.values())], allow_nan=False)


def test_xradio_would_find_a_fault(check_image):
    dataset = image_of(meta_of(SHAPE))
    dataset[SKY] = (DIMS, np.zeros((1, 7, 1, 4, 5), np.float16), {})
    assert list(check_image(dataset))


@pytest.mark.parametrize("kind", ["freq", "v_opt"])
@pytest.mark.parametrize("n_beams", [0, SHAPE[0]])
def test_xarray_reads_from_the_files_what_was_to_be_written(kind, n_beams):
    meta = meta_of(SHAPE, spectral=axis(kind), beams=beams(n_beams))
    files = small_files(meta, VoxelArray(SKY, "float32", math.nan, SHAPE, None, ()), {"type": "of a test"})
    store = zarr.storage.MemoryStore({k: zarr.core.buffer.cpu.Buffer.from_bytes(v) for k, v in files.items()})
    read = xarray.open_zarr(store, consolidated=False, chunks=None).drop_vars(SKY).load()
    xarray.testing.assert_identical(read, image_of(meta).assign_attrs(type="of a test"))


def test_velocities_become_frequencies_by_hand():
    beta = SpectralAxis("v_rad", "m/s", (299_792.458,), 1e9)
    assert frequencies(beta)[0] == pytest.approx(999e6, rel=1e-15)
    assert frequencies(replace(beta, kind="v_opt"))[0] == pytest.approx(1e9 / 1.001, rel=1e-15)
    assert frequencies(replace(beta, kind="v_app"))[0] == pytest.approx(
        1e9 * math.sqrt(0.999 / 1.001), rel=1e-15
    )


@given(st.sampled_from(KINDS[1:4]), st.floats(-2e8, 2e8), st.floats(1e8, 1e12))
def test_velocities_become_frequencies_as_in_astropy(kind, velocity, rest):
    convention = {"v_rad": "doppler_radio", "v_opt": "doppler_optical", "v_app": "doppler_relativistic"}[kind]
    expected = (velocity * units.m / units.s).to(
        units.Hz, equivalencies=getattr(units, convention)(rest * units.Hz)
    )
    found = frequencies(SpectralAxis(kind, "m/s", (velocity,), rest))
    np.testing.assert_allclose(found, expected.value, rtol=1e-12)


@pytest.mark.parametrize("kind", ["v_rad", "channel"])
def test_unknown_frequencies_are_not_invented(kind):
    spectral = axis(kind, None)
    attributes = frequency_attributes(spectral)
    assert np.isnan(frequencies(spectral)).all()
    assert attributes["rest_frequency"]["data"] == 0.0
    assert "not known" in attributes["note"]
    known = velocities(spectral)
    if kind == "channel":
        assert known is None
    else:
        assert known is not None
        assert known[1] == "radio"
        np.testing.assert_array_equal(known[0], spectral.values)


def test_a_frequency_axis_comes_back_from_its_attributes():
    spectral = axis("freq")
    assert axis_from_attributes(frequencies(spectral), frequency_attributes(spectral)) == spectral
    assert axis_from_attributes(np.array([1.0, 2.0]), {}) == SpectralAxis("freq", "Hz", (1.0, 2.0))


def test_l_and_m_are_offsets_in_radians():
    l_axis, m_axis, note = offsets(meta_of(SHAPE))
    np.testing.assert_allclose(l_axis, np.radians([0.02, 0.01, 0.0, -0.01]), atol=1e-18)
    np.testing.assert_allclose(m_axis, np.radians([-0.02, 0.0, 0.02, 0.04, 0.06]), atol=1e-18)
    assert note is None
    assert offsets(replace(meta_of(SHAPE), wcs_header=""))[2] is not None


def test_the_coordinate_system_by_hand():
    info = coordinate_system(meta_of(SHAPE))
    assert info is not None
    np.testing.assert_allclose(info["reference_direction"]["data"], np.radians([10, -30]))
    assert info["reference_direction"]["attrs"]["frame"] == "icrs"
    assert info["projection"] == "SIN"
    np.testing.assert_allclose(info["native_pole_direction"]["data"], np.radians([180, -30]))
    np.testing.assert_array_equal(info["pixel_coordinate_transformation_matrix"], np.eye(2))


ROTATIONS = {
    "CD": ("CD1_1 -0.008", "CD1_2 0.006", "CD2_1 0.012", "CD2_2 0.016"),
    "PC": ("CDELT1 -0.01", "CDELT2 0.02", "PC1_1 0.8", "PC1_2 -0.6", "PC2_1 0.6", "PC2_2 0.8"),
}


@pytest.mark.parametrize("cards", list(ROTATIONS.values()), ids=list(ROTATIONS))
def test_rotation_and_increments_give_the_matrix_of_the_header(cards):
    plain = "\n".join(line for line in meta_of(SHAPE).wcs_header.split("\n") if "CDELT" not in line)
    turned = "\n".join([plain, *(card(*words.split()) for words in cards), card("CDELT3", "1.0E5")])
    meta = meta_of(SHAPE, wcs_header=turned)
    l_axis, m_axis, _ = offsets(meta)
    info = coordinate_system(meta)
    assert info is not None
    steps = np.degrees([l_axis[1] - l_axis[0], m_axis[1] - m_axis[0]])
    matrix = np.array(info["pixel_coordinate_transformation_matrix"]) * steps[:, np.newaxis]
    np.testing.assert_allclose(matrix, [[-0.008, 0.006], [0.012, 0.016]], rtol=1e-12)


@pytest.mark.parametrize("frame", ["RADESYS = 'FK4     '", "RADESYS = 'FK5     '", "galactic", "icrs"])
def test_a_header_made_from_the_attributes_points_to_the_same_sky(frame):
    from astropy.io.fits import Header
    from astropy.wcs import WCS

    text = meta_of(SHAPE).wcs_header
    if frame == "galactic":
        text = text.replace("RA---SIN", "GLON-SIN").replace("DEC--SIN", "GLAT-SIN")
    elif frame != "icrs":
        text += "\n" + frame.ljust(80)
    meta = meta_of(SHAPE, wcs_header=text)
    info = coordinate_system(meta)
    assert info is not None
    again = wcs_header_of(json.loads(json.dumps(info)), *offsets(meta)[:2], meta.spectral)
    before, after = (WCS(Header.fromstring(t, sep="\n")).celestial for t in (text, again))
    pixels = np.array([[0.0, 0.0], [3.0, 4.0], [1.0, 2.0]])
    np.testing.assert_allclose(before.wcs_pix2world(pixels, 0), after.wcs_pix2world(pixels, 0), rtol=1e-12)
    assert before.wcs.radesys == after.wcs.radesys


def test_unusable_attributes_give_no_header():
    l_axis, m_axis, _ = offsets(meta_of(SHAPE))
    assert wcs_header_of({}, l_axis, m_axis, axis("freq")) == ""
    info = coordinate_system(meta_of(SHAPE))
    assert info is not None
    assert wcs_header_of(info, np.array([0.0, 1.0, 3.0]), m_axis, axis("freq")) == ""


def test_beams_are_radians_for_every_channel():
    several = image_of(meta_of(SHAPE, beams=beams(7)))[BEAM]
    assert several.shape == (1, 7, 1, 3)
    np.testing.assert_allclose(several[0, 2, 0], np.radians([0.032, 0.02, 20.0]))
    one = image_of(meta_of(SHAPE, beams=beams(1)))[BEAM]
    np.testing.assert_allclose(one[0, 6, 0], np.radians([0.03, 0.02, 0.0]))
    assert BEAM not in image_of(meta_of(SHAPE, beams=()))


@pytest.mark.parametrize(
    ("written", "mjd"),
    [
        ("DATE-OBS= '1997-01-01'", 50449.0),
        ("DATE-OBS= '1997-01-01T12:00:00'", 50449.5),
        ("DATE-OBS= '31/12/96'", 50448.0),
        ("DATE-OBS=             19970101", math.nan),
        ("MJD-OBS =              50000.5", 50000.5),
        ("OBJECT  = 'x'", math.nan),
    ],
)
def test_the_date_of_the_observation(written, mjd):
    assert observation_mjd(written.ljust(80)) == pytest.approx(mjd, nan_ok=True)


def test_the_polarization_is_that_of_the_first_plane():
    text = header_of(SHAPE, ("l", "m", "z", "stokes"))
    assert polarization_label(text) == "I"
    assert polarization_label(text.replace(card("CRVAL4", "1.0"), card("CRVAL4", "-1.0"))) == "RR"
    assert polarization_label(text.replace(card("CRPIX4", "1.0"), card("CRPIX4", "-1.0"))) == "U"
    assert polarization_label("") == "I"


def test_object_observer_and_telescope_are_told():
    cards = (card("OBJECT", "'NGC 1'"), card("TELESCOP", "'WSRT'"), card("OBSERVER", "''"))
    assert sky_words("\n".join(cards)) == {"object_name": "NGC 1", "telescope": {"name": "WSRT"}}


numbers = st.floats(allow_nan=False)
metas = st.builds(
    CubeMeta,
    name=st.text(),
    shape=st.tuples(*[st.integers(1, 9)] * 3),
    unit=st.text(),
    spectral=st.builds(
        SpectralAxis,
        kind=st.sampled_from(KINDS),
        unit=st.text(),
        values=st.lists(numbers, min_size=1).map(tuple),
        rest_frequency=st.none() | numbers,
        frame=st.text(),
    ),
    beams=st.lists(st.builds(Beam, numbers, numbers, numbers)).map(tuple),
    pixel_size=st.none() | st.tuples(numbers, numbers),
    header=st.text(),
    wcs_header=st.text(),
    missing=st.lists(st.text()).map(tuple),
)


@given(metas)
def test_a_description_survives_json_to_the_last_bit(meta):
    assert meta_from_json(json.loads(json.dumps(meta_to_json(meta), allow_nan=False))) == meta


def test_a_beam_that_is_no_number_survives_too():
    meta = meta_of(SHAPE, beams=(Beam(math.nan, math.inf, -math.inf),))
    beam = meta_from_json(json.loads(json.dumps(meta_to_json(meta), allow_nan=False))).beams[0]
    assert math.isnan(beam.major)
    assert (beam.minor, beam.pa) == (math.inf, -math.inf)


def test_the_attributes_of_a_store_of_ours_give_the_description():
    meta = meta_of(SHAPE)
    assert meta_from_attributes(image_attributes(meta)) == meta
    assert meta_from_attributes({"type": "image_dataset"}) is None


@pytest.mark.parametrize("entry", [{"format": 99}, {"format": 1}, "text", {"format": 1, "shape": "x"}])
def test_a_damaged_description_is_refused(entry):
    with pytest.raises(InputError, match="'tessellar' attribute"):
        meta_from_attributes({"tessellar": entry})
