"""The dask executor on real clusters: of this machine, and started by hand on two addresses of loopback."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
from dask_cluster import HandStarted
from scripted import ScriptedStage, callers, counts, same, until
from test_executors import collect, environment, pid
from test_stop import drive, recorded, resumes, workers_end

import tessellar as ts
from tessellar.engine.executors import dask_call, dask_cluster, dask_members, make_executor
from tessellar.engine.executors.dask import DaskExecutor
from tessellar.engine.executors.server import ONE_THREAD
from tessellar.engine.journal import Journal
from tessellar.engine.lease import Lease
from tessellar.engine.observers import Silent
from tessellar.engine.partials import PartialStore
from tessellar.engine.run import StageReport, run_stage
from tessellar.errors import StoppedError, UsageError
from tessellar.model import Progress, UnitResult
from tessellar.simulate.hi import HiSky

SKY = HiSky((48, 96, 80), seed=4, n_sources=12, touch_edges=True)


@dataclass
class Witness(Silent):
    """An observer that does something once a number of units is done."""

    deed: Callable[[], object] = lambda: None
    after: int = 10
    done: bool = False
    said: list[str] = field(default_factory=list)

    def progress(self, event: Progress) -> None:
        if event.done >= self.after and not self.done:
            self.done = True
            self.deed()

    def say(self, text: str) -> None:
        self.said.append(text)


@dataclass(frozen=True)
class MeetingStage(ScriptedStage):
    """Unit 5 ends when a second worker has begun."""

    def do(self, unit: int) -> UnitResult:
        if unit == 5:
            until(lambda: len(callers(self.calls, "setup")) > 1)
        return super().do(unit)


@dataclass(frozen=True)
class Named:
    """A task that tells how Dask calls it, and who does it."""

    lease: Lease

    def __call__(self) -> tuple[str, str]:
        from distributed import get_worker

        return get_worker().get_current_task(), str(get_worker().name)


@pytest.fixture(scope="module")
def own() -> Iterator[DaskExecutor]:
    with DaskExecutor(2) as executor:
        yield executor


@pytest.fixture(scope="module")
def hand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HandStarted]:
    """Two workers, at two addresses of loopback."""
    with HandStarted(tmp_path_factory.mktemp("dask")) as cluster:
        cluster.add("a", "--memory-limit", "2GB")
        cluster.add("b", "--memory-limit", "3GB", host="127.0.0.2", env={"OMP_NUM_THREADS": "3"})
        with DaskExecutor(address=cluster.address) as executor:
            staffed(executor, 2)
        yield cluster


def staffed(executor: DaskExecutor, number: int) -> DaskExecutor:
    """Wait for so many slots."""
    until(lambda: executor.wait(0.1) == [] and executor.slots == number)
    return executor


def run(
    stage: ScriptedStage, executor: DaskExecutor, folder: Path, witness: Witness | None = None
) -> StageReport:
    partials = PartialStore(folder / "partials")
    with Journal(folder) as journal:
        return run_stage(
            stage,
            executor=executor,
            partials=partials,
            journal=journal,
            observer=witness or Silent(),
            target_seconds=0.05,
        )


def all_is_right(folder: Path, units: int = 60, without: tuple[int, ...] = ()) -> bool:
    rows = list(PartialStore(folder / "partials").units("scripted"))
    wanted = [unit for unit in range(units) if unit not in without]
    return [unit for unit, _ in rows] == wanted and all(same(payload, unit) for unit, payload in rows)


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize("workers", [1, 4])
def test_any_number_of_workers_gives_the_results(tmp_path, calls, workers):
    before = threads()
    with make_executor("dask", workers) as executor:
        assert executor.slots == workers
        report = run(ScriptedStage(calls, 60), executor, tmp_path)
    assert (report.done, report.failed, report.retries) == (60, (), 0)
    assert counts(calls) == dict.fromkeys(range(60), 1)
    assert all_is_right(tmp_path)
    assert len(callers(calls, "setup")) == len(set(callers(calls, "setup"))) <= workers
    workers_end(calls)
    assert {name for name in threads() - before if not name.startswith("Dask-")} == set()


def test_a_unit_that_fails_is_done_by_another_worker(own, tmp_path, calls):
    report = run(ScriptedStage(calls, 60, {17: ("fail", "fail")}), own, tmp_path)
    assert (report.done, report.retries) == (60, 2)
    first, second, third = callers(calls, 17)
    assert first != second != third
    assert all_is_right(tmp_path)


def test_a_unit_that_kills_its_worker_is_done_again_and_given_up_in_the_end(own, tmp_path, calls):
    report = run(ScriptedStage(calls, 60, {23: ("die",), 41: ("die",) * 9}), own, tmp_path)
    assert [(failure.unit, failure.tries) for failure in report.failed] == [(41, 3)]
    assert counts(calls)[23] == 2
    assert counts(calls)[41] >= 3  # at first in a lease with others
    assert all_is_right(tmp_path, without=(41,))
    staffed(own, 2)


def test_what_a_dead_worker_had_not_begun_is_told_apart(own):
    for task in (partial(os._exit, 3), pid, pid, pid):
        own.submit(task)
    outcomes = collect(own, 4)
    (lost,) = [outcome for outcome in outcomes if outcome.lost]
    (unbegun,) = [outcome for outcome in outcomes if not outcome.lost and outcome.result is None]
    assert lost.worker == unbegun.worker != ""
    assert unbegun.error is None
    staffed(own, 2)


def test_a_stage_that_cannot_travel_is_an_error_in_words(own, tmp_path, calls):
    stage = ScriptedStage(calls, script={0: (threading.Lock(),)})  # type: ignore[arg-type,dict-item]
    with pytest.raises(UsageError, match=r"cannot run on the executor 'dask'.*--executor threads"):
        run(stage, own, tmp_path)


def test_a_result_that_cannot_travel_is_an_error_of_its_task(own, capfd):
    own.submit(threading.Lock)
    (outcome,) = collect(own, 1)
    assert "pickle" in str(outcome.error)
    assert capfd.readouterr().err == ""


def test_an_executor_that_was_closed_opens_again(own):
    own.close(now=True)
    assert own.wait(0.0) == []
    own.submit(pid)
    (outcome,) = collect(own, 1)
    assert outcome.result not in (None, os.getpid())


def test_workers_compute_with_one_thread(own, monkeypatch):
    own.submit(environment)
    (outcome,) = collect(own, 1)
    assert {name: outcome.result[name] for name in ONE_THREAD} == ONE_THREAD


def test_tasks_have_names_that_can_be_read(own):
    for first in (120, 184):
        own.submit(Named(Lease("detect", first, first + 64)))
    one, two = sorted(outcome.result[0] for outcome in collect(own, 2))
    assert one.startswith("tessellar-detect-000120-000184-")
    assert two.startswith("tessellar-detect-000184-000248-")


def test_a_silent_worker_of_ours_is_killed_and_replaced(own):
    never = partial(until, bool)
    own.submit(never)
    own.submit(pid)
    (outcome,) = collect(own, 1)
    own.abandon(never)
    staffed(own, 2)
    for _ in range(4):
        own.submit(pid)
    pids = {again.result for again in collect(own, 4)}
    assert len(pids) == 2
    assert outcome.result in pids  # the other one


def test_a_worker_of_ours_that_dask_does_not_restart_is_replaced(own):
    import dask

    cluster = own._cluster.client.cluster
    with dask.config.set({"distributed.deploy.lost-worker-timeout": "10 ms"}):
        cluster.sync(cluster.workers[0].close)
        staffed(own, 1)
        staffed(own, 2)
    for _ in range(4):
        own.submit(pid)
    assert len({outcome.result for outcome in collect(own, 4)}) == 2


def test_it_says_where_it_works(own, hand):
    assert own.about.startswith("Dask: 2 workers at tcp://127.0.0.1:")
    assert own.about.endswith(own.dashboard)
    assert own.dashboard.startswith("http://127.0.0.1:")
    assert own.worker_memory is None
    with DaskExecutor(1, hand.address) as executor:
        assert executor.slots == 1
        assert executor.about.startswith(f"Dask: 1 worker at {hand.address}")
        assert executor.worker_memory in (2_000_000_000, 3_000_000_000)


@pytest.mark.parametrize(("action", "code"), [("interrupt", 130), ("terminate", 75)])
def test_a_signal_stops_the_run_and_the_same_command_resumes_it(tmp_path, calls, action, code):
    script = {31: [action]}
    first = drive(tmp_path, "dask", script)
    assert (first.returncode, first.stderr) == (code, "")
    assert "What is done is kept: repeat the command to resume." in first.stdout
    workers_end(calls)
    done = recorded(tmp_path)
    assert 31 in done  # the piece in progress was finished
    assert done == set(counts(calls))
    assert len(done) < 60
    resumes(tmp_path, "dask", done, script)


def test_a_killed_driver_leaves_no_process_and_resumes(tmp_path, calls):
    script = {31: ["kill driver"]}
    assert drive(tmp_path, "dask", script).returncode == -signal.SIGKILL
    workers_end(calls)
    done = recorded(tmp_path)
    assert 31 not in done
    resumes(tmp_path, "dask", done, script)


def test_a_second_signal_does_not_wait(tmp_path, calls):
    first = drive(tmp_path, "dask", {31: ["insist"]})
    assert (first.returncode, first.stderr) == (130, "")
    workers_end(calls)
    assert 31 not in recorded(tmp_path)


def test_workers_started_by_hand_on_two_addresses(hand, tmp_path, calls):
    with make_executor("dask", address=hand.address) as executor:
        report = run(ScriptedStage(calls, 60, {23: ("fail",)}), executor, tmp_path)
        assert executor.slots == 2
        for _ in range(2):
            executor.submit(environment)
        seen = {outcome.worker: outcome.result for outcome in collect(executor, 2)}
    assert (report.done, report.retries) == (60, 1)
    assert len({who.split(":")[0] for who in callers(calls, "setup")}) == 2
    assert all_is_right(tmp_path)
    assert {name: seen["a"][name] for name in ONE_THREAD} == ONE_THREAD
    assert seen["b"]["OMP_NUM_THREADS"] == "3"  # whoever started it wanted it so
    with DaskExecutor(address=hand.address) as executor:  # nobody was sent home
        staffed(executor, 2)


def test_the_catalogue_is_the_same_on_every_cluster(hand, tmp_path):
    def catalogue(name: str, **options: str | int) -> list[bytes]:
        quick = ts.Products(report=False)
        found = ts.find_sources(SKY, products=quick, tile=(24, 48, 40), out=tmp_path / name, **options)
        assert len(found.catalogue) >= 2
        return [(found.folder / f"catalogue.{kind}").read_bytes() for kind in ("vot", "parquet", "ecsv")]

    alone = catalogue("serial", executor="serial")
    assert catalogue("own", executor="dask", workers=2) == alone
    assert catalogue("joined", executor="dask", workers=2, address=hand.address) == alone


def test_a_worker_that_joins_late_is_used_and_one_that_is_killed_is_missed_by_nobody(tmp_path, calls):
    with HandStarted(tmp_path / "cluster") as cluster:
        early = cluster.add("early")
        with DaskExecutor(address=cluster.address) as executor:
            assert executor.slots == 1
            late = cluster.add("late", host="127.0.0.2")
            run(MeetingStage(calls, 60), executor, tmp_path)
            assert executor.slots == 2
            (calls / "0").unlink()
            stage = ScriptedStage(calls, 400, name="scripted", fingerprint="two")
            report = run(stage, executor, tmp_path / "second", Witness(early.kill))
            staffed(executor, 1)
            assert late.poll() is None
    assert report.done == 400
    assert all_is_right(tmp_path / "second", 400)
    assert all_is_right(tmp_path)


def test_a_run_outlives_its_scheduler(tmp_path, calls, capfd):
    stage = ScriptedStage(calls, 400)
    with HandStarted(tmp_path / "first") as cluster:
        cluster.add("a")
        with (
            pytest.raises(StoppedError, match=r"scheduler at tcp://.* is gone.*repeat the command") as caught,
            DaskExecutor(address=cluster.address) as executor,
        ):
            run(stage, executor, tmp_path, Witness(cluster.scheduler.kill))
        assert caught.value.exit_code == 75
        assert capfd.readouterr().err == ""
    with Journal(tmp_path) as journal:
        done = {unit for r in journal.begin(stage) for unit in range(r.first, r.stop)}
    assert 0 < len(done) < 400
    with HandStarted(tmp_path / "second") as cluster:
        cluster.add("a")
        with DaskExecutor(address=cluster.address) as executor:
            report = run(stage, executor, tmp_path)
    assert report.resumed == len(done)
    assert all(counts(calls)[unit] == 1 for unit in done)
    assert all_is_right(tmp_path, 400)


def test_gpus_are_slots_where_workers_declare_them(tmp_path):
    with HandStarted(tmp_path) as cluster:
        cluster.add("plain")
        cluster.add("two", "--resources", "GPU=2", "--nthreads", "4", "--memory-limit", "8GB")
        with DaskExecutor(address=cluster.address, gpus=True) as executor:
            assert staffed(executor, 2).worker_memory == 4_000_000_000
            for first in range(6):
                executor.submit(Named(Lease("detect", first, first + 1)))
            outcomes = collect(executor, 6)
        with DaskExecutor(address=cluster.address) as executor:
            staffed(executor, 5)
    assert {outcome.worker for outcome in outcomes} == {"two/0", "two/1"}
    assert {outcome.result[1] for outcome in outcomes} == {"two"}


def test_a_cluster_of_this_machine_cannot_tell_gpus_apart():
    with pytest.raises(UsageError, match="--resources GPU=1"):
        make_executor("dask", 2, gpus=True)


def test_workers_with_other_software_get_no_work(hand, tmp_path, monkeypatch):
    (tmp_path / "tessellar.py").write_text("raise ModuleNotFoundError('No module named tessellar')")
    with HandStarted(tmp_path / "cluster") as cluster:
        cluster.add("odd", env={"PYTHONPATH": str(tmp_path)})
        with pytest.raises(UsageError, match=r"cannot run Tessellar \(No module named.*the same software"):
            DaskExecutor(address=cluster.address)
    monkeypatch.setattr(dask_call, "__version__", "99.0")
    with pytest.raises(UsageError, match=rf"it has tessellar {ts.__version__} instead of 99.0"):
        DaskExecutor(address=hand.address)


def test_waiting_for_workers_is_said_and_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(dask_members, "_SILENCE_SECONDS", 0.5)
    said: list[str] = []
    with HandStarted(tmp_path) as cluster, pytest.raises(StoppedError, match=r"no free worker .* for 2 s"):
        DaskExecutor(address=cluster.address, patience_seconds=2, say=said.append)
    assert said == [f"Waiting for a free worker in the Dask cluster at {cluster.address}."]


def test_addresses_where_there_is_no_scheduler(hand, monkeypatch):
    from distributed import Client

    monkeypatch.setattr(dask_cluster, "_CONNECT_SECONDS", 1)
    with Client(hand.address, set_as_default=False) as client:
        worker = next(iter(client.nthreads()))
    with closing(socket.create_server(("127.0.0.1", 0))) as mute:
        silent = f"tcp://127.0.0.1:{mute.getsockname()[1]}"
        with pytest.raises(UsageError, match=rf"{silent} \(nothing heard for 1 s\).*dask scheduler"):
            make_executor("dask", address=silent)
    for address, reason in [("foo://x:1", "unknown"), ("tcp://x", "port"), (worker, "a worker does")]:
        with pytest.raises(UsageError, match=rf"No Dask scheduler answers at {address} \(.*{reason}"):
            make_executor("dask", address=address)
