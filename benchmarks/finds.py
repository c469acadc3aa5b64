"""The whole job as a user runs it: ``tessellar find`` in a process of its own, from start to report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

from benchmarks.bench import Bench, BenchmarkError, Task
from benchmarks.results import Result

Record: TypeAlias = dict[str, Any]  # what run.json holds

NO_PRODUCTS = ("--no-mask", "--no-maps", "--cubelets", "0", "--no-report")  # as SoFiA is asked for none


def fits(bench: Bench) -> Iterator[Result]:
    """Find the sources of the FITS file."""
    yield from _ways(bench, "FITS", bench.fits)


def zarr(bench: Bench) -> Iterator[Result]:
    """Find the sources of the Zarr store."""
    yield from _ways(bench, "Zarr", bench.zarr)


def find_task(cube: Path, run: Path, executor: str, workers: int, records: list[Record]) -> Task[Record]:
    """Return the task that runs the finder afresh; what each run says about itself is added to ``records``."""
    words = [
        "find",
        cube,
        "--out",
        run,
        "--executor",
        executor,
        "--workers",
        workers,
        "--fresh",
        "--quiet",
        *NO_PRODUCTS,
    ]
    command = [sys.executable, "-m", "tessellar", *map(str, words)]

    def work() -> Record:
        run_program(command)
        record: Record = json.loads((run / "run.json").read_text(encoding="utf-8"))
        records.append(record)
        return record

    return Task(work, lambda record: 0 if record["partial"] else record["n_sources"])


def run_program(command: list[str], folder: Path | None = None) -> None:
    """Run a program to its end.

    Raises
    ------
    BenchmarkError
        It does not start, or it failed; the message has the last line that it wrote.
    """
    # where an installed program has its byte code on disk, a checkout shall have it too
    surroundings = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    try:
        done = subprocess.run(
            command, cwd=folder, env=surroundings, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise BenchmarkError(f"{command[0]} does not start: {error}") from error
    if done.returncode != 0:
        last = ((done.stderr or done.stdout).strip().splitlines() or ["no message"])[-1]
        raise BenchmarkError(f"{' '.join(command)} ended with {done.returncode}: {last}")


def stages_of(records: list[Record]) -> dict[str, Record]:
    """Return what each stage took in every repeat, by its name."""
    names = records[0]["stages"]
    return {stage: _stage([record["stages"][stage] for record in records]) for stage in names}


def _ways(bench: Bench, word: str, cube: Path) -> Iterator[Result]:
    crews = [("threads", workers) for workers in bench.crews]
    for executor, workers in [*crews, ("processes", bench.workers)]:
        records: list[Record] = []
        with TemporaryDirectory(dir=bench.folder) as scratch:
            seconds = bench.time(find_task(cube, Path(scratch) / "run", executor, workers, records))
        yield _result(f"{word}, {executor} {workers}", seconds, workers, records[-bench.repeats :])


def _result(name: str, seconds: tuple[float, ...], workers: int, records: list[Record]) -> Result:
    first = records[0]
    facts = {
        "workers": workers,
        "run_seconds": [record["seconds"] for record in records],
        "stages": stages_of(records),
        "peak_rss_bytes": max(record["peak_rss_bytes"] for record in records),
        "projected_bytes": first["plan"]["projected_bytes"],
        "tile": first["plan"]["tile"],
        "halo_overhead": first["plan"]["halo_overhead"],
        "n_sources": first["n_sources"],
    }
    return Result(name, seconds, first["n_voxels"], "voxel", facts)


def _stage(stages: list[Record]) -> Record:
    """Return what one stage took in every repeat, the voxels it looked at, and where workers spent their time."""
    kinds = stages[0]["shares"]
    return {
        "seconds": [stage["seconds"] for stage in stages],
        "voxels": stages[0]["voxels"],
        "shares": {kind: median(stage["shares"][kind] for stage in stages) for kind in kinds},
    }
