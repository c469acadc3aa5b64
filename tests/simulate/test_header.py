"""A made-up cube says of itself what it says when it was written and read again, to the bit."""

from __future__ import annotations

from pathlib import Path

import pytest

import tessellar as ts


@pytest.mark.parametrize(
    "address",
    [
        "procedural://hi?shape=4,8,9&pixel_arcsec=2.8",
        "procedural://hi?shape=1,8,9",
        "procedural://sdc2?shape=4,8,9",
        "procedural://eor?shape=4,8,9&pixel_arcsec=16",
        "procedural://eor?shape=4,8,9&pixel_arcsec=17&chromatic=false",
    ],
)
def test_what_it_says_survives_in_a_fits_file(address: str, tmp_path: Path) -> None:
    made = ts.open_cube(address).meta
    read = ts.open_cube(ts.convert(address, tmp_path / "cube.fits", executor="serial")).meta
    for name in ("shape", "unit", "spectral", "beams", "pixel_size"):
        assert getattr(read, name) == getattr(made, name), name
    cards = [sorted(meta.wcs_header.split("\n")) for meta in (read, made)]
    assert cards[0] == cards[1]
