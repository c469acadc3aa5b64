"""``tessellar simulate eor``: the cube, its truth, and its parts by their addresses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.table import QTable
from cli_calls import call, complaint

import tessellar
from tessellar.simulate.eor.settings import PARTS
from tessellar.simulate.eor.sky import EorSky
from tessellar.simulate.eor.truth import eor_truth
from tessellar.tiling.box import Box

SHAPE = (20, 30, 26)
WORDS = (
    *("--shape", "20,30,26", "--seed", "3", "--half", "2", "--beam-arcsec", "500", "--chromatic"),
    *("--rfi-fraction", "0.1", "--points-jy", "1e-3,1"),
)
SKY = EorSky(SHAPE, 3, half=2, beam_arcsec=500, chromatic=True, rfi_fraction=0.1, points_jy=(1e-3, 1))


@pytest.mark.parametrize("name", ["sky.zarr", "sky.fits"])
def test_it_writes_the_cube_and_its_truth(name: str, empty_folder: Path) -> None:
    result = call("simulate", "eor", name, *WORDS)
    assert result.exit_code == 0, result.output
    assert f"{name} holds a low-frequency sky (all)" in result.stdout
    assert "sky.truth.ecsv" in result.stdout
    assert {entry.name for entry in empty_folder.iterdir()} == {name, "sky.truth.ecsv"}
    written, box = tessellar.open_cube(name), Box.of_shape(SHAPE)
    assert written.read(box).tobytes() == SKY.read(box).tobytes()
    assert written.meta.unit == "K"
    assert written.meta.spectral == SKY.meta.spectral
    assert np.allclose([b.major for b in written.meta.beams], [b.major for b in SKY.meta.beams], rtol=1e-6)
    truth = QTable.read(empty_folder / "sky.truth.ecsv", format="ascii.ecsv")
    assert np.array_equal(truth["power"], eor_truth(SKY)["power"], equal_nan=True)
    signal = tessellar.open_cube(truth.meta["parts"]["signal"])
    assert signal.read(box).tobytes() == SKY.only("signal").read(box).tobytes()


def test_every_option_is_a_setting_with_the_same_default() -> None:
    from tessellar.cli.simulate_eor import _PARTS, _SETTINGS, eor

    names = {parameter.name for parameter in eor.params}
    settings = EorSky().settings()
    assert set(settings) <= names
    assert set(PARTS) == set(_PARTS)
    for name, _, default, *_ in _SETTINGS:
        value = settings[name.removeprefix("--").replace("-", "_")]
        assert (tuple(map(float, default.split(","))) if isinstance(value, tuple) else default) == value


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--part", "dust"], "dust"),
        (["--half", "3"], "half is 3"),
        (["--sidelobe", "0.1"], "give a beam_arcsec"),
        (["--beam-arcsec", "10", "--points-per-deg2", "1e6"], "points in a pixel"),
        (["--rfi-fraction", "2"], "--rfi-fraction"),
        (["--shape", "1,1"], "3 are needed"),
        (["--noise", "lofar"], "'lofar' is not known. Choose ska-low"),
        (["--noise", "ska-low", "--noise-mk", "3"], "leave them out"),
        (["--hours", "10"], "hours count for noise=ska-low alone"),
        (["--noise", "ska-low", "--first-frequency-hz", "340e6"], "SKA-Low is known from 50 to 350 MHz"),
    ],
)
def test_what_cannot_be_simulated_is_refused(words: list[str], expected: str, empty_folder: Path) -> None:
    assert expected in complaint(call("simulate", "eor", "sky.fits", *words), 2)
    assert list(empty_folder.iterdir()) == []


def test_noise_by_frequency_comes_from_ska_low_or_from_a_file(empty_folder: Path) -> None:
    small = ("--shape", "4,9,9", "--part", "noise", "-q")
    assert call("simulate", "eor", "ska.zarr", *small, "--noise", "ska-low", "--hours", "50").exit_code == 0
    Path("noise table.txt").write_text("100 1\n200 3\n")
    assert call("simulate", "eor", "own.zarr", *small, "--noise-table", "noise table.txt").exit_code == 0
    (table,) = empty_folder.glob("*.txt")
    box = Box.of_shape((4, 9, 9))
    for name, settings in (("ska", {"noise": "ska-low", "hours": 50}), ("own", {"noise_table": str(table)})):
        sky = EorSky(box.shape, part="noise", **settings)
        assert tessellar.open_cube(f"{name}.zarr").read(box).tobytes() == sky.read(box).tobytes()
        assert tessellar.open_cube(sky.address) == sky
    for words in (["--noise-table", "nowhere.txt"], ["--noise-table", "."]):
        assert "is no table of noise" in complaint(call("simulate", "eor", "sky.fits", *words), 3)


def test_missing_maps_are_one_sentence(empty_folder: Path) -> None:
    result = call("simulate", "eor", "sky.fits", "--gsm", "nowhere", "--shape", "4,8,8")
    assert result.exit_code in (2, 3)
    assert "Traceback" not in result.output
    assert list(empty_folder.iterdir()) == []


def test_every_command_takes_its_address(empty_folder: Path) -> None:
    huge = "procedural://eor?shape=901,2048,2048&pixel_arcsec=16&first_frequency_hz=1.06e8"
    result = call("plan", huge, "--memory", "4GiB", "--workers", "1")
    assert result.exit_code == 0, result.output
    small = "procedural://eor?shape=8,16,16&part=noise"
    assert call("info", small).exit_code == 0
    assert call("convert", small, "noise.zarr", "-q").exit_code == 0
    box = Box.of_shape((8, 16, 16))
    assert (
        tessellar.open_cube("noise.zarr").read(box).tobytes()
        == tessellar.open_cube(small).read(box).tobytes()
    )
    assert (empty_folder / "noise.zarr").exists()
