"""Positions agree with the standard's formulae and with astropy, in every frame and convention."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import FK4, SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from astropy.wcs.utils import wcs_to_celestial_frame
from cubes import meta

from tessellar.io.open import open_source
from tessellar.io.wcs import frame_name, projection_name, sky_position

X, Y, Z = np.array([0.0, 2.0, 5.0]), np.array([0.0, 1.0, 4.0]), np.array([0.0, 1.5, 3.0])


def test_the_reference_pixel_is_where_the_header_says():
    found = sky_position(meta(), [2.0], [1.0], [0.5])
    assert list(found) == ["ra", "dec", "freq"]
    assert found["ra"] == pytest.approx([150.0], abs=1e-12)
    assert found["dec"] == pytest.approx([-30.0], abs=1e-12)
    assert found["freq"] == pytest.approx([1.4e9 + 5e4])


def test_a_sine_projection_by_hand():
    found = sky_position(meta(CDELT1=-1.0, CDELT2=1.0), [4.0], [4.0], [0.0])
    l, m = np.sin(np.radians(0)) - np.radians(2), np.radians(3)  # noqa: E741  # offsets in radians
    dec0 = np.radians(-30.0)
    n = np.sqrt(1 - l * l - m * m)
    dec = np.degrees(np.arcsin(m * np.cos(dec0) + n * np.sin(dec0)))
    ra = 150 + np.degrees(np.arctan2(l, n * np.cos(dec0) - m * np.sin(dec0)))
    assert found["ra"] == pytest.approx([ra], abs=1e-10)
    assert found["dec"] == pytest.approx([dec], abs=1e-10)


def test_the_north_celestial_pole_projection_by_hand():
    """AIPS memo 27: L = cos d sin a, M = (cos d0 - cos d cos a) / sin d0."""
    found = sky_position(meta(CTYPE1="RA---NCP", CTYPE2="DEC--NCP", CDELT1=-1.0, CDELT2=1.0), X, Y, Z)
    ra, dec, dec0 = np.radians(found["ra"] - 150.0), np.radians(found["dec"]), np.radians(-30.0)
    assert np.cos(dec) * np.sin(ra) == pytest.approx(np.radians(-(X - 2)), abs=1e-12)
    upwards = (np.cos(dec0) - np.cos(dec) * np.cos(ra)) / np.sin(dec0)
    assert upwards == pytest.approx(np.radians(Y - 1), abs=1e-12)


def test_the_global_sinusoid_by_hand():
    """AIPS memo 46: Dec is linear, and so is RA times cos Dec."""
    found = sky_position(meta(CTYPE1="RA---GLS", CTYPE2="DEC--GLS", CDELT1=-1.0, CDELT2=1.0), X, Y, Z)
    assert found["dec"] == pytest.approx(-30.0 + (Y - 1), abs=1e-10)
    assert (found["ra"] - 150.0) * np.cos(np.radians(found["dec"])) == pytest.approx(-(X - 2), abs=1e-10)


def test_axes_without_a_projection_are_linear():
    found = sky_position(meta(CTYPE1="RA", CTYPE2="DEC"), X, Y, Z)
    assert found["ra"] == pytest.approx(150.0 - 0.01 * (X - 2), abs=1e-10)
    assert found["dec"] == pytest.approx(-30.0 + 0.01 * (Y - 1), abs=1e-10)


@pytest.mark.parametrize("angle", [0.0, 25.0])
def test_permuted_axes_point_at_the_same_sky(angle):
    straight = sky_position(meta(CROTA2=angle), X, Y, Z)
    turned = sky_position(meta(("m", "stokes", "spectral", "l"), CROTA1=angle), X, Y, Z)
    for name in straight:
        np.testing.assert_allclose(turned[name], straight[name], rtol=0, atol=1e-11 * straight[name].max())
    assert (np.abs(turned["dec"] - sky_position(meta(), X, Y, Z)["dec"]).max() > 1e-3) == (angle > 0)


def test_old_equinoxes_become_icrs():
    found = sky_position(meta(RADESYS=None, EPOCH=1950.0), [2.0], [1.0], [0.0])
    expected = SkyCoord(150.0 * u.deg, -30.0 * u.deg, frame=FK4(equinox="B1950")).icrs
    assert found["ra"] == pytest.approx([expected.ra.deg], abs=1e-10)
    assert found["dec"] == pytest.approx([expected.dec.deg], abs=1e-10)
    assert abs(found["ra"][0] - 150.0) > 0.5


def test_galactic_cubes_give_both():
    galactic = meta(CTYPE1="GLON-CAR", CTYPE2="GLAT-CAR", CRVAL1=0.0, CRVAL2=0.0)
    found = sky_position(galactic, [2.0], [1.0], [0.0])
    assert list(found) == ["ra", "dec", "l", "b", "freq"]
    assert found["ra"] == pytest.approx([266.4051], abs=1e-3)  # the galactic centre
    assert found["dec"] == pytest.approx([-28.9362], abs=1e-3)
    assert found["b"] == pytest.approx([0.0], abs=1e-10)
    assert (frame_name(galactic), projection_name(galactic)) == ("Galactic", "CAR")


def test_negative_longitudes_are_the_same_sky():
    a, b = (sky_position(meta(CRVAL1=value), X, Y, Z)["ra"] for value in (-51.0, 309.0))
    np.testing.assert_allclose(a, b, rtol=0, atol=1e-11)


def test_names_of_frames():
    assert frame_name(meta()) == "ICRS"
    assert frame_name(meta(RADESYS=None, EPOCH=1950.0)) == "FK4 B1950"
    assert frame_name(meta(RADESYS=None, EQUINOX=2000.0)) == "FK5 J2000"
    assert frame_name(meta(CTYPE1=None)) == ""


def test_without_a_sky_only_the_spectral_column_is_left():
    found = sky_position(meta(CTYPE1=None, CTYPE2=None), X, Y, Z)
    assert list(found) == ["freq"]
    assert sky_position(meta(CTYPE1=None, CTYPE2=None, CTYPE3=None), X, Y, Z) == {}


def test_spectral_values_are_interpolated_in_their_own_unit():
    falling = meta(CTYPE3="VRAD", CRVAL3=100.0, CDELT3=-2.0, CUNIT3="km/s")
    assert sky_position(falling, X, Y, Z)["v_rad"] == pytest.approx([1e5, 9.7e4, 9.4e4])
    assert sky_position(meta(), X, Y, [0.0, 1.0, 3.0])["freq"].tolist() == [1.4e9, 1.4001e9, 1.4003e9]


def test_pixels_beyond_the_sky_are_nan():
    found = sky_position(meta(CDELT1=-20.0, CDELT2=20.0), [2.0, 500.0], [1.0, 500.0], [0.0, 0.0])
    assert np.isfinite(found["ra"][0])
    assert np.isnan(found["ra"][1])


def test_shapes_are_kept():
    x = np.zeros((2, 3))
    assert sky_position(meta(), x, x, x)["ra"].shape == (2, 3)
    assert sky_position(meta(), x[:0], x[:0], x[:0])["ra"].shape == (0, 3)


REAL = [
    "cubes/NGC4324.fits", "cubes/empty_corner.fits", "cubes/eso121-g6.fits", "cubes/g035_n2hp.fits",
    "cubes/grs_13co_10x10.fits", "cubes/l1448_13co.fits", "cubes/ngc2903_b1950.fits", "cubes/ngc6946.fits",
    "headers/M17_SWex_unittest.fits", "headers/imregion.fits", "headers/ngc5921.clean.fits",
    "headers/small_3D.fits", "headers/ra_pol_freq_dec.fits", "headers/dec_pol_freq_ra.fits",
    "headers/qualityimage.fits",
]  # fmt: skip


@pytest.mark.parametrize("name", REAL)
def test_real_cubes_lie_where_astropy_says(data_dir: Path, name: str):
    """Compare our cleaned header with astropy's own reading of the original one."""
    found = open_source(data_dir / name).meta
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        original = fits.Header.fromstring(found.header, sep="\n")
        if original.get("EQUINOX") == 0:
            del original["EQUINOX"]
        wcs = WCS(original).celestial
        frame = wcs_to_celestial_frame(wcs)
    _, nx, ny = found.shape
    x, y = np.array([0.0, nx - 1, 0.0, nx / 3]), np.array([0.0, 0.0, ny - 1, ny / 2])
    ours = sky_position(found, x, y, np.zeros(4))
    swapped = wcs.wcs.lng == 1
    sky = np.array(wcs.wcs_pix2world(*((y, x) if swapped else (x, y)), 0))[[1, 0] if swapped else [0, 1]]
    theirs = SkyCoord(*(sky * u.deg), frame=frame).icrs
    apart = SkyCoord(ours["ra"] * u.deg, ours["dec"] * u.deg).separation(theirs)
    assert apart.arcsec.max() < 1e-6
