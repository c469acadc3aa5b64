"""The spectral axis is exact channel by channel, in every convention that telescopes have used."""

from __future__ import annotations

import numpy as np
import pytest
from cubes import meta, said

from tessellar.model import CubeMeta

C = 299792458.0


def velocity(ctype="VRAD", value=1000.0, step=20.0, unit=None, **cards) -> CubeMeta:
    return meta(CTYPE3=ctype, CRVAL3=value, CDELT3=step, CUNIT3=unit, **cards)


@pytest.mark.parametrize(
    ("ctype", "cards", "kind", "frame"),
    [
        ("VRAD", {}, "v_rad", "BARYCENT"),
        ("VOPT", {}, "v_opt", "BARYCENT"),
        ("VELO-LSR", {"SPECSYS": None}, "v_app", "LSRK"),
        ("VELO-HEL", {"SPECSYS": None}, "v_app", "BARYCENT"),
        ("VELO", {"VELREF": 257, "SPECSYS": None}, "v_rad", "LSRK"),
        ("VELO", {"VELREF": 2, "SPECSYS": None}, "v_opt", "BARYCENT"),
        ("VELO-OBS", {"SPECSYS": "LSRK"}, "v_app", "LSRK"),
        ("velocity", {"SPECSYS": None}, "v_app", ""),
    ],
)
def test_velocity_axes(ctype, cards, kind, frame):
    found = velocity(ctype, 1000.0, 20.0, "km/s", **cards)
    assert found.spectral.values == (1e6, 1.02e6, 1.04e6, 1.06e6)
    assert (found.spectral.kind, found.spectral.unit, found.spectral.frame) == (kind, "m/s", frame)
    assert found.wcs_header
    assert said(found, "VELREF") == (kind == "v_app")


@pytest.mark.parametrize(("step", "factor"), [(4.2, 1e3), (-20.0, 1e3), (70.0, 1.0), (20000.0, 1.0)])
def test_velocities_without_a_unit_are_judged_by_the_channel_width(step, factor):
    found = velocity(value=5.0, step=step)
    assert np.diff(found.spectral.values) == pytest.approx(step * factor)
    assert said(found, "No CUNIT3", "km/s" if factor == 1e3 else "m/s")


@pytest.mark.parametrize("ctype", ["FELO-LSR", "VOPT-F2W"])
def test_optical_velocities_on_a_frequency_grid_are_not_evenly_spaced(ctype):
    rest = 1.4204e9
    found = velocity(ctype, 2.0e6, -5.0e4, "m/s", CRPIX3=2.0, RESTFRQ=rest)
    reference = rest / (1 + 2.0e6 / C)
    step = 5.0e4 * reference**2 / (C * rest)
    frequencies = reference + step * np.array([-1, 0, 1, 2])
    assert found.spectral.values == pytest.approx(C * (rest / frequencies - 1), rel=1e-12)
    assert found.spectral.kind == "v_opt"
    assert np.ptp(np.diff(found.spectral.values)) > 1
    without = velocity(ctype, 2.0e6, -5.0e4, "m/s", CRPIX3=2.0, RESTFRQ=None)
    assert without.spectral.values == pytest.approx(found.spectral.values, rel=1e-12)
    assert "RESTFRQ" in found.wcs_header
    assert "RESTFRQ" not in without.wcs_header
    assert without.wcs_header


def test_an_algorithm_that_cannot_be_computed_is_said():
    found = velocity("VRAD-LOG", 0.0, 1.0, "m/s")
    assert said(found, "VRAD-LOG", "equally wide")
    assert found.spectral.values == (0.0, 1.0, 2.0, 3.0)


def test_wavelengths_become_frequencies():
    found = meta(CTYPE3="WAVE", CRVAL3=21.0, CDELT3=0.5, CUNIT3="cm")
    assert found.spectral.values == pytest.approx(C / np.array([0.21, 0.215, 0.22, 0.225]), rel=1e-12)
    assert (found.spectral.kind, found.spectral.unit) == ("freq", "Hz")
    assert said(found, "wavelengths")


def test_a_wavelength_of_zero_is_no_frequency():
    found = meta(CTYPE3="WAVE", CRVAL3=0.0, CDELT3=0.5, CUNIT3="cm")
    assert found.spectral.kind == "channel"
    assert said(found, "no finite values")


def test_frequencies_in_gigahertz_by_gipsy():
    found = meta(CTYPE3="FREQ-OHEL", CRVAL3=1.4, CDELT3=1e-4, CUNIT3="GHZ", SPECSYS=None)
    assert found.spectral.values == pytest.approx((1.4e9, 1.4001e9, 1.4002e9, 1.4003e9), rel=1e-14)
    assert found.spectral.frame == "TOPOCENT"
    assert said(found, "GIPSY")


@pytest.mark.parametrize(
    ("cards", "rest"),
    [
        ({"RESTFRQ": None, "RESTFREQ": 1.1e11}, 1.1e11),
        ({"RESTFRQ": None, "FREQ0": 1.2e9}, 1.2e9),
        ({"RESTFRQ": 1420.4}, None),
        ({"RESTFRQ": 0.0}, None),
        ({"RESTFRQ": "1.42E9"}, 1.42e9),
    ],
)
def test_rest_frequencies(cards, rest):
    found = meta(**cards)
    assert found.spectral.rest_frequency == rest
    assert said(found, "No rest frequency") == (rest is None)
    assert said(found, "FREQ0") == ("FREQ0" in cards)


@pytest.mark.parametrize("cards", [{"CTYPE3": "AWAV"}, {"CTYPE3": None}, {"CDELT3": 0.0}, {"CRVAL3": None}])
def test_an_axis_that_says_too_little_is_numbered(cards):
    found = meta(**cards)
    assert (found.spectral.kind, found.spectral.unit) == ("channel", "")
    assert found.spectral.values == (0.0, 1.0, 2.0, 3.0)
    assert said(found, "channels are numbered")
    assert found.wcs_header
