"""``--sofia``: a SoFiA parameter file gives what the same options give, and options win over it."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path
from typing import Any

import pytest
from cli_calls import call, catalogues_in, complaint

from tessellar.cli.find import command as FIND  # noqa: N812

USAGE = 2
LINES = """\
# a small search
pipeline.pedantic    = true
input.data           = {cube}
input.mask           = mask.fits     # not supported
scfind.kernelsXY     = 0, 3
scfind.kernelsZ      = 0, 3, 5
scfind.threshold     = 4.5
scfind.replacement   = 1.5
linker.radiusXY      = 2
linker.radiusZ       = 2
linker.minSizeXY     = 3
linker.minSizeZ      = 3
linker.minPixels     = 10
output.writeRawMask  = true
output.directory     = elsewhere
"""
WORDS = (
    *("--kernels-xy", "0,3", "--kernels-z", "0,3,5", "--threshold", "4.5", "--replacement", "1.5"),
    *("--linker-radius-xy", "2", "--linker-radius-z", "2", "--linker-min-pixels", "10"),
    *("--linker-min-size-xy", "3", "--linker-min-size-z", "3"),
)


def write(name: str, text: str) -> str:
    Path(name).write_text(text)
    return name


def settings_of(*words: object) -> dict[str, Any]:
    """Return the options that a command line comes to, with nothing run."""
    return FIND.make_context("find", [str(word) for word in (*words, "--out", "run")]).params


def test_a_parameter_file_gives_the_catalogue_of_the_same_options(cube: Path, empty_folder: Path) -> None:
    par = write("sky.par", LINES.format(cube=os.path.relpath(cube, empty_folder)))
    result = call("find", "--no-report", "--sofia", par, "--out", "one")
    assert result.exit_code == 0, result.output
    assert call("find", "--no-report", cube, "--out", "two", "-q", *WORDS).exit_code == 0
    assert catalogues_in(Path("one")) == catalogues_in(Path("two"))
    assert json.loads(Path("one/run.json").read_text())["n_sources"] == 2
    one, two = (tomllib.loads(Path(f"{run}/run.toml").read_text())["find"] for run in ("one", "two"))
    assert {**one, "cube": ""} == {**two, "cube": ""}
    assert one["threshold"] == 4.5
    assert not Path("elsewhere").exists()
    remarks = [line for line in result.stderr.splitlines() if "SoFiA" in line]
    assert len(remarks) == 2
    assert "input.mask = mask.fits is not supported" in remarks[0]
    assert "output.writeRawMask = true is not supported" in remarks[1]


def test_reliability_is_that_of_the_options(cube: Path, empty_folder: Path) -> None:
    text = "reliability.enable = true\nreliability.threshold = 0.8\nreliability.scaleKernel = 0.3\n"
    words = ("--reliability", "0.8", "--reliability-scale-kernel", "0.3", "--reliability-min-snr", "2")
    found = settings_of(cube, "--sofia", write("sky.par", f"{text}reliability.minSNR = 2\n"))
    assert found == settings_of(cube, *words)
    assert found["reliability"] == 0.8
    assert settings_of(cube, "--sofia", "sky.par", "--reliability", "off")["reliability"] is None


def test_an_option_wins_over_the_file_and_the_file_over_the_default(cube: Path, empty_folder: Path) -> None:
    par = write("sky.par", "input.data = other.fits\nscfind.threshold = 4\nlinker.radiusZ = 3\n")
    found = settings_of(cube, "--sofia", par, "--threshold", "6")
    assert (found["cube"], found["threshold"], found["linker_radius_z"]) == (str(cube), 6, 3)
    assert found["linker_radius_xy"] == 1
    first = settings_of("--threshold", "6", "--sofia", par)
    assert (first["cube"], first["threshold"]) == ("other.fits", 6)


def test_two_files_may_say_different_things_but_not_contradict(cube: Path, empty_folder: Path) -> None:
    par = write("sky.par", "scfind.threshold = 4\nscfind.kernelsZ = 0, 3\n")
    machine = write("machine.toml", "[find]\nworkers = 1\nkernels_z = [0, 3]\n")
    for words in (("--sofia", par, "--config", machine), ("--config", machine, "--sofia", par)):
        found = settings_of(cube, *words)
        assert (found["workers"], found["kernels_z"], found["threshold"]) == (1, (0, 3), 4)
    other = write("other.toml", "[find]\nthreshold = 5.0\n")
    sentence = complaint(call("find", cube, "-o", "run", "--sofia", par, "--config", other), USAGE)
    for part in ("other.toml, threshold is 5.0", "sky.par, scfind.threshold is 4.0"):
        assert part in sentence


def test_the_plan_takes_the_same_file(cube: Path, empty_folder: Path) -> None:
    par = write("sky.par", LINES.format(cube=cube))
    result = call("plan", "--sofia", par, "--tile", "8,30,36")
    assert result.exit_code == 0
    assert "2 x 4 x 4 on each side" in result.stdout
    assert "input.mask" in result.stderr
    assert "input.mask" not in result.stdout
    assert call("plan", "--sofia", par, "-q").output == ""


def test_remarks_are_quiet_or_json_like_the_progress(cube: Path, empty_folder: Path) -> None:
    par = write("sky.par", LINES.format(cube=cube))
    assert call("find", "--no-report", "--sofia", par, "--out", "one", "--quiet").output == ""
    events = [
        json.loads(line)
        for line in call(
            "find", "--no-report", "--sofia", par, "--out", "two", "--log-json"
        ).stderr.splitlines()
    ]
    said = [event["text"] for event in events if event["event"] == "say"]
    assert sum("input.mask" in text for text in said) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("linker.radiusXY = 0\n", "sky.par, linker.radiusXY: "),
        ("scfind.kernelsXY = 200\n", "sky.par, scfind.kernelsXY: "),
        ("scfind.threshold = -1\nscfind.replacement = 0\n", "sky.par, scfind.threshold: "),
        ("reliability.enable = true\nreliability.threshold = 2\n", "sky.par, reliability.threshold: "),
        ("scfind.threshold = 4\nscfind.threshold = 5\n", "scfind.threshold is 4 in line 1 and 5 in line 2"),
        ("scfind.treshold = 4\nlinker.radiusXY = 1\n", "perhaps scfind.threshold is meant"),
        ("kernels\n", "line 1"),
        ("\x00\x01", "UTF-8"),
    ],
)
def test_a_wrong_file_is_refused_in_a_sentence(
    text: str, expected: str, cube: Path, empty_folder: Path
) -> None:
    par = write("sky.par", text)
    for words in (("find", cube, "--out", "run"), ("plan", cube)):
        assert expected in complaint(call(*words, "--sofia", par), USAGE)
    assert not Path("run").exists()


def test_a_file_that_is_none_is_refused(cube: Path, empty_folder: Path) -> None:
    for name in ("no.par", ".", str(cube), ""):
        complaint(call("find", cube, "--out", "run", "--sofia", name), USAGE)
    Path("huge.par").touch()
    os.truncate("huge.par", 100_000_000)
    assert "1 MiB" in complaint(call("find", cube, "--out", "run", "--sofia", "huge.par"), USAGE)
    assert not Path("run").exists()


def test_a_cube_is_needed_in_the_file_or_on_the_command_line(empty_folder: Path) -> None:
    par = write("sky.par", "scfind.threshold = 4\n")
    assert "CUBE" in complaint(call("find", "--sofia", par, "--out", "run"), USAGE)
    par = write("sky.par", "input.data = none.fits\n")
    assert "none.fits" in complaint(call("find", "--sofia", par, "--out", "run"), 3)
    assert "--out" in complaint(call("find", "--sofia", par), USAGE)
