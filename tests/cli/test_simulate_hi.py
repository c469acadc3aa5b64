"""``tessellar simulate hi``: each population has its options, and what does not fit is refused."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
from cli_calls import call, complaint

import tessellar
from tessellar.simulate.hi import HiSky
from tessellar.simulate.sdc2.sky import SETTINGS, Sdc2Sky
from tessellar.tiling.box import Box


def test_a_field_like_the_challenges_is_written_with_two_truths(empty_folder: Path) -> None:
    words = ("--population", "mass-function", "--shape", "24,40,40", "--density", "90", "--satellites", "1")
    result = call("simulate", "hi", "sky.zarr", *words, "--seed", "4")
    assert result.exit_code == 0, result.output
    names = {entry.name for entry in empty_folder.iterdir()}
    assert names == {"sky.zarr", "sky.truth.ecsv", "sky.truth.txt"}
    sky, box = Sdc2Sky((24, 40, 40), 4, density=90.0, satellites=1.0), Box((0, 0, 0), (24, 40, 40))
    assert tessellar.open_cube("sky.zarr").read(box).tobytes() == sky.read(box).tobytes()
    assert f"{len(sky.galaxies)} galaxies" in result.stdout


def test_every_setting_of_both_skies_is_an_option() -> None:
    from tessellar.cli.simulate_hi import _EVERYWHERE, _LOG_UNIFORM, _OF_GALAXIES, hi

    names = {parameter.name for parameter in hi.params}
    assert {field.name for field in fields(HiSky)} == {*_EVERYWHERE, *_LOG_UNIFORM}
    assert set(SETTINGS) == {*_EVERYWHERE, *_OF_GALAXIES, "population"}
    assert {*_EVERYWHERE, *_LOG_UNIFORM, *_OF_GALAXIES, "population"} <= names


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--population", "dust"], "log-uniform or mass-function or sdc2"),
        (["--population", "sdc2", "--n-sources", "4"], "--n-sources does not go with --population sdc2"),
        (["--satellites", "1", "--noise", "measured"], "--satellites, --noise does not go with"),
        (["--population", "mass-function", "--edge-noise", "0.5"], "0.5"),
    ],
)
def test_what_does_not_fit_is_refused(words: list[str], expected: str, empty_folder: Path) -> None:
    assert expected in complaint(call("simulate", "hi", "sky.zarr", *words), code=2)
    assert not list(empty_folder.iterdir())
