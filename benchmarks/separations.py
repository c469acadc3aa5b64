"""The whole separation as a user runs it: ``tessellar foregrounds`` in a process of its own, from start to folder."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.bench import Bench, Task
from benchmarks.finds import Record, run_program, stages_of
from benchmarks.results import Result


def fits(bench: Bench) -> Iterator[Result]:
    """Clean the FITS file into a FITS file."""
    for workers in bench.crews:
        yield _cleaned(bench, "FITS", bench.low_fits, workers)


def zarr(bench: Bench) -> Iterator[Result]:
    """Clean the Zarr store into a Zarr store."""
    for workers in bench.crews:
        yield _cleaned(bench, "Zarr", bench.low_zarr, workers)


def power(bench: Bench) -> Iterator[Result]:
    """Clean the Zarr store with all workers, and measure its power before and after."""
    yield _cleaned(bench, "Zarr", bench.low_zarr, bench.workers, power=True)


def _cleaned(bench: Bench, word: str, cube: Path, workers: int, *, power: bool = False) -> Result:
    records: list[Record] = []
    with TemporaryDirectory(dir=bench.folder) as scratch:
        out = Path(scratch) / f"clean{cube.suffix}"
        seconds = bench.time(_task(cube, out, workers, power, records))
    name = f"{word}, threads {workers}{', with power' if power else ''}"
    return _result(name, seconds, workers, records[-bench.repeats :])


def _task(cube: Path, out: Path, workers: int, power: bool, records: list[Record]) -> Task[Record]:
    """Return the task that cleans a cube afresh; what each run says about itself is added to ``records``."""
    words = ["foregrounds", cube, out, "--workers", workers, "--overwrite", "--fresh", "--quiet"]
    words.append("--power" if power else "--no-power")
    command = [sys.executable, "-m", "tessellar", *map(str, words)]

    def work() -> Record:
        run_program(command)
        record: Record = json.loads(
            (out.with_suffix(".foregrounds") / "run.json").read_text(encoding="utf-8")
        )
        records.append(record)
        return record

    return Task(work, lambda record: 0 if record["partial"] else record["eigenvalues"][0])


def _result(name: str, seconds: tuple[float, ...], workers: int, records: list[Record]) -> Result:
    facts = {
        "workers": workers,
        "run_seconds": [record["seconds"] for record in records],
        "stages": stages_of(records),
        "peak_rss_bytes": max(record["peak_rss_bytes"] for record in records),
        "projected_bytes": records[0]["plan"]["projected_bytes"],
        "piece": records[0]["plan"]["piece"],
    }
    return Result(name, seconds, records[0]["n_voxels"], "voxel", facts)
