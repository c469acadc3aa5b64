"""Preconditioning on the command line: options, files that repeat them, and what is refused."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest
from cli_calls import call, catalogues_in, complaint

USAGE, BAD_INPUT = 2, 3
WORDS = ("--region", "2,29,0,35,0,15", "--flag-region", "0,5,0,5,0,15,9,9,0,35,3,3", "--flag-radius", "2")


def test_options_settings_and_parameter_file_say_the_same(cube: Path, empty_folder: Path) -> None:
    Path("continuum.txt").write_text("9.99 -29.99\n")
    assert (
        call(
            "find", "--no-report", cube, "-q", "--out", "one", *WORDS, "--flag-catalog", "continuum.txt"
        ).exit_code
        == 0
    )
    settings = tomllib.loads(Path("one/run.toml").read_text())["find"]
    assert settings["region"] == [2, 29, 0, 35, 0, 15]
    assert settings["flag_catalog"] == str(empty_folder / "continuum.txt")
    assert call("find", "--no-report", cube, "-q", "--out", "two", "--config", "one/run.toml").exit_code == 0
    Path("sky.par").write_text(
        "input.region = 2, 29, 0, 35, 0, 15\nflag.region = 0,5,0,5,0,15, 9,9,0,35,3,3\n"
        "flag.catalog = continuum.txt\nflag.radius = 2\n"
    )
    result = call("find", "--no-report", cube, "--out", "three", "--sofia", "sky.par")
    assert result.exit_code == 0
    assert "not supported" not in result.stderr
    assert catalogues_in(Path("one")) == catalogues_in(Path("two")) == catalogues_in(Path("three"))
    assert len(catalogues_in(Path("one"))) == 3


def test_local_noise_and_a_cube_of_flags_come_from_options_and_from_files(
    cube: Path, empty_folder: Path
) -> None:
    from astropy.io import fits

    fits.writeto("flags.fits", np.eye(36, 30, dtype=np.float32))
    words = ("--scale-noise", "local", "--scale-noise-window-xy", "11", "--scale-noise-interpolate")
    result = call("find", "--no-report", cube, "-q", "--out", "one", *words, "--flag-cube", "flags.fits")
    assert result.exit_code == 0
    settings = tomllib.loads(Path("one/run.toml").read_text())["find"]
    assert (settings["scale_noise"], settings["scale_noise_window_z"]) == ("local", 15)
    assert settings["flag_cube"] == str(empty_folder / "flags.fits")
    Path("sky.par").write_text(
        "scaleNoise.enable = true\nscaleNoise.mode = local\nscaleNoise.windowXY = 11\n"
        "scaleNoise.interpolate = true\nflag.cube = flags.fits\n"
    )
    assert call("find", "--no-report", cube, "-q", "--out", "two", "--sofia", "sky.par").exit_code == 0
    assert call("find", "--no-report", cube, "-q", "--out", "three").exit_code == 0
    assert catalogues_in(Path("one")) == catalogues_in(Path("two")) != catalogues_in(Path("three"))
    Path("sky.par").write_text("scaleNoise.enable = true\nscaleNoise.mode = everywhere\n")
    said = complaint(call("find", cube, "--out", "four", "--sofia", "sky.par"), USAGE)
    assert "scaleNoise.mode" in said


def test_a_map_of_another_shape_is_refused(cube: Path, empty_folder: Path) -> None:
    from astropy.io import fits

    fits.writeto("small.fits", np.ones((30, 36), np.float32))
    for option in ("--gain", "--noise", "--weights"):
        said = complaint(call("find", cube, "--out", "run", option, "small.fits"), BAD_INPUT)
        assert said.startswith(
            "small.fits has 1 x 36 x 30 voxels (frequency x l x m) and cube.fits has 16 x 30 x 36."
        )
        assert said.endswith("or an image of 30 x 36 pixels for all channels.")


def test_off_takes_back_what_a_file_asks_for(cube: Path, empty_folder: Path) -> None:
    Path("sky.par").write_text(
        "input.region = 2, 9, 0, 9, 0, 9\nflag.region = 0,5,0,5,0,15\ninput.invert = true\n"
    )
    words = ("--region", "off", "--flag-region", "off", "--no-invert")
    assert (
        call("find", "--no-report", cube, "-q", "--out", "one", "--sofia", "sky.par", *words).exit_code == 0
    )
    assert call("find", "--no-report", cube, "-q", "--out", "two").exit_code == 0
    assert catalogues_in(Path("one")) == catalogues_in(Path("two"))


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--region", "0,9,0,9"), USAGE, "4 numbers were given and 6 are needed"),
        (("--region", "0,99,0,9,0,9"), USAGE, "reaches beyond"),
        (("--region", "9,0,0,9,0,9"), USAGE, "first <= last"),
        (("--flag-region", "0,9,0,9,0,9,1"), USAGE, "flag_region holds 7 numbers"),
        (("--flag-region", "99,99,0,9,0,9"), USAGE, "lies outside"),
        (("--flag-region", "a"), USAGE, "not a whole number"),
        (("--flag-catalog", "missing.txt"), BAD_INPUT, "There is no list of positions missing.txt"),
        (("--flag-catalog", "."), BAD_INPUT, "cannot be read"),
        (("--gain", "missing.fits"), BAD_INPUT, "There is no cube missing.fits"),
        (("--noise", "."), BAD_INPUT, "is a folder without zarr.json"),
        (("--flag-radius", "-1"), USAGE, "--flag-radius"),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_sentence(
    words: tuple[str, ...], code: int, said: str, cube: Path, empty_folder: Path
) -> None:
    for command in (("find", cube, "--out", "run"), ("plan", cube)):
        assert said in complaint(call(*command, *words), code)
    assert not Path("run").exists()


def test_the_plan_is_that_of_the_region(cube: Path) -> None:
    result = call("plan", cube, "--region", "2,21,0,29,0,9")
    assert result.exit_code == 0, result.output
    assert "10 x 20 x 30 voxels" in result.stdout


def test_the_plan_tells_what_is_read_in_addition(cube: Path) -> None:
    plain = call("plan", cube, "--tile", "8,20,20").stdout
    both = call("plan", cube, "--tile", "8,20,20", "--flag-auto", "true").stdout
    assert "through all voxels" not in plain
    assert "once through all voxels before the search" in both
    assert "once through those of the noise lattice" in both
