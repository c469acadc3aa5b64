"""The scripts for Slurm: they find what a serial run finds, stop in good order, resume, and leave nothing behind."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest
from batch_job import COMMANDS, SCRIPTS, BatchJob, until

import tessellar as ts
from tessellar.api import simulate
from tessellar.simulate.hi import HiSky

TILE = "8,8,8"  # 864 tiles: enough to be stopped among them
NEEDS_RAY = pytest.mark.skipif(
    find_spec("ray") is None, reason="Ray is not installed: pip install 'tessellar[ray]'"
)
NAMES = ("one-node.sbatch", "dask.sbatch", "ray.sbatch")


@pytest.fixture(scope="module")
def cube(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("slurm") / "sky.fits"
    simulate(HiSky(shape=(48, 96, 90)), path, executor="serial")
    return path


@pytest.fixture(scope="module")
def catalogue(cube: Path) -> bytes:
    """The catalogue of a serial run, in other tiles."""
    run = ts.find_sources(
        cube, products=ts.Products(report=False), executor="serial", out=cube.with_name("serial")
    )
    assert len(run.catalogue) > 0
    return cube.with_name("serial").joinpath("catalogue.vot").read_bytes()


@contextmanager
def job(script: str, folder: Path, **settings: str) -> Iterator[BatchJob]:
    """Give a job, and make sure that it leaves no process behind."""
    the_job = BatchJob(script, folder, settings)
    left = []
    try:
        yield the_job
        until(lambda: not the_job.processes(), 5)
        left = [process.as_dict(["name", "cmdline"]) for process in the_job.processes()]
    finally:
        for process in the_job.processes():
            process.kill()
    assert not left, the_job.said()


@pytest.mark.parametrize(
    "script",
    ["one-node.sbatch", "dask.sbatch", pytest.param("ray.sbatch", marks=[pytest.mark.slow, NEEDS_RAY])],
)
def test_a_stopped_job_goes_back_into_the_queue_and_resumes(
    script: str, cube: Path, catalogue: bytes, tmp_path: Path
) -> None:
    with job(script, tmp_path, CUBE=str(cube), FIND=f"--tile {TILE} --no-report", INTERFACE="lo") as the_job:
        first = the_job.submit()
        detected = the_job.run / "partials" / "detect"
        assert until(lambda: any(detected.glob("*.part")) or first.poll() is not None), the_job.said()
        first.send_signal(signal.SIGTERM)
        assert first.wait() == 75, the_job.said()
        assert the_job.requeued.read_text().split() == [the_job.number]
        assert not (the_job.run / "catalogue.vot").exists()

        second = the_job.submit(restarts=1)
        assert second.wait() == 0, the_job.said()
        assert the_job.requeued.read_text().split() == [the_job.number]
        assert (the_job.run / "catalogue.vot").read_bytes() == catalogue
        detect = json.loads((the_job.run / "run.json").read_text())["stages"]["detect"]
        assert 0 < detect["resumed"] < detect["n_units"]


@pytest.mark.parametrize(
    ("code", "restarts", "state", "requeued"),
    [
        (0, 0, "RUNNING", False),
        (1, 0, "RUNNING", False),
        (3, 0, "RUNNING", False),
        (75, 0, "RUNNING", True),
        (75, 19, "RUNNING", True),
        (75, 20, "RUNNING", False),
        (75, 0, "CANCELLED", False),
    ],
)
def test_the_exit_code_is_passed_on_and_75_is_requeued(
    code: int, restarts: int, state: str, requeued: bool, tmp_path: Path
) -> None:
    program = tmp_path / "programs" / "tessellar"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\nexit {code}\n")
    program.chmod(0o755)
    with job("one-node.sbatch", tmp_path, JOB_STATE=state) as the_job:
        assert the_job.submit(restarts).wait() == code, the_job.said()
        assert the_job.requeued.exists() == requeued


def test_a_cluster_that_does_not_start_is_an_error(tmp_path: Path) -> None:
    with job("dask.sbatch", tmp_path, INTERFACE="no-such-network") as the_job:
        assert the_job.submit().wait() == 1, the_job.said()
        assert "The scheduler did not start: see " in the_job.said()
        assert not the_job.requeued.exists()


@pytest.mark.parametrize("path", [*(SCRIPTS / name for name in NAMES), *sorted(COMMANDS.iterdir())], ids=str)
def test_scripts_are_proper_bash(path: Path) -> None:
    checked = subprocess.run(["bash", "-n", path], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_the_scripts_end_in_the_same_way() -> None:
    texts = [(SCRIPTS / name).read_text() for name in NAMES]
    for begin, end in (("    if ((status == 75", "trap stop TERM"), ("driver=$!", None)):
        parts = {
            text[text.index(begin) :].partition(end)[0] if end else text[text.index(begin) :]
            for text in texts
        }
        assert len(parts) == 1


def test_options_for_slurm_stand_before_the_first_command() -> None:
    for name in NAMES:
        lines = (SCRIPTS / name).read_text().splitlines()
        first = next(number for number, line in enumerate(lines) if line and not line.startswith("#"))
        options = [number for number, line in enumerate(lines) if line.startswith("#SBATCH ")]
        assert options
        assert max(options) < first
