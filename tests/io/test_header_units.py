"""Units are understood however they are spelled, and never guessed where they are not."""

from __future__ import annotations

import pytest
from cubes import meta, said

from tessellar.io.units import degrees_per, spectral_unit, voxel_unit


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("JY/BEAM", "Jy / beam"), ("Jy/beam", "Jy / beam"), ("Jy/Beam", "Jy / beam"),
        ("beam-1 Jy", "Jy / beam"),
        ("mJy/beam", "mJy / beam"), ("MJY/BEAM", "mJy / beam"), ("mjy/beam", "mJy / beam"),
        ("MJY/SR", "MJy / sr"),
        ("MJy/sr", "MJy / sr"), ("uJy/bm", "uJy / beam"), ("Jy beam-1", "Jy / beam"),
        ("Jy.beam**-1", "Jy / beam"),
        ("K", "K"), ("K(Tmb)", "K"), ("K (Ta*)", "K"), ("KELVIN", "K"), ("mK", "mK"),
        ("JY/PIXEL", "Jy / pix"),
        ("Jy", "Jy"), ("", ""), ("W.U.", ""), ("GAIN", ""), ("unknown", ""),
        ("counts per something", ""), ("(", ""), ("1e400", ""),
    ],
)  # fmt: skip
def test_voxel_units(text, unit):
    assert voxel_unit(text) == unit


def test_a_hopeless_unit_is_said():
    assert said(meta(BUNIT="W.U."), "W.U.", "no unit")
    assert said(meta(BUNIT=None), "No BUNIT")


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Hz", (1.0, "Hz")), ("HZ", (1.0, "Hz")), ("GHZ", (1e9, "Hz")), ("MHz", (1e6, "Hz")),
        ("km/s", (1e3, "m/s")),
        ("KM S-1", (1e3, "m/s")), ("m s-1", (1.0, "m/s")), ("M/S", (1.0, "m/s")), ("Angstrom", (1e-10, "m")),
        ("", None), ("furlong", None),
    ],
)  # fmt: skip
def test_spectral_units(text, answer):
    assert spectral_unit(text) == answer


@pytest.mark.parametrize(
    ("text", "answer"), [("DEGREE", 1.0), ("deg", 1.0), ("ARCSEC", 1 / 3600), ("pix", None)]
)
def test_angular_units(text, answer):
    assert degrees_per(text) == answer
