from __future__ import annotations

import logging
import random
import tempfile
import threading
import tracemalloc
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import ScriptedStage, act, callers, counts, expected, same

from tessellar.engine import troubles, worker
from tessellar.engine.executors import Executor, Outcome, Task, make_executor
from tessellar.engine.journal import Journal
from tessellar.engine.lease import Lease
from tessellar.engine.observers import Silent
from tessellar.engine.partials import PartialStore
from tessellar.engine.run import StageReport, run_stage
from tessellar.errors import (
    InputError,
    MemoryBudgetError,
    NonDeterministicError,
    OutputError,
    StoppedError,
    TessellarError,
    UsageError,
)
from tessellar.model import Progress, Stage, UnitResult, Work


@dataclass
class Ears(Silent):
    """An observer that remembers, and can be told to fall over."""

    said: list[str] = field(default_factory=list)
    events: list[Progress] = field(default_factory=list)
    fall_at: int = 10**9

    def say(self, text: str) -> None:
        self.said.append(text)

    def progress(self, event: Progress) -> None:
        self.events.append(event)
        if event.done >= self.fall_at:
            raise RuntimeError("the driver fell over")


@dataclass
class Shuffled:
    """An executor that does its tasks in any order, some not at all: the loop must give those out again."""

    seed: int
    slots: int
    name = "shuffled"

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._tasks: list[Task] = []

    def submit(self, task: Task, avoid: str = "") -> None:
        self._tasks.append(task)

    def wait(self, seconds: float) -> Sequence[Outcome]:
        task = self._tasks.pop(self._random.randrange(len(self._tasks)))
        fate = self._random.random()
        if fate < 0.1:
            return [Outcome(task, "a")]
        if fate < 0.15:
            return [Outcome(task, "a", lost="struck by lightning")]
        return [Outcome(task, "b", task())]

    def close(self, now: bool = False) -> None:
        self._tasks.clear()

    def __enter__(self) -> Shuffled:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()


def run(
    stage: Stage, executor: Executor, folder: Path, ears: Ears | None = None, **options: float
) -> StageReport:
    with Journal(folder, {"threshold": 5}) as journal:
        return run_stage(
            stage,
            executor=executor,
            partials=PartialStore(folder / "partials"),
            journal=journal,
            observer=ears or Ears(),
            **options,  # type: ignore[arg-type]
        )


def all_units_are_right(folder: Path, n_units: int, without: tuple[int, ...] = ()) -> bool:
    rows = list(PartialStore(folder / "partials").units("scripted"))
    wanted = [unit for unit in range(n_units) if unit not in without]
    return [unit for unit, _ in rows] == wanted and all(same(payload, unit) for unit, payload in rows)


def test_every_unit_is_done_once_and_read_in_order(executor, tmp_path, calls):
    ears = Ears()
    report = run(ScriptedStage(calls, 50), executor, tmp_path, ears)
    assert counts(calls) == dict.fromkeys(range(50), 1)
    assert all_units_are_right(tmp_path, 50)
    assert same(PartialStore(tmp_path / "partials").fetch("scripted", 7), 7)
    assert (report.n_units, report.done, report.resumed, report.failed, report.retries) == (50, 50, 0, (), 0)
    assert (report.name, report.voxels, report.bytes_read) == ("scripted", 500, 2000)
    assert report.shares["kernel"] == pytest.approx(3 * report.shares["read"])
    assert sum(report.shares.values()) == pytest.approx(1)
    assert report.peak_rss_bytes > 10_000_000
    assert report.seconds > 0
    assert ears.events[-1].done == ears.events[-1].total == 50
    assert ears.said == []
    assert not list((tmp_path / "partials").glob("stop-*"))


def test_a_worker_sets_up_once(executor, tmp_path, calls):
    run(ScriptedStage(calls, 50), executor, tmp_path)
    assert len(callers(calls, "setup")) == len(set(callers(calls, "setup"))) <= executor.slots


def test_a_stage_is_set_up_anew_in_every_run(tmp_path, calls):
    with make_executor("threads", 1) as executor:
        for name in ("a", "b"):
            run(ScriptedStage(calls, 3, name=name), executor, tmp_path)
    assert len(callers(calls, "setup")) == 2


def test_a_failed_unit_is_tried_again_by_another_worker(executor, tmp_path, calls):
    ears = Ears()
    report = run(ScriptedStage(calls, 30, {17: ("fail", "fail")}), executor, tmp_path, ears)
    assert (report.done, report.failed, report.retries) == (30, (), 2)
    assert counts(calls)[17] == 3
    assert all_units_are_right(tmp_path, 30)
    assert ears.said == [
        "Piece 17 of scripted failed and will be tried again: ValueError: unit 17 was told to fail"
    ]
    who = callers(calls, 17)
    if executor.slots > 1:
        assert who[0] != who[1] != who[2]


def test_a_unit_is_given_up_after_three_tries_and_the_run_goes_on(executor, tmp_path, calls):
    stage = ScriptedStage(calls, 30, {4: ("fail",) * 9, 9: ("damaged",) * 9})
    ears = Ears()
    report = run(stage, executor, tmp_path, ears)
    assert [(f.stage, f.unit, f.tries, f.reason) for f in report.failed] == [
        ("scripted", 4, 3, "ValueError: unit 4 was told to fail"),
        ("scripted", 9, 3, "shard 9 is damaged. Get it again."),
    ]
    assert (report.done, report.retries) == (28, 4)
    assert sum(counts(calls).values()) == 28 + 6
    assert all_units_are_right(tmp_path, 30, without=(4, 9))
    assert "Piece 4 of scripted is given up after 3 tries: ValueError: unit 4 was told to fail" in ears.said


def test_the_next_run_tries_what_was_given_up(executor, tmp_path, calls):
    stage = ScriptedStage(calls, 30, {4: ("fail",) * 3})
    assert run(stage, executor, tmp_path).done == 29
    report = run(stage, executor, tmp_path)
    assert (report.done, report.resumed, report.failed) == (30, 29, ())
    assert counts(calls) == dict.fromkeys(range(30), 1) | {4: 4}
    assert all_units_are_right(tmp_path, 30)


@pytest.mark.parametrize(("action", "kind"), [("fail", TessellarError), ("damaged", InputError)])
def test_when_nothing_can_be_done_the_first_reason_is_the_error(executor, tmp_path, calls, action, kind):
    with pytest.raises(
        kind, match=r"Nothing of stage scripted .* 3 pieces .*(told to fail|Get it again)"
    ) as caught:
        run(ScriptedStage(calls, 3, dict.fromkeys(range(3), (action,) * 9)), executor, tmp_path)
    assert caught.type is kind


def test_a_hopeless_stage_ends_early(tmp_path, calls):
    stage = ScriptedStage(calls, 5000, dict.fromkeys(range(5000), ("fail",) * 9))
    with make_executor("serial") as executor, pytest.raises(TessellarError, match="Nothing of stage"):
        run(stage, executor, tmp_path)
    assert len(counts(calls)) < 5000
    assert sum(n == 3 for n in counts(calls).values()) >= troubles.HOPELESS


@pytest.mark.parametrize(("action", "kind"), [("memory", MemoryBudgetError), ("full", OutputError)])
def test_what_no_second_try_mends_ends_the_run_at_once(executor, tmp_path, calls, action, kind):
    stage = ScriptedStage(calls, 200, {30: (action,)})
    with pytest.raises(kind) as caught:
        run(stage, executor, tmp_path)
    assert caught.type is kind
    if action == "full":
        assert "No space left" in str(caught.value)
        assert "repeat the command to resume" in str(caught.value)
    assert counts(calls)[30] == 1
    done_before = sum(counts(calls).values()) - 1
    report = run(stage, executor, tmp_path)
    assert (report.done, report.resumed) == (200, done_before)
    assert sum(counts(calls).values()) == 201
    assert all_units_are_right(tmp_path, 200)


def test_results_that_cannot_be_written_end_the_run(executor, tmp_path, calls):
    moves = count()

    @dataclass
    class Wrecker(Ears):
        def progress(self, event: Progress) -> None:
            home = tmp_path / "partials" / "scripted"
            while home.is_dir():  # a worker may make it anew before the file is there
                home.rename(tmp_path / f"elsewhere {next(moves)}")
                with suppress(IsADirectoryError):
                    home.write_text("in the way")

    with pytest.raises(OutputError, match="cannot be written"):
        run(ScriptedStage(calls, 500), executor, tmp_path, Wrecker(), target_seconds=0.01)
    assert max(counts(calls).values()) == 1


def test_a_worker_that_cannot_begin_passes_its_lease_on(tmp_path, calls):
    with make_executor("threads", 1) as executor:
        report = run(ScriptedStage(calls, 10, setups=("fail", "fail")), executor, tmp_path)
    assert (report.done, report.retries) == (10, 2)
    assert all_units_are_right(tmp_path, 10)


def test_a_stage_that_cannot_begin_is_an_error(executor, tmp_path, calls):
    stage = ScriptedStage(calls, 5000, setups=("damaged",) * 99)
    with pytest.raises(InputError, match="Stage scripted cannot begin: shard -1 is damaged"):
        run(stage, executor, tmp_path)
    assert len(callers(calls, "setup")) <= 20 * executor.slots
    with pytest.raises(MemoryBudgetError, match="tile needs 3 GB"):
        run(replace(stage, setups=("memory",) * 999), executor, tmp_path / "other")


def test_a_stage_that_does_not_pickle_says_which_executor_can(tmp_path, calls):
    stage = ScriptedStage(calls, script={0: (threading.Lock(),)})  # type: ignore[arg-type,dict-item]
    with make_executor("processes", 1) as executor, pytest.raises(UsageError, match="--executor threads"):
        run(stage, executor, tmp_path)


def test_a_dead_worker_costs_nothing_but_its_lease(tmp_path, calls):
    ears = Ears()
    with make_executor("processes", 2) as executor:
        report = run(ScriptedStage(calls, 60, {23: ("die",), 41: ("die",)}), executor, tmp_path, ears)
    assert (report.done, report.failed) == (60, ())
    assert report.retries >= 2
    assert all_units_are_right(tmp_path, 60)
    assert counts(calls)[23] == counts(calls)[41] == 2


def test_a_deadly_unit_is_found_and_given_up(tmp_path, calls):
    with make_executor("processes", 2) as executor:
        report = run(ScriptedStage(calls, 60, {37: ("die",) * 99}), executor, tmp_path)
    (failure,) = report.failed
    assert failure.unit == 37
    assert failure.tries >= 3
    assert "worker process died" in failure.reason
    assert all_units_are_right(tmp_path, 60, without=(37,))


def test_workers_that_always_die_end_the_run(tmp_path, calls):
    stage = ScriptedStage(calls, 60, setups=("die",) * 99)
    with (
        make_executor("processes", 1) as executor,
        pytest.raises(StoppedError, match=r"workers died one after .*--workers"),
    ):
        run(stage, executor, tmp_path)


@dataclass
class Growing(Shuffled):
    """One worker at first, then 32 of them on a machine that breaks down."""

    seed: int = 0
    slots: int = 1
    waits: int = 0

    def wait(self, seconds: float) -> Sequence[Outcome]:
        self.waits += 1
        if self.waits == 5:
            self.slots = 32
        if self.waits == 8:
            lost, self._tasks = self._tasks[:32], self._tasks[32:]
            return [Outcome(task, "c", lost="its machine broke down") for task in lost]
        task = self._tasks.pop(0)
        return [Outcome(task, "c", task())]


def test_a_machine_with_many_workers_may_break_down_in_a_cluster_that_grew(tmp_path, calls):
    report = run(ScriptedStage(calls, 300), Growing(), tmp_path, target_seconds=1e-9)
    assert (report.done, report.failed) == (300, ())
    assert all_units_are_right(tmp_path, 300)


def test_a_late_worker_of_a_run_that_was_killed_changes_nothing(tmp_path, calls):
    with make_executor("serial") as executor:
        run(ScriptedStage(calls, 5), executor, tmp_path)
    wrong = ScriptedStage(calls, 5, dict.fromkeys(range(5), ("other",) * 9), fingerprint="before")
    partials = PartialStore(tmp_path / "partials")
    late = worker.LeaseTask(wrong, Lease("scripted", 1, 2), "before", partials, tmp_path / "stop", 60.0)
    assert late().done == 1
    assert all_units_are_right(tmp_path, 5)


def test_a_driver_that_fell_over_resumes_where_it_was(executor, tmp_path, calls):
    stage = ScriptedStage(calls, 80)
    with pytest.raises(RuntimeError, match="fell over"):
        run(stage, executor, tmp_path, Ears(fall_at=20), target_seconds=0.02)
    with Journal(tmp_path, {"threshold": 5}) as journal:
        recorded = {u for r in journal.begin(stage) for u in range(r.first, r.stop)}
    assert len(recorded) >= 20
    ears = Ears()
    report = run(stage, executor, tmp_path, ears)
    assert (report.done, report.resumed) == (80, len(recorded))
    assert all(counts(calls)[unit] == 1 for unit in recorded)
    assert all_units_are_right(tmp_path, 80)
    assert ears.said[0] == f"{len(recorded)} pieces of scripted are done already."
    assert run(stage, executor, tmp_path).resumed == 80


def test_another_fingerprint_is_refused(executor, tmp_path, calls):
    run(ScriptedStage(calls), executor, tmp_path)
    with pytest.raises(UsageError, match="--fresh"):
        run(ScriptedStage(calls, fingerprint="two"), executor, tmp_path)
    assert all_units_are_right(tmp_path, 20)


@pytest.mark.parametrize("harm", ["torn", "altered", "gone", "foreign"])
def test_a_harmed_file_is_done_again(tmp_path, calls, harm):
    stage = ScriptedStage(calls, 40)
    with make_executor("serial") as executor:
        run(stage, executor, tmp_path)
        files = sorted((tmp_path / "partials" / "scripted").glob("*.part"))
        units = range(int(files[2].name[:12]), int(files[2].name[13:25]))
        content = files[2].read_bytes()
        if harm == "gone":
            files[2].unlink()
        else:
            harmed = {
                "torn": content[:-5],
                "altered": content[:-3] + b"\1\2\3",
                "foreign": files[1].read_bytes(),
            }
            files[2].write_bytes(harmed[harm])
        (tmp_path / "partials" / "scripted" / "stray.part").write_bytes(b"left by a crash")
        ears = Ears()
        report = run(stage, executor, tmp_path, ears)
    assert report.resumed == 40 - len(units)
    assert counts(calls) == {unit: 1 + (unit in units) for unit in range(40)}
    assert f"{len(units)} pieces of scripted have lost their results and are done again." in ears.said
    assert all_units_are_right(tmp_path, 40)
    assert not (tmp_path / "partials" / "scripted" / "stray.part").exists()


def test_a_unit_that_differs_when_done_again_is_an_error(tmp_path, calls):
    stage = ScriptedStage(calls, 40, {1: ("ok", "other")})
    with make_executor("serial") as executor:
        run(stage, executor, tmp_path)
        (file,) = (tmp_path / "partials" / "scripted").glob("000000000001-000000000002-*.part")
        file.unlink()
        with pytest.raises(NonDeterministicError, match="Piece 1 of scripted"):
            run(stage, executor, tmp_path)


def test_without_a_journal_a_stage_begins_anew(executor, tmp_path, calls):
    partials = PartialStore(tmp_path / "partials")
    for fingerprint in ("one", "two"):
        report = run_stage(
            ScriptedStage(calls, fingerprint=fingerprint), executor=executor, partials=partials
        )
        assert (report.done, report.resumed) == (20, 0)
    assert all_units_are_right(tmp_path, 20)


def test_a_stage_without_units_is_done(executor, tmp_path, calls):
    report = run(ScriptedStage(calls, 0), executor, tmp_path)
    assert (report.done, report.n_units, report.failed) == (0, 0, ())
    assert all_units_are_right(tmp_path, 0)


def test_a_lease_with_large_results_ends_early(tmp_path, calls, monkeypatch):
    monkeypatch.setattr(worker, "MAX_PARTIAL_BYTES", 100)
    with make_executor("serial") as executor:
        run(ScriptedStage(calls, 300), executor, tmp_path, target_seconds=1e6)
    sizes = [p.stat().st_size for p in (tmp_path / "partials" / "scripted").glob("*.part")]
    assert len(sizes) > 40
    assert counts(calls) == dict.fromkeys(range(300), 1)
    assert all_units_are_right(tmp_path, 300)


def test_where_an_exception_came_from_is_logged(tmp_path, calls, caplog):
    with make_executor("serial") as executor, caplog.at_level(logging.DEBUG, "tessellar"):
        run(ScriptedStage(calls, 5, {2: ("fail",)}), executor, tmp_path)
    assert act.__name__ in caplog.text
    assert "was told to fail" in caplog.text


@dataclass(frozen=True)
class Quick:
    """A stage of no work, failing here and there."""

    n_units: int
    bad: tuple[int, ...] = ()
    name: str = "scripted"
    fingerprint: str = "one"

    def worker(self) -> Work:
        return self.do

    def do(self, unit: int) -> UnitResult:
        if unit in self.bad:
            raise ValueError(unit)
        return UnitResult(expected(unit))


@given(
    st.integers(0, 40),
    st.integers(0, 2**32),
    st.integers(1, 4),
    st.sampled_from([1e-9, 1e-2, 10.0]),
    st.sets(st.integers(0, 39), max_size=3),
)
@settings(max_examples=30, deadline=None)
def test_any_cutting_and_any_order_give_the_same_results(n_units, seed, slots, target, bad):
    without = tuple(sorted(unit for unit in bad if unit < n_units))
    if n_units and len(without) == n_units:
        return
    with tempfile.TemporaryDirectory() as name:
        partials = PartialStore(Path(name) / "partials")
        report = run_stage(
            Quick(n_units, without),
            executor=Shuffled(seed, slots),
            partials=partials,
            target_seconds=target,
            max_tries=9,
        )
        assert [failure.unit for failure in report.failed] == list(without)
        assert report.done == n_units - len(without)
        assert all_units_are_right(Path(name), n_units, without)


def test_memory_does_not_grow_with_the_number_of_units(tmp_path):
    def peak(n_units: int) -> int:
        tracemalloc.start()
        run_stage(
            Idle(n_units), executor=make_executor("serial"), partials=PartialStore(tmp_path / str(n_units))
        )
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    peak(10)
    assert peak(100_000) < 1.3 * peak(33_000)


@dataclass(frozen=True)
class Idle(Quick):
    def do(self, unit: int) -> UnitResult:
        return UnitResult({})
