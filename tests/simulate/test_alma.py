"""Fields of ALMA: the galaxies of a HiSky behind a primary beam, in any box the same bits, with their truth."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from click.testing import CliRunner

import tessellar as ts
from tessellar.api import simulate
from tessellar.cli.program import program
from tessellar.errors import UsageError
from tessellar.simulate.alma import AlmaSky
from tessellar.simulate.discs import draw
from tessellar.simulate.hi import HiSky
from tessellar.simulate.truth import truth_table
from tessellar.tiling.box import Box

SHAPE = (40, 72, 64)


def test_any_box_has_the_voxels_of_the_whole() -> None:
    sky = AlmaSky(SHAPE, seed=3, n_sources=8)
    whole = sky.read(Box.of_shape(SHAPE))
    for box in (Box((3, 5, 7), (20, 60, 61)), Box((39, 71, 63), SHAPE), Box((0, 0, 0), (40, 1, 64))):
        np.testing.assert_array_equal(sky.read(box), whole[box.slices()])


def test_galaxies_fade_behind_the_primary_beam() -> None:
    sky = AlmaSky(SHAPE, seed=3, n_sources=8, dish_m=40.0)
    wavelength = 299_792_458.0 / 229.9e9
    half = 0.5 * math.degrees(1.13 * wavelength / 40.0) * 3600 / sky.pixel_arcsec  # pixels
    for number in range(8):
        whole, seen = draw(sky.population[number], sky.sampling), sky.cubelet(number)
        bright = whole.voxels > 1e-3 * whole.voxels.max()
        x, y = (np.arange(whole.box.start[n], whole.box.stop[n]) for n in (1, 2))
        away = np.hypot(*np.meshgrid(x - 35.5, y - 31.5, indexing="ij"))
        expected = np.broadcast_to(0.5 ** ((away / half) ** 2), bright.shape)
        np.testing.assert_allclose(seen.voxels[bright] / whole.voxels[bright], expected[bright], rtol=0.02)


def test_without_a_primary_beam_to_speak_of_it_is_the_sky_of_hi() -> None:
    alma = AlmaSky(SHAPE, seed=3, n_sources=5, dish_m=1e-6)
    hi = HiSky(
        SHAPE,
        seed=3,
        n_sources=5,
        rms_jy=alma.rms_jy,
        beam_arcsec=alma.beam_arcsec,
        pixel_arcsec=alma.pixel_arcsec,
        channel_hz=alma.channel_hz,
        first_frequency_hz=alma.first_frequency_hz,
    )
    assert len(alma.population) == len(hi.population)
    np.testing.assert_array_equal(alma.population.flux, hi.population.flux)
    beams = alma.population.scale_length / alma.sampling.beam_pixels
    usual = HiSky(SHAPE, seed=3, n_sources=5)
    np.testing.assert_allclose(beams, usual.population.scale_length / usual.sampling.beam_pixels)
    sizes = alma.cubelet(0).voxels
    np.testing.assert_allclose(sizes.sum(), draw(alma.population[0], alma.sampling).voxels.sum(), rtol=1e-6)


def test_its_truth_is_that_of_what_is_seen(tmp_path: Path) -> None:
    sky = AlmaSky(SHAPE, seed=3, n_sources=8)
    truth = truth_table(sky)
    area = sky.meta.beam_areas()
    assert area is not None
    for row in truth:
        inside = sky.cubelet(int(row["id"])).box & Box.of_shape(SHAPE)
        voxels = sky.cubelet(int(row["id"])).voxels[
            inside.relative_to(sky.cubelet(int(row["id"])).box.start).slices()
        ]
        assert row["f_sum"].to_value("Jy Hz") == pytest.approx(
            voxels.sum() / area[0] * sky.channel_hz, rel=1e-4
        )
    assert (truth["pb"] > 0).all()
    assert (truth["pb"] <= 1).all()
    assert truth.meta["rest_frequency_hz"] == sky.rest_frequency_hz
    speed = 299_792.458 * sky.rest_frequency_hz * truth["w20_freq"].value / truth["freq"].value ** 2
    np.testing.assert_allclose(truth["w20"].value, speed)
    assert "pb" not in truth_table(HiSky(SHAPE, n_sources=2)).colnames


def test_the_cube_that_is_written_says_the_same(tmp_path: Path) -> None:
    sky = AlmaSky(SHAPE, seed=3, n_sources=8)
    simulate(sky, tmp_path / "sky.fits")
    found = ts.open_cube(tmp_path / "sky.fits")
    assert fits.getheader(tmp_path / "sky.fits")["RESTFRQ"] == 230.538e9
    assert found.meta.spectral == sky.meta.spectral
    assert found.meta.beams == sky.meta.beams
    np.testing.assert_array_equal(found.read(Box.of_shape(SHAPE)), sky.read(Box.of_shape(SHAPE)))


def test_its_galaxies_are_found(tmp_path: Path) -> None:
    truth = simulate(
        AlmaSky((64, 160, 160), seed=1, n_sources=3, flux_range=(100.0, 300.0)), tmp_path / "sky.zarr"
    )
    run = ts.find_sources(
        tmp_path / "sky.zarr", ts.SmoothAndClip(threshold=5), out=tmp_path / "run", products=None
    )
    agreement = ts.match(run, tmp_path / "sky.truth.ecsv")
    assert (agreement.n_matched, agreement.n_catalogue, len(truth)) == (3, 3, 3)
    assert agreement.flux_ratio is not None
    assert agreement.flux_ratio.median == pytest.approx(1.0, abs=0.25)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dish_m": 0.0}, "dish_m is 0.0"),
        ({"rest_frequency_hz": -1.0}, "rest_frequency_hz is -1.0"),
        ({"rest_frequency_hz": 115.271e9}, "far above the line at rest"),
        ({"beam_arcsec": 0.1}, "needs pixels of 0.05 arcsec or less"),
    ],
)
def test_what_cannot_be_made_is_told(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        AlmaSky(SHAPE, **changes)


def test_the_command(tmp_path: Path) -> None:
    words = [
        "simulate",
        "alma",
        str(tmp_path / "a.fits"),
        "--shape",
        "16,40,40",
        "--seed",
        "2",
        "--n-sources",
        "3",
    ]
    done = CliRunner().invoke(program, words)
    assert done.exit_code == 0, done.output
    assert "holds 3 galaxies; their truth is in" in done.stdout
    cube = ts.open_cube(tmp_path / "a.fits")
    expected = AlmaSky((16, 40, 40), seed=2, n_sources=3).read(Box.of_shape((16, 40, 40)))
    np.testing.assert_array_equal(cube.read(Box.of_shape((16, 40, 40))), expected)
