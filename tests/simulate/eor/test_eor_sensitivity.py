"""Noise by channel: that of SKA-Low by the radiometer equation, or that of a file in units of its own."""

from __future__ import annotations

import os
from dataclasses import replace
from math import sqrt
from pathlib import Path

import numpy as np
import pytest

from tessellar.engine.power.kelvin import kelvin_per_unit
from tessellar.errors import InputError, UsageError
from tessellar.model import GAUSSIAN_AREA, Beam
from tessellar.simulate.eor.sensitivity import (
    STATION_HZ,
    STATION_M2_PER_K,
    between,
    image_noise,
    noise_of_half,
    station_flux,
)
from tessellar.simulate.eor.sky import EorSky
from tessellar.tiling.box import Box

CHALLENGE = Path(os.environ.get("TESSELLAR_DATA", "../shared/data")) / "sdc3a"
BEAM = {"beam_arcsec": 600.0, "chromatic": True}
ECSV = """# %ECSV 1.0
# ---
# datatype:
# - {{name: rms, unit: {unit}, datatype: float64}}
# - {{name: frequency, unit: GHz, datatype: float64}}
rms frequency
{rows}
"""


def test_the_noise_of_a_voxel_is_that_of_the_radiometer_equation() -> None:
    """The whole array has 512 times the area: 573 m²/K at 150 MHz, and 4.8 Jy of system noise."""
    array = 512 * 1.119
    expected = 2 * 1380.649 / array / sqrt(2 * 1e5 * 1000 * 3600)
    assert np.isclose(image_noise(150e6, 1e5, 1000), expected, rtol=2e-3)  # 512 x 511 pairs are not 512²
    assert np.isclose(image_noise(150e6, 4e5, 250), image_noise(150e6, 1e5, 1000))
    assert np.isclose(image_noise(150e6, 1e5, 10), 10 * image_noise(150e6, 1e5, 1000))


@pytest.mark.skipif(not CHALLENGE.is_dir(), reason="the tables of SKA Data Challenge 3a are not here")
def test_stations_are_those_of_the_challenge() -> None:
    hertz, jansky = (
        np.loadtxt(CHALLENGE / f"{name}_100khz.txt") for name in ("noise_frequencies", "rms_req")
    )
    for frequency in STATION_HZ:
        asked = jansky[np.abs(hertz - frequency).argmin()]
        assert np.isclose(station_flux(frequency), asked, rtol=6e-4)  # k is 1.38e-23 there


def test_between_channels_of_the_table_it_goes_straight() -> None:
    assert len(STATION_HZ) == len(STATION_M2_PER_K) == 31
    assert np.isclose(2761.298 / station_flux(155e6), (1.119 + 1.159) / 2, rtol=1e-6)
    assert station_flux(50e6) > 10 * station_flux(150e6)
    assert between((2.0,), (7.0,), 2.0) == 7.0
    assert [between((0.0, 1.0, 3.0), (0.0, 4.0, 0.0), x) for x in (0, 0.5, 1, 2, 3)] == [0, 2, 4, 2, 0]


@pytest.mark.parametrize("beam", [{}, BEAM])
def test_the_sky_has_it_in_kelvin_of_its_beam_or_pixel(beam: dict) -> None:
    sky = EorSky((3, 150, 150), 1, "noise", noise="ska-low", hours=100, channel_hz=5e6, **beam)
    found = sky.read(Box.of_shape(sky.shape)).std(axis=(1, 2), dtype=float)
    jansky = [image_noise(sky.frequency(z), 5e6, 100) for z in range(3)]
    width = sky.pixel_arcsec / 3600 / sqrt(GAUSSIAN_AREA)  # of a beam as large as a pixel
    per_beam = replace(sky.meta, unit="Jy/beam", beams=sky.meta.beams or (Beam(width, width, 0),))
    assert np.allclose(found, jansky * kelvin_per_unit(per_beam), rtol=4 / sqrt(2 * 150**2))


def test_any_part_of_it_has_the_same_bits() -> None:
    sky = EorSky((9, 12, 11), 1, noise="ska-low", **BEAM)
    whole = sky.read(Box.of_shape(sky.shape))
    box = Box((4, 3, 2), (7, 9, 11))
    assert sky.read(box).tobytes() == whole[box.slices()].tobytes()


def test_a_table_is_text_or_ecsv_in_any_unit(tmp_path: Path) -> None:
    path = tmp_path / "noise.txt"
    skies = []
    for content in (
        "# MHz mK\n100 4\n200 2\n",
        "200,2\n100,4\n",
        ECSV.format(unit="uK", rows="4000 0.1\n2000 0.2"),
    ):
        path.write_text(content)
        sky = EorSky((3, 4, 4), noise_table=str(path), first_frequency_hz=120e6, channel_hz=30e6)
        skies.append(sky.identity)
        assert np.allclose(noise_of_half(sky, 0, 3), sqrt(2) * np.array([3.6e-3, 3e-3, 2.4e-3]))
    assert len(set(skies)) == 3  # a run on another file is another run
    assert str(path) in sky.address


def test_a_table_in_jansky_needs_a_beam(tmp_path: Path) -> None:
    path = tmp_path / "noise.ecsv"
    path.write_text(ECSV.format(unit="mJy / beam", rows="5 0.1\n5 0.2"))
    sky = EorSky((3, 4, 4), noise_table=str(path), **BEAM)
    kelvin = kelvin_per_unit(replace(sky.meta, unit="Jy/beam"))
    assert np.allclose(noise_of_half(sky, 0, 3), sqrt(2) * 5e-3 * kelvin)
    with pytest.raises(UsageError, match="Jy/beam, and there is no beam: give a beam_arcsec"):
        EorSky((3, 4, 4), noise_table=str(path))


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("", "no numbers"),
        ("# nothing\n", "no numbers"),
        ("100\n200\n", "column"),
        ("100 loud\n", "loud"),
        ("100 1\n100 2\n", "different from each other"),
        ("-100 1\n200 2\n", "positive"),
        ("100 1\n200 nan\n", "zero or more"),
        ("100 1\n200 -1\n", "zero or more"),
        (ECSV.replace("frequency", "nu").format(unit="K", rows="1 0.1"), "no column frequency"),
        (ECSV.format(unit="s", rows="1 0.1"), "not convertible"),
        (ECSV.format(unit="K", rows='1 0.1\n"" 0.2'), "zero or more"),
        ("# %ECSV 1.0\n# ---\n# dat", "no table"),
        ("\x00\x01", "no table"),
    ],
)
def test_a_bad_table_is_refused_in_a_sentence(content: str, word: str, tmp_path: Path) -> None:
    path = tmp_path / "noise.txt"
    path.write_text(content)
    with pytest.raises(InputError, match=f"is no table of noise.*{word}|{word}.*needed are two columns"):
        EorSky((4, 8, 8), noise_table=str(path))


def test_channels_beyond_the_table_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "noise.txt"
    path.write_text("151 1\n151.2 2\n")
    assert EorSky((3, 8, 8), noise_table=str(path)).identity
    with pytest.raises(UsageError, match=r"from 151 to 151\.3 MHz and .* goes from 151 to 151\.2 MHz"):
        EorSky((4, 8, 8), noise_table=str(path))
