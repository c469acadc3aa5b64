"""Axes are found by name or order, and the sky axes become standard ones or are left out with a sentence."""

from __future__ import annotations

import warnings

import pytest
from astropy.io import fits
from astropy.wcs import WCS
from cubes import LENGTHS, header, meta, said

from tessellar.errors import InputError
from tessellar.io.header import read_meta
from tessellar.model import Beam


def test_a_complete_header_misses_nothing():
    found = meta()
    assert found.missing == ()
    assert found.shape == (4, 6, 5)
    assert found.unit == "Jy / beam"
    assert found.beams == (Beam(0.03, 0.02, 10.0),)
    assert found.pixel_size == (0.01, 0.01)
    assert found.spectral.values == (1.4e9, 1.4001e9, 1.4002e9, 1.4003e9)
    assert (found.spectral.kind, found.spectral.unit) == ("freq", "Hz")
    assert (found.spectral.rest_frequency, found.spectral.frame) == (1420405752.0, "BARYCENT")


def test_text_and_header_say_the_same():
    made = header(LENGTHS)
    text = made.tostring(sep="\n", endcard=False, padding=False)
    assert read_meta(text, "cube") == read_meta(made, "cube")
    assert read_meta(made, "cube").header == text


def test_the_wcs_header_is_accepted_without_a_warning():
    for order in (("l", "m", "spectral"), ("spectral", "stokes", "m", "l")):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            wcs = WCS(fits.Header.fromstring(meta(order).wcs_header, sep="\n"))
        assert list(wcs.wcs.ctype) == ["RA---SIN", "DEC--SIN", "FREQ"]
        assert list(wcs.wcs.crval) == [150.0, -30.0, 1.4e9]
        assert list(wcs.wcs.crpix) == [3.0, 2.0, 1.0]


def test_axes_without_names_are_taken_in_order():
    found = meta(CTYPE1=None, CTYPE2=None, CTYPE3=None)
    assert found.shape == (4, 6, 5)
    assert found.wcs_header == ""
    assert found.pixel_size == (0.01, 0.01)
    assert said(found, "order of the file")


def test_degenerate_axes_without_names_come_last():
    found = meta(("other", "l", "m", "spectral"), CTYPE2=None, CTYPE3=None, CTYPE4=None)
    assert found.shape == (4, 6, 5)


def test_planes_that_are_not_read_are_said():
    found = meta(("l", "m", "stokes", "spectral"), LENGTHS | {"stokes": 4})
    assert found.shape == (4, 6, 5)
    assert said(found, "Axis 3 (STOKES)", "4 planes")


def test_two_axes_are_no_cube():
    with pytest.raises(InputError, match="no spectral axis"):
        meta(("l", "m"))
    with pytest.raises(InputError, match="no spectral axis"):
        meta(("l", "m", "stokes"))


@pytest.mark.parametrize(
    ("cards", "word"),
    [
        ({"CTYPE1": "RA---XYZ", "CTYPE2": "DEC--XYZ"}, "cannot be used"),
        ({"CTYPE1": "ELON-CAR", "CTYPE2": "ELAT-CAR"}, "ELON and ELAT"),
        ({"CDELT1": 0.0}, "CDELT1"),
        ({"CDELT2": None}, "CDELT2"),
        ({"CRPIX1": None}, "CRPIX"),
        ({"CRVAL2": 100.0}, "cannot be used"),
    ],
)
def test_a_sky_that_cannot_be_used_still_opens(cards, word):
    found = meta(**cards)
    assert found.wcs_header == ""
    assert said(found, word)
    assert found.shape == (4, 6, 5)


@pytest.mark.parametrize(
    ("cards", "frame", "equinox"),
    [
        ({}, "ICRS", None),
        ({"RADESYS": None}, "ICRS", None),
        ({"RADESYS": None, "EQUINOX": 0.0}, "ICRS", None),
        ({"RADESYS": None, "EQUINOX": 2000.0}, "FK5", 2000.0),
        ({"RADESYS": None, "EPOCH": 1950.0}, "FK4", 1950.0),
        ({"RADESYS": None, "EQUINOX": "B1950"}, "FK4", 1950.0),
        ({"RADESYS": "FK4"}, "FK4", 1950.0),
        ({"RADESYS": None, "RADECSYS": "FK5"}, "FK5", 2000.0),
        ({"RADESYS": "MARS"}, "ICRS", None),
    ],
)
def test_frames(cards, frame, equinox):
    found = meta(**cards)
    made = fits.Header.fromstring(found.wcs_header, sep="\n")
    assert (made["RADESYS"], made.get("EQUINOX")) == (frame, equinox)
    assert said(found, "taken as ICRS") == (frame == "ICRS" and cards != {})


def test_pixel_sizes_of_a_matrix():
    found = meta(CDELT1=None, CDELT2=None, CD1_1=-0.003, CD1_2=0.008, CD2_1=0.004, CD2_2=0.006)
    assert found.pixel_size == pytest.approx((0.005, 0.01))


def test_arcseconds_become_degrees():
    found = meta(
        CUNIT1="arcsec", CUNIT2="arcsec", CDELT1=-36.0, CDELT2=36.0, CRVAL1=540000.0, CRVAL2=-108000.0
    )
    assert found.pixel_size == pytest.approx((0.01, 0.01))
    assert fits.Header.fromstring(found.wcs_header, sep="\n")["CRVAL2"] == -30.0
