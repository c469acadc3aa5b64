"""Ctrl-C and SIGTERM while sources are found: the right exit code, and the same command goes on to the same bytes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from cli_calls import call, catalogues_in, program_command, run, voxels_with_sources, write_cube

SHAPE = (64, 128, 120)
TILE = "8,10,10"  # 1248 tiles: enough to be stopped among them


@pytest.fixture(scope="module")
def large_cube(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cube(tmp_path_factory.mktemp("large") / "large.fits", voxels_with_sources(SHAPE))


@pytest.fixture(scope="module")
def whole(large_cube: Path) -> dict[str, bytes]:
    """The catalogue of a run that nobody disturbed, in other tiles."""
    folder = large_cube.parent / "whole"
    result = call("find", "--no-report", large_cube, "--out", folder, "-q")
    assert result.exit_code == 0, result.output
    return catalogues_in(folder)


def stopped(number: signal.Signals, *words: object, stage: str = "detect") -> tuple[int, list[str]]:
    """Run a command, send it a signal once some units are done; return its exit code and what it said then."""
    with subprocess.Popen(
        program_command(*words, "--log-json"), stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            event = json.loads(line)
            if event["event"] == "progress" and event["stage"] == stage:
                assert event["done"] < event["total"]
                os.kill(process.pid, number)
                break
        rest = process.stderr.read().splitlines()
        assert process.stdout is not None
        assert process.stdout.read() == ""
        return process.wait(), rest


@pytest.mark.parametrize(
    ("number", "code", "executor"),
    [
        (signal.SIGINT, 130, "threads"),
        (signal.SIGTERM, 75, "serial"),
        (signal.SIGTERM, 75, "processes"),
    ],
)
def test_a_stopped_run_goes_on_where_it_was_and_ends_the_same(
    number: signal.Signals,
    code: int,
    executor: str,
    large_cube: Path,
    whole: dict[str, bytes],
    tmp_path: Path,
) -> None:
    folder = tmp_path / "run"
    words = ("find", "--no-report", large_cube, "--out", folder, "--tile", TILE, "--executor", executor)
    found, lines = stopped(number, *words)
    assert found == code, lines
    assert lines[-1].startswith("tessellar: error: ")
    assert "epeat the command to resume" in lines[-1]
    assert not any("Traceback" in line for line in lines)
    assert catalogues_in(folder) == {}

    again = call(*words, "-q")
    assert again.exit_code == 0, again.output
    assert json.loads((folder / "run.json").read_text())["stages"]["detect"]["resumed"] > 0
    assert catalogues_in(folder) == whole


def test_a_run_is_resumed_with_its_tiles(large_cube: Path, whole: dict[str, bytes], tmp_path: Path) -> None:
    folder = tmp_path / "run"
    code, _ = stopped(signal.SIGINT, "find", "--no-report", large_cube, "--out", folder, "--tile", TILE)
    assert code == 130
    again = call("find", "--no-report", large_cube, "--out", folder, "-q")
    assert again.exit_code == 0, again.output
    info = json.loads((folder / "run.json").read_text())
    assert info["plan"]["tile"] == [8, 10, 10]
    assert info["stages"]["detect"]["resumed"] > 0
    assert catalogues_in(folder) == whole


def test_a_copy_that_was_stopped_goes_on(large_cube: Path, tmp_path: Path) -> None:
    words = ("convert", large_cube, tmp_path / "out.zarr", "--tile", "16,32,32", "--executor", "serial")
    code, lines = stopped(signal.SIGTERM, *words, stage="copy")
    assert code == 75, lines
    assert not (tmp_path / "out.zarr").exists()
    again = call(*words)
    assert again.exit_code == 0
    assert "done already" in again.stderr
    assert call("convert", tmp_path / "out.zarr", tmp_path / "back.fits", "-q").exit_code == 0
    size = large_cube.stat().st_size
    assert (tmp_path / "back.fits").read_bytes()[-size // 2 :] == large_cube.read_bytes()[-size // 2 :]


def test_a_run_begun_afresh_says_how_to_resume_it(large_cube: Path, tmp_path: Path) -> None:
    words = ("find", "--no-report", large_cube, "--out", tmp_path / "run", "--tile", TILE, "--fresh")
    code, lines = stopped(signal.SIGTERM, *words)
    assert code == 75
    assert "without --fresh" in lines[-1]


def test_unexpected_errors_have_a_traceback_for_those_who_ask(empty_folder: Path) -> None:
    del empty_folder
    quiet = run("info", "no.fits")
    assert (quiet.returncode, len(quiet.stderr.splitlines())) == (3, 1)
    loud = run("info", "no.fits", TESSELLAR_DEBUG="1")
    assert loud.returncode == 3
    assert "Traceback" in loud.stderr
    assert loud.stderr.splitlines()[-1] == quiet.stderr.splitlines()[-1]
