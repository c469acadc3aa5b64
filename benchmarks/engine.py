"""What the engine costs by itself: pieces of work without content, through the same loop as a real stage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.bench import Bench, Task
from benchmarks.results import Result
from tessellar.engine.executors import Executor, make_executor
from tessellar.engine.journal import Journal
from tessellar.engine.partials import PartialStore
from tessellar.engine.run import run_stage
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
    bench.folder.mkdir(parents=True, exist_ok=True)
    stage = EmptyStage(bench.size.n_pieces)
    for name in ("serial", "threads", "processes"):
        with make_executor(name, bench.workers) as executor:
            seconds = bench.time(_task(stage, executor, bench.folder))
            slots = executor.slots
        yield Result(f"{name} {slots}", seconds, stage.n_units, "piece", {"workers": slots})


def _task(stage: EmptyStage, executor: Executor, folder: Path) -> Task[int]:
    def work() -> int:
        with TemporaryDirectory(dir=folder) as scratch, Journal(Path(scratch)) as journal:
            partials = PartialStore(Path(scratch) / "partials")
            return run_stage(stage, executor=executor, partials=partials, journal=journal).done

    return Task(work, lambda done: float(done == stage.n_units))


def _nothing(unit: int) -> UnitResult:  # noqa: ARG001  # the number of a unit is all it is given
    return UnitResult({})
