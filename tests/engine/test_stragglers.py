from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from scripted import ScriptedStage, counts, same

from tessellar.engine.executors import Outcome, Task, make_executor
from tessellar.engine.flights import Flights
from tessellar.engine.journal import Journal
from tessellar.engine.lease import Lease
from tessellar.engine.observers import Silent
from tessellar.engine.partials import PartialStore
from tessellar.engine.run import StageReport, run_stage
from tessellar.engine.worker import LeaseTask
from tessellar.errors import NonDeterministicError, OutputError
from tessellar.model import Stage


@dataclass
class Ears(Silent):
    """An observer that remembers what was said."""

    said: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        self.said.append(text)


def run(stage: Stage, name: str, workers: int, folder: Path, ears: Ears | None = None) -> StageReport:
    with make_executor(name, workers) as executor, Journal(folder) as journal:
        return run_stage(
            stage,
            executor=executor,
            partials=PartialStore(folder / "partials"),
            journal=journal,
            observer=ears or Ears(),
            target_seconds=0.02,
            patience_seconds=0.5,
        )


def all_are_right(folder: Path, n_units: int, without: tuple[int, ...] = ()) -> bool:
    rows = list(PartialStore(folder / "partials").units("scripted"))
    wanted = [unit for unit in range(n_units) if unit not in without]
    return [unit for unit, _ in rows] == wanted and all(same(payload, unit) for unit, payload in rows)


def test_what_hangs_is_done_by_another_worker(tmp_path, calls):
    ears = Ears()
    report = run(ScriptedStage(calls, 60, {31: ("hang",)}), "processes", 2, tmp_path, ears)
    assert (report.done, report.failed) == (60, ())
    assert report.copies >= 1
    assert any("another worker gets a copy" in sentence for sentence in ears.said)
    assert counts(calls)[31] == 2
    assert all_are_right(tmp_path, 60)


def test_the_only_worker_is_replaced_when_it_hangs(tmp_path, calls):
    ears = Ears()
    report = run(ScriptedStage(calls, 20, {11: ("hang",)}), "processes", 1, tmp_path, ears)
    assert (report.done, report.failed, report.copies) == (20, (), 0)
    assert any("it has been silent for" in sentence for sentence in ears.said) or report.retries
    assert all_are_right(tmp_path, 20)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_unit_that_always_hangs_is_given_up(tmp_path, calls, workers):
    report = run(ScriptedStage(calls, 12, {5: ("hang",) * 99}), "processes", workers, tmp_path)
    (failure,) = report.failed
    assert failure.unit == 5
    assert "silent" in failure.reason
    assert all_are_right(tmp_path, 12, without=(5,))


def test_a_worker_that_hangs_does_not_hold_a_run_that_stops(tmp_path, calls):
    ears = Ears()
    with pytest.raises(OutputError, match="No space left"):
        run(ScriptedStage(calls, 30, {5: ("hang",) * 9, 20: ("full",)}), "processes", 2, tmp_path, ears)
    assert any("has been silent" in sentence and "is not waited for" in sentence for sentence in ears.said)
    report = run(ScriptedStage(calls, 30), "processes", 2, tmp_path)
    assert (report.done, report.failed) == (30, ())
    assert all_are_right(tmp_path, 30)


@dataclass
class Withholding:
    """An executor that brings the first result of unit 30 right after that of its copy."""

    name = "withholding"
    slots = 2
    waiting: list[Outcome] = field(default_factory=list)
    withheld: list[Outcome] = field(default_factory=list)
    abandoned: int = 0

    def submit(self, task: Task, avoid: str = "") -> str:
        silent = task.lease.first <= 30 < task.lease.stop and not self.withheld  # type: ignore[attr-defined]
        outcome = Outcome(task, "a" if silent else "b", task())
        if silent:
            self.withheld.append(outcome)
        elif avoid == "a":
            self.waiting += [outcome, *self.withheld]
        else:
            self.waiting.append(outcome)
        return outcome.worker

    def wait(self, seconds: float) -> list[Outcome]:
        outcomes, self.waiting = self.waiting, []
        return outcomes

    def abandon(self, task: Task) -> None:
        self.abandoned += 1

    def close(self, now: bool = False) -> None:
        pass

    def __enter__(self) -> Withholding:
        return self

    def __exit__(self, *details: object) -> None:
        pass


@pytest.mark.parametrize("action", ["ok", "other"])
def test_a_late_result_is_compared_with_the_one_that_counts(tmp_path, calls, action):
    stage = ScriptedStage(calls, 40, {30: (action,)})
    executor = Withholding()

    def go() -> StageReport:
        with Journal(tmp_path) as journal:
            partials = PartialStore(tmp_path / "partials")
            return run_stage(
                stage, executor=executor, partials=partials, journal=journal, patience_seconds=0.01
            )

    if action == "other":
        with pytest.raises(NonDeterministicError, match="Piece 30 of scripted gave two different results"):
            go()
    else:
        report = go()
        assert (report.done, report.copies) == (40, 1)
        assert all_are_right(tmp_path, 40)
    assert executor.abandoned == 1
    assert counts(calls)[30] == 2


def task(ticket: int, first: int, stop: int) -> LeaseTask:
    return LeaseTask(
        ScriptedStage(Path(), 9), Lease("s", first, stop), "run", PartialStore(Path()), Path(), 1.0, 0, ticket
    )


def test_a_lease_is_overdue_after_three_times_the_slowest():
    now = [0.0]
    flights = Flights(10.0, lambda: now[0])
    for ticket in range(3):
        flights.start(task(ticket, ticket, ticket + 1), f"w{ticket}")
    now[0] = 599.0
    assert flights.overdue() == []  # nothing has come back yet: who knows how long it takes
    now[0] = 601.0
    assert len(flights.overdue()) == 3
    now[0] = 2.0
    flight = flights.land(0)
    assert flight is not None
    flights.note_time(flight)
    now[0] = 9.9
    assert flights.overdue() == []
    now[0] = 10.1
    assert [f.worker for f in flights.overdue()] == ["w1", "w2"]
    now[0] = 8.0
    flight = flights.land(1)
    assert flight is not None
    flights.note_time(flight)
    now[0] = 23.9
    assert flights.overdue() == []
    now[0] = 24.1
    assert [f.worker for f in flights.overdue()] == ["w2"]
    assert flights.land(0) is None


def test_copies_are_flights_of_the_same_units():
    flights = Flights(1.0, lambda: 0.0)
    for ticket, (first, stop) in enumerate([(0, 4), (4, 8), (0, 4)]):
        flights.start(task(ticket, first, stop), str(ticket))
    first = flights.land(0)
    assert first is not None
    assert [f.worker for f in flights.copies(first)] == ["2"]
    assert len(flights) == 2
    assert flights.workers() == {"1", "2"}
