"""What the engine costs by itself: pieces without content, and short tiles, through the same loop as a real stage."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.bench import Bench, BenchmarkError, Task, say
from benchmarks.rehearsal_stage import RehearsalStage
from benchmarks.rehearsed import Rehearsed, rehearse
from benchmarks.results import Result
from tessellar.engine.executors import EXECUTORS, Executor, check_executor, make_executor
from tessellar.engine.journal import Journal
from tessellar.engine.partials import PartialStore
from tessellar.engine.run import run_stage
from tessellar.errors import UsageError
from tessellar.model import UnitResult, Work


@dataclass(frozen=True, slots=True)
class EmptyStage:
    """Units that do nothing and give nothing back."""

    n_units: int

    name = "empty"
    fingerprint = "empty"

    def worker(self) -> Work:
        """Return the function that does nothing."""
        return _nothing


def executors(bench: Bench) -> Iterator[Result]:
    """Run an empty stage with its journal on every executor, workers started beforehand."""
    stage = EmptyStage(bench.size.n_pieces)
    for executor in _installed(bench):
        seconds = bench.time(_task(stage, executor, bench.folder))
        name, facts = f"{executor.name} {executor.slots}", {"workers": executor.slots}
        yield Result(name, seconds, stage.n_units, "piece", facts)


def tiles(bench: Bench) -> Iterator[Result]:
    """Run tiles of a short kernel on every executor, workers started beforehand."""
    stage = RehearsalStage(bench.size.n_tiles, bench.size.tile_seconds)
    for executor in _installed(bench):
        made: list[Rehearsed] = []
        seconds = bench.time(_rehearsal(stage, executor, bench.folder, made))
        facts = {
            "workers": executor.slots,
            "tile_seconds": stage.seconds,
            "stage_seconds": [each.seconds for each in made[-bench.repeats :]],
            "kernel_share": [each.kernel_share for each in made[-bench.repeats :]],
            "processor_share": [each.processor_share for each in made[-bench.repeats :]],
        }
        yield Result(f"{executor.name} {executor.slots}", seconds, stage.n_units, "tile", facts)


def _installed(bench: Bench) -> Iterator[Executor]:
    """Yield every executor, one at a time, without those whose library is not there."""
    bench.folder.mkdir(parents=True, exist_ok=True)
    for name in EXECUTORS:
        try:
            check_executor(name, bench.workers)
        except UsageError as error:
            say(f"engine: {name} is left out: {error}")
            continue
        with make_executor(name, bench.workers) as executor:
            yield executor


def _task(stage: EmptyStage, executor: Executor, folder: Path) -> Task[int]:
    def work() -> int:
        with _scratch(folder) as scratch, Journal(scratch) as journal:
            partials = PartialStore(scratch / "partials")
            return run_stage(stage, executor=executor, partials=partials, journal=journal).done

    return Task(work, lambda done: float(done == stage.n_units))


def _rehearsal(
    stage: RehearsalStage, executor: Executor, folder: Path, made: list[Rehearsed]
) -> Task[Rehearsed]:
    def work() -> Rehearsed:
        with _scratch(folder) as scratch:
            made.append(rehearse(stage, executor, scratch))
        if made[-1].problems:
            raise BenchmarkError(f"{executor.name}: {'; '.join(made[-1].problems)}")
        return made[-1]

    return Task(work, lambda done: done.n_units)


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    with TemporaryDirectory(dir=folder.resolve()) as scratch:
        yield Path(scratch)


def _nothing(unit: int) -> UnitResult:  # noqa: ARG001  # the number of a unit is all it is given
    return UnitResult({})
