"""Wrong options, on the command line and in a TOML file: one sentence that names the option, exit code 2."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_calls import call, catalogues_in, complaint, run

from tessellar.cli.find import command as FIND  # noqa: N812
from tessellar.cli.finder_options import NOT_IN_FILES
from tessellar.cli.program import COMMANDS

USAGE = 2
WRONG = {
    "--finder": ["yolo", ""],
    "--network": [""],
    "--precision": ["int8", ""],
    "--probability": ["1.5", "x", ""],
    "--threshold": ["0", "-5", "five", "nan", "inf", "1e999", ""],
    "--kernels-xy": ["", "0,a", "-3", "0,,3", "200", "0;3"],
    "--kernels-z": ["3.5", "-1", "0,3,x", "2000"],
    "--replacement": ["-1", "two", "6"],
    "--linker-radius-xy": ["0", "1.5", "x", "10000"],
    "--linker-radius-z": ["0", "-1"],
    "--linker-min-size-xy": ["-1", "5.5"],
    "--linker-min-size-z": ["-1", "many"],
    "--linker-min-pixels": ["0", "x"],
    "--linker-shape": ["sphere"],
    "--linker-max-size-xy": ["-1", "x"],
    "--linker-max-size-z": ["-1", "2.5"],
    "--linker-max-pixels": ["-1", "all"],
    "--linker-min-fill": ["-0.1", "1.1", "x"],
    "--linker-max-fill": ["-0.1", "2", "nan"],
    "--deblend-contrast": ["-0.1", "1.5", "x"],
    "--deblend-prominence": ["0", "-1", "high"],
    "--deblend-channels": ["0", "1.5", "off"],
    "--dilation-iterations-xy": ["-1", "21", "1.5"],
    "--dilation-iterations-z": ["-1", "21", "x"],
    "--dilation-threshold": ["inf", "x"],
    "--reliability": ["1.1", "on", "-0.1", "nan"],
    "--reliability-scale-kernel": ["0", "wide"],
    "--reliability-min-snr": ["-1", "x"],
    "--second-look": [""],
    "--cubelets": ["-1", "some", "1.5"],
    "--cubelet-margin": ["-1", "wide"],
    "--region": ["0,9,0,9,0", "0,9,0,9,0,x", "0,99,0,9,0,9", ""],
    "--flag-region": ["x", "0.5,1,0,1,0,1", ""],
    "--flag-catalog": [""],
    "--flag-radius": ["-1", "1.5"],
    "--flag-auto": ["yes", ""],
    "--contsub-order": ["2", "-2", "x"],
    "--contsub-threshold": ["0", "x"],
    "--contsub-shift": ["0", "1.5"],
    "--contsub-padding": ["-1"],
    "--ripple-filter": ["mode", ""],
    "--ripple-window-xy": ["0", "999"],
    "--ripple-window-z": ["0", "x"],
    "--ripple-grid-xy": ["-1"],
    "--ripple-grid-z": ["1.5"],
    "--scale-noise": ["spectral", ""],
    "--scale-noise-window-xy": ["0", "999"],
    "--scale-noise-window-z": ["0", "x"],
    "--scale-noise-grid-xy": ["-1"],
    "--scale-noise-grid-z": ["1.5"],
    "--flag-cube": [""],
    "--gain": [""],
    "--noise": [""],
    "--weights": [""],
    "--flag-threshold": ["0", "x"],
    "--executor": ["slurm", ""],
    "--address": ["tcp://127.0.0.1:8786"],
    "--workers": ["0", "-2", "two"],
    "--device": ["cuda:", "gpu"],
    "--tile": ["0,1,1", "1,1", "1,1,1,1", "a,b,c", "-1,5,5", "10", "1.5,2,2"],
    "--memory": ["4 apples", "-1GiB", "0", "9" * 400, "1MiB"],
}
CASES = [(option, value) for option, values in WRONG.items() for value in values]


@pytest.mark.parametrize(("option", "value"), CASES)
def test_a_wrong_value_is_refused_by_find_and_plan(
    option: str, value: str, cube: Path, empty_folder: Path
) -> None:
    del empty_folder
    sentence = complaint(call("find", cube, "--out", "run", option, value), USAGE)
    assert option.removeprefix("--") in sentence
    assert not Path("run").exists()
    complaint(call("plan", cube, option, value), USAGE)


def test_every_option_of_the_finder_has_wrong_values_here() -> None:
    command = FIND
    flags = {param.opts[-1] for param in command.params if param.name not in NOT_IN_FILES | {"cube"}}
    switches = {
        "--mask",
        "--report",
        "--maps",
        "--invert",
        "--ripple-interpolate",
        "--scale-noise-interpolate",
        "--cubelet-packs",
        "--keep-negative",
        "--dilation",
        "--deblend",
    }
    assert flags - switches == set(WRONG)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["find"], "CUBE"),
        (["find", "x.fits"], "--out"),
        (["find", "x.fits", "--out", "run", "--treshold", "4"], "--threshold"),
        (["find", "x.fits", "--out", "run", "--sofia", "x.par"], "SoFiA"),
        (["find", "x.fits", "--out"], "--out"),
        (["denoise", "run"], "OUT"),
        (["export", "run"], "OUT"),
        (["export", "run", "out"], "--format"),
        (["simulate", "dust", "x.fits"], "dust"),
        (["convert", "x.fits"], "OUT"),
        (["match", "a"], "B"),
        (["score", "sdc4", "a", "b"], "sdc4"),
        (["score", "sdc3a", "a"], "TRUTH"),
        (["score", "sdc2", "a"], "TRUTH"),
        (["score", "sdc2", "a", "b", "--beam-arcsec", "0"], "--beam-arcsec"),
        (["kernels", "clean"], "smooth-and-clip"),
    ],
)
def test_usage_errors_say_what_is_missing(words: list[str], expected: str) -> None:
    assert expected in complaint(call(*words), USAGE)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "[find]\ntreshold = 4\nexecuter = 'serial'\n",
            ["'treshold'", "threshold", "'executer'", "executor"],
        ),
        ("[find]\nthreshold = 'high'\n", ["threshold", "'high'"]),
        ("[find]\nthreshold = '5'\n", ["threshold", "'5'"]),
        ("[find]\nthreshold = true\n", ["threshold", "True"]),
        ("[find]\nthreshold = [5]\n", ["threshold"]),
        ("[find]\nthreshold = nan\n", ["threshold"]),
        ("[find]\nkernels_xy = 3\n", ["kernels_xy"]),
        ("[find]\nkernels_xy = '0,3'\n", ["kernels_xy"]),
        ("[find]\nkernels_z = [0, 3.5]\n", ["kernels_z", "3.5"]),
        ("[find]\nkernels_z = []\n", ["kernels_z"]),
        ("[find]\nlinker_radius_xy = 1.0\n", ["linker_radius_xy"]),
        ("[find]\nlinker_shape = 3\n", ["linker_shape"]),
        ("[find]\nreliability = 9\n", ["reliability"]),
        ("[find]\nreliability = false\n", ["reliability"]),
        ("[find]\nexecutor = 1\n", ["executor"]),
        ("[find]\ntile = [10, 10]\n", ["tile"]),
        ("[find]\ntile = 10\n", ["tile"]),
        ("[find]\nmemory = true\n", ["memory"]),
        ("[find]\nworkers = 1e1\n", ["workers"]),
        ("[find]\ncube = 3\n", ["cube"]),
        ("[find]\nfinder = {name = 'x'}\n", ["finder"]),
        ("[find\n", ["not valid TOML"]),
        ("find = 3\n", ["[find]"]),
        ("", ["[find]"]),
    ],
)
def test_a_wrong_toml_file_is_refused(text: str, expected: list[str], cube: Path, empty_folder: Path) -> None:
    settings = empty_folder / "my.toml"
    settings.write_text(text)
    words = () if "cube" in text else (cube,)
    sentence = complaint(call("find", *words, "--out", "run", "--config", settings), USAGE)
    for part in (*expected, "my.toml"):
        assert part in sentence
    assert not Path("run").exists()


def test_a_toml_file_that_is_none_is_refused(cube: Path, empty_folder: Path) -> None:
    (empty_folder / "binary.toml").write_bytes(b"\xff\xfe\x00")
    for name in ("no.toml", ".", "binary.toml"):
        assert name in complaint(call("find", cube, "--out", "run", "--config", name), USAGE)


def test_options_win_over_the_file_and_the_file_over_defaults(cube: Path, empty_folder: Path) -> None:
    import tomllib

    (empty_folder / "my.toml").write_text("[find]\nthreshold = 4\nkernels_xy = [0, 3]\nworkers = 1\n")
    assert (
        call(
            "find", "--no-report", cube, "-o", "run", "--config", "my.toml", "--threshold", "6", "-q"
        ).exit_code
        == 0
    )
    settings = tomllib.loads(Path("run/run.toml").read_text())["find"]
    assert (settings["threshold"], settings["kernels_xy"], settings["workers"]) == (6, [0, 3], 1)
    assert settings["kernels_z"] == [0, 3, 7, 15]


def test_the_settings_of_a_run_repeat_it(cube: Path, empty_folder: Path) -> None:
    del empty_folder
    words = ("--threshold", "4.5", "--kernels-z", "0,3", "--linker-shape", "box", "--tile", "8,20,20")
    assert call("find", "--no-report", cube, "-o", "run", *words, "-q").exit_code == 0
    assert call("find", "--no-report", "--config", "run/run.toml", "-o", "again", "-q").exit_code == 0
    assert call("plan", "--config", "run/run.toml").exit_code == 0
    assert catalogues_in(Path("again")) == catalogues_in(Path("run"))
    assert Path("again/run.toml").read_text() == Path("run/run.toml").read_text()


def test_the_defaults_are_those_of_the_recipes() -> None:
    from tessellar.cli.recipes import finder_of, linker_of
    from tessellar.kernels.components import Linker
    from tessellar.kernels.smooth_clip import SmoothAndClip

    context = FIND.make_context("find", ["cube.fits", "--out", "run"])
    assert finder_of(context.params) == SmoothAndClip()
    assert linker_of(context.params) == Linker()


def test_the_settings_of_a_run_are_options(cube: Path, empty_folder: Path) -> None:
    import tomllib

    del empty_folder
    assert call("find", "--no-report", cube, "-o", "run", "-q").exit_code == 0
    names = {str(param.name) for param in FIND.params} - NOT_IN_FILES
    assert tomllib.loads(Path("run/run.toml").read_text())["find"].keys() == names - {"address", "memory"}


@pytest.mark.parametrize("command", [*COMMANDS, "simulate hi", "simulate eor", "score sdc2", "score sdc3a"])
def test_every_command_explains_itself(command: str) -> None:
    for flag in ("--help", "-h"):
        result = call(*command.split(), flag)
        assert result.exit_code == 0
        assert result.stdout.startswith(f"Usage: tessellar {command}")


def test_the_program_lists_what_exists_and_nothing_else() -> None:
    result = call("--help")
    assert result.exit_code == 0
    for command in COMMANDS:
        assert f"  {command} " in result.stdout
    assert call().exit_code == USAGE


def test_the_program_answers_as_a_module_and_tells_its_version() -> None:
    from tessellar import __version__

    done = run("--version")
    assert (done.returncode, done.stdout.strip()) == (0, f"tessellar, version {__version__}")


def test_a_cube_is_rounded_only_as_asked_for(cube: Path, empty_folder: Path) -> None:
    del empty_folder
    for words in (
        ("--codec", "gzip"),
        ("--keep-bits", "0"),
        ("--keep-bits", "23"),
        ("--lossy-noise-fraction", "2"),
        ("--lossy-noise-fraction", "0"),
        ("--keep-bits", "4", "--lossy-noise-fraction", "0.1"),
    ):
        assert words[0] in complaint(call("convert", cube, "out.zarr", *words), USAGE)
        assert not Path("out.zarr").exists()
    assert "for Zarr output" in complaint(call("convert", cube, "out.fits", "--keep-bits", "4"), USAGE)
    done = call("convert", cube, "out.zarr", "--codec", "lz4", "--keep-bits", "7")
    assert done.exit_code == 0, done.output
    assert "Voxels are rounded to 7 bits of mantissa: an error of at most 0.39 % of each" in done.stderr
    assert "rounded to 7 bits" in call("info", "out.zarr").stdout
