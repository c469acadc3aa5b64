"""The ray executor, on clusters of real processes: of its own, and with nodes that were started by hand."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest
from ray_cluster import RayCluster, alive, free_port
from scripted import ScriptedStage, callers, counts, same, until

import tessellar as ts
from tessellar.engine.executors import Executor, Outcome, make_executor, ray_reach
from tessellar.engine.executors.ray import RayExecutor
from tessellar.engine.executors.ray_worker import title
from tessellar.engine.journal import Journal
from tessellar.engine.lease import Lease
from tessellar.engine.observers import Silent
from tessellar.engine.partials import PartialStore
from tessellar.engine.run import StageReport, run_stage
from tessellar.engine.worker import LeaseTask
from tessellar.errors import StoppedError, UsageError
from tessellar.simulate.hi import HiSky

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="Ray is not installed: pip install 'tessellar[ray]'"
)
DRIVE = Path(__file__).with_name("drive.py")


@pytest.fixture(scope="module", autouse=True)
def home() -> Iterator[Path]:
    """A home folder with a token for clusters, which is also a short path for Ray's sockets."""
    with tempfile.TemporaryDirectory(prefix="ray-") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", folder)
        patch.setenv("RAY_TMPDIR", folder)
        patch.setenv("PYTHONPATH", f"{DRIVE.parent}:{DRIVE.parent.parent}:{Path(ts.__file__).parents[1]}")
        for name in ("RAY_ADDRESS", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN"):
            patch.delenv(name, raising=False)
        (Path(folder) / ".ray").mkdir()
        (Path(folder) / ".ray" / "auth_token").write_text(64 * "0")
        yield Path(folder)


CLIENT_NEEDS = "grpc"


@pytest.fixture(scope="module")
def client_port() -> int:
    return free_port("127.0.0.2")


@pytest.fixture(scope="module")
def cluster(home: Path, client_port: int) -> Iterator[RayCluster]:
    """A head and a second node, at two addresses, with two cores each and one GPU that is not real."""
    client = f"--ray-client-server-port={client_port}" if importlib.util.find_spec(CLIENT_NEEDS) else ""
    with RayCluster(home, f"--num-cpus=2 {client}", "--num-cpus=2 --num-gpus=1") as nodes:
        yield nodes


def pid() -> int:
    return os.getpid()


def environment() -> dict[str, str]:
    return dict(os.environ)


def node() -> str:
    import ray

    return str(ray.util.get_node_ip_address())


def names() -> str:
    import ray

    return str(ray.get_runtime_context().get_actor_name())


def wait_for(path: Path) -> str:
    until(path.exists)
    return path.name


def unpicklable() -> object:
    return threading.Lock()


def collect(executor: Executor, number: int) -> list[Outcome]:
    outcomes: list[Outcome] = []
    until(lambda: outcomes.extend(executor.wait(1.0)) or len(outcomes) >= number)
    return outcomes


def run(stage: ScriptedStage, executor: Executor, folder: Path) -> StageReport:
    with Journal(folder) as journal:
        return run_stage(
            stage,
            executor=executor,
            partials=PartialStore(folder / "partials"),
            journal=journal,
            observer=Silent(),
            target_seconds=0.1,
        )


def all_units_are_right(folder: Path, n_units: int, without: tuple[int, ...] = ()) -> bool:
    rows = list(PartialStore(folder / "partials").units("scripted"))
    wanted = [unit for unit in range(n_units) if unit not in without]
    return [unit for unit, _ in rows] == wanted and all(same(payload, unit) for unit, payload in rows)


def processes_of(calls: Path) -> set[int]:
    return {int(who.split(":")[0]) for who in callers(calls, "setup")}


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_any_number_of_workers_gives_the_same_results(cluster, tmp_path, calls, workers):
    stage = ScriptedStage(calls, 300, {17: ("fail", "fail"), 23: ("fail",) * 9})
    with make_executor("ray", workers, cluster.address) as executor:
        assert executor.slots == workers
        report = run(stage, executor, tmp_path)
    assert (report.done, report.retries, [f.unit for f in report.failed]) == (299, 4, [23])
    assert counts(calls) == dict.fromkeys(range(300), 1) | {17: 3, 23: 3}
    assert all_units_are_right(tmp_path, 300, without=(23,))
    assert len(callers(calls, "setup")) == len(processes_of(calls)) <= workers
    if workers > 1:
        first, second, third = callers(calls, 17)
        assert first != second != third


def test_workers_are_on_both_nodes_and_compute_with_one_thread(cluster):
    with make_executor("ray", address=cluster.address) as executor:
        assert executor.slots == 4
        assert executor.about == f"Ray: 4 workers at {cluster.address}"
        assert 10**8 < executor.worker_memory < psutil.virtual_memory().total
        for task in [node] * 4 + [environment] * 4 + [names]:
            executor.submit(task)
        outcomes = collect(executor, 9)
    assert {o.result for o in outcomes if o.task is node} == {"127.0.0.2", "127.0.0.3"}
    assert next(o.result for o in outcomes if o.task is names).startswith("tessellar-")
    libraries = ("NUMBA", "OMP", "OPENBLAS", "MKL", "RAYON")
    for outcome in outcomes:
        if outcome.task is environment:
            assert [outcome.result[f"{name}_NUM_THREADS"] for name in libraries] == ["1"] * 5


def test_tasks_are_called_after_their_leases(tmp_path):
    stage, store = ScriptedStage(tmp_path, 9), PartialStore(tmp_path)
    task = LeaseTask(stage, Lease("scripted", 3, 7), "run", store, store.stop_file("run"), 1.0)
    assert (title(task), title(pid)) == ("scripted 3-7", "tessellar")


def test_a_dead_worker_disturbs_no_other_and_is_replaced(cluster):
    with make_executor("ray", 2, cluster.address) as executor:
        tasks = [partial(os._exit, 3), partial(pid), partial(pid), partial(pid)]
        for task in tasks:  # dealt in turn: the first and the third go to the same worker
            executor.submit(task)
        outcomes = {tasks.index(outcome.task): outcome for outcome in collect(executor, 4)}
        assert "died" in outcomes[0].lost
        assert (outcomes[2].result, outcomes[2].lost, outcomes[2].error) == (None, "", None)
        assert outcomes[1].result == outcomes[3].result
        until(lambda: executor.wait(0.1) == [] and executor.slots == 2)
        executor.submit(pid, avoid=outcomes[1].worker)
        (again,) = collect(executor, 1)
        assert again.worker == outcomes[0].worker
        assert again.result not in (None, outcomes[1].result)


def test_what_cannot_travel_is_an_error(cluster, tmp_path, calls):
    with make_executor("ray", 1, cluster.address) as executor:
        for task in (threading.Lock(), unpicklable, partial(divmod, 1, 0)):
            executor.submit(task)
        outcomes = collect(executor, 3)
        assert [type(outcome.error) for outcome in outcomes] == [TypeError, TypeError, ZeroDivisionError]
        executor.submit(pid)
        assert collect(executor, 1)[0].result
        with pytest.raises(UsageError, match=r"executor 'ray' .*--executor threads"):
            run(ScriptedStage(calls, script={0: (threading.Lock(),)}), executor, tmp_path)


def test_deadly_units_are_done_again_or_given_up(cluster, tmp_path, calls):
    stage = ScriptedStage(calls, 60, {23: ("die",), 37: ("die",) * 99})
    with make_executor("ray", 2, cluster.address) as executor:
        report = run(stage, executor, tmp_path)
    assert [failure.unit for failure in report.failed] == [37]
    assert "worker process died" in report.failed[0].reason
    assert counts(calls)[23] == 2
    assert all_units_are_right(tmp_path, 60, without=(37,))


def test_a_worker_killed_in_mid_run_costs_nothing_but_its_lease(cluster, tmp_path, calls):
    class Killer(Silent):
        """Kills a worker as soon as it has done something."""

        killed = 0

        def progress(self, event: object) -> None:
            if not self.killed:
                self.killed = min(processes_of(calls))
                psutil.Process(self.killed).kill()

    stage, killer = ScriptedStage(calls, 2000), Killer()
    with make_executor("ray", 2, cluster.address) as executor, Journal(tmp_path) as journal:
        partials = PartialStore(tmp_path / "partials")
        report = run_stage(
            stage, executor=executor, partials=partials, journal=journal, observer=killer, target_seconds=0.05
        )
    assert killer.killed
    assert (report.done, report.failed) == (2000, ())
    assert all_units_are_right(tmp_path, 2000)


def test_abandoned_and_closed_workers_are_killed(cluster, tmp_path):
    executor = make_executor("ray", 2, cluster.address)
    executor.submit(pid)
    executor.submit(pid)
    workers = [psutil.Process(outcome.result) for outcome in collect(executor, 2)]
    task = partial(wait_for, tmp_path / "never")
    executor.submit(task)
    executor.submit(partial(wait_for, tmp_path / "never"))
    assert executor.wait(0.01) == []
    executor.abandon(task)
    until(lambda: sum(alive(worker) for worker in workers) == 1)
    executor.close(now=True)
    until(lambda: not any(alive(worker) for worker in workers))
    assert executor.wait(0.0) == []
    executor.submit(pid)
    assert collect(executor, 1)[0].result
    executor.close()


def test_gpus_and_the_room_for_workers(cluster):
    with make_executor("ray", address=cluster.address, gpus=True) as executor:
        assert executor.slots == 1
        executor.submit(node)
        executor.submit(environment)
        where, what = collect(executor, 2)
    assert (where.result, what.result["CUDA_VISIBLE_DEVICES"]) == ("127.0.0.3", "0")
    with pytest.raises(UsageError, match=r"room for 1 workers with a core and a GPU each, not for 2"):
        make_executor("ray", 2, cluster.address, gpus=True)
    with pytest.raises(UsageError, match=r"room for 4 workers with a core each, not for 5.*--workers"):
        make_executor("ray", 5, cluster.address)


def test_when_others_have_the_cluster_the_wait_has_an_end(cluster):
    with (
        make_executor("ray", 4, cluster.address),
        pytest.raises(StoppedError, match=r"No worker can begin .*no free place.*repeat the command"),
    ):
        RayExecutor(1, cluster.address, patience_seconds=0.5)


def test_a_connection_of_the_caller_is_used_and_left_open(cluster, monkeypatch):
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    import ray

    ray.init(cluster.address, log_to_driver=False, logging_level="CRITICAL")
    try:
        with make_executor("ray", 2) as executor:
            assert executor.about == f"Ray: 2 workers at {cluster.address}"
            executor.submit(pid)
            (outcome,) = collect(executor, 1)
        assert ray.is_initialized()
        until(lambda: not psutil.pid_exists(outcome.result))
    finally:
        ray.shutdown()


def test_addresses_that_lead_nowhere(monkeypatch):
    monkeypatch.setattr(ray_reach, "JOIN_SECONDS", 0.0)
    with pytest.raises(UsageError, match="No Ray cluster answers"):
        make_executor("ray", address=f"127.0.0.2:{free_port('127.0.0.2')}")
    for address in ("tcp://host:8786", "host:port"):
        with pytest.raises(UsageError, match=r"is no address of a Ray cluster"):
            make_executor("ray", address=address)


def test_the_law(cluster, tmp_path):
    sky = HiSky((48, 96, 80), seed=4, n_sources=12, touch_edges=True)
    runs = [
        ts.find_sources(
            sky,
            products=ts.Products(report=False),
            tile=tile,
            out=tmp_path / executor,
            executor=executor,
            **options,
        )
        for executor, tile, options in (
            ("serial", sky.shape, {}),
            ("ray", (16, 32, 40), {"workers": 3, "address": cluster.address}),
        )
    ]
    assert len(runs[0].catalogue) >= 5
    for name in ("catalogue.vot", "catalogue.parquet", "catalogue.ecsv"):
        first, second = ((run.folder / name).read_bytes() for run in runs)
        assert first == second


def drive(folder: Path, *arguments: str, head_seconds: float = 20.0) -> subprocess.Popen[str]:
    program = (
        "import runpy, sys; from tessellar.engine.executors import ray_session as session; "
        f"session._HEAD_SECONDS = {head_seconds}; sys.path.insert(0, {str(DRIVE.parent)!r}); "
        f"runpy.run_path({str(DRIVE)!r}, run_name='__main__')"
    )
    command = [sys.executable, "-c", program, str(folder), *arguments]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def resumes(folder: Path, calls: Path, *arguments: str) -> set[int]:
    """Assert that a second run completes the first and repeats nothing that was recorded; return what was."""
    stage = ScriptedStage(calls, 60)
    with Journal(folder) as journal:
        records = journal.begin(stage)
    done = {unit for r in records for unit in range(r.first, r.stop) if unit not in r.missing}
    assert 0 < len(done) < 60
    with drive(folder, *arguments) as again:
        assert again.communicate(timeout=100) == ("", "")
    assert again.returncode == 0
    assert all(counts(calls)[unit] == 1 for unit in done)
    assert all_units_are_right(folder, 60)
    return done


@pytest.mark.parametrize(("action", "code"), [("terminate", 75), ("kill driver", -signal.SIGKILL)])
def test_a_cluster_of_our_own_ends_with_the_driver_and_the_run_resumes(tmp_path, calls, action, code):
    script = json.dumps({31: [f"later {action}"]})
    with drive(tmp_path, "ray", script) as driver:
        until(lambda: bool(callers(calls, 31)) or driver.poll() is not None)
        assert driver.poll() is None, driver.communicate()  # it ended before it began: what it said
        family = [p for p in psutil.Process(driver.pid).children(recursive=True) if "Agent" not in p.name()]
        (tmp_path / "released").touch()
        said, errors = driver.communicate(timeout=100)
    assert (driver.returncode, errors) == (code, "")
    assert code < 0 or "Stopped by SIGTERM. What is done is kept: repeat the command to resume." in said
    until(lambda: not any(alive(process) for process in family))  # Ray's agents follow within a minute
    assert counts(calls)[31] == 1
    assert (31 in resumes(tmp_path, calls, "processes", script)) == (code > 0)


def test_an_interrupted_run_finishes_what_it_is_at_and_resumes(cluster, tmp_path, calls):
    script = json.dumps({31: ["hang"]})
    with drive(tmp_path, "ray", script, cluster.address) as driver:
        until(lambda: bool(callers(calls, 31)))
        os.killpg(driver.pid, signal.SIGINT)
        until(lambda: any((tmp_path / "partials").glob("stop-*")))
        (tmp_path / "released").touch()
        said, errors = driver.communicate(timeout=100)
    assert (driver.returncode, errors) == (130, "")
    assert "Interrupted. What is done is kept: repeat the command to resume." in said
    until(lambda: not any(psutil.pid_exists(worker) for worker in processes_of(calls)))
    assert 31 in resumes(tmp_path, calls, "ray", script, cluster.address)


def test_a_head_that_dies_stops_the_run_and_another_cluster_completes_it(cluster, tmp_path, calls):
    script = json.dumps({31: ["hang"]})
    with (
        tempfile.TemporaryDirectory(prefix="ray-") as folder,
        RayCluster(Path(folder), "--num-cpus=2") as first,
        drive(tmp_path, "ray", script, first.address, head_seconds=1.0) as driver,
    ):
        until(lambda: bool(callers(calls, 31)))
        first.kill_head()
        said, errors = driver.communicate(timeout=100)
    assert driver.returncode == 75
    assert "does not answer any more. What is done is kept: repeat the command to resume." in said
    assert "Traceback" not in errors
    assert 31 not in resumes(tmp_path, calls, "ray", "{}", cluster.address)


@pytest.mark.skipif(importlib.util.find_spec(CLIENT_NEEDS) is None, reason="Ray's client needs grpcio")
def test_through_the_client(cluster, client_port, tmp_path, calls):
    with make_executor("ray", 2, f"ray://127.0.0.2:{client_port}") as executor:
        assert executor.about == f"Ray: 2 workers at 127.0.0.2:{client_port}"
        report = run(ScriptedStage(calls, 60, {23: ("die",)}), executor, tmp_path)
    assert report.done == 60
    assert all_units_are_right(tmp_path, 60)


def test_a_cluster_that_cannot_run_us_is_refused(home, tmp_path):
    (tmp_path / "tessellar").mkdir()
    (tmp_path / "tessellar" / "__init__.py").write_text("raise ImportError('no tessellar here')")
    with (
        tempfile.TemporaryDirectory(prefix="ray-") as folder,
        RayCluster(Path(folder), "--num-cpus=2", path=str(tmp_path)) as nodes,
        pytest.raises(UsageError, match=r"No worker can begin .*no tessellar here.*All its nodes need"),
    ):
        make_executor("ray", address=nodes.address)


def test_the_client_says_what_it_needs(monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(ray_reach, "find_spec", lambda name: None if name == "grpc" else found(name))
    with pytest.raises(UsageError, match=r"pip install 'ray\[client\]'"):
        make_executor("ray", address="ray://127.0.0.1:10001")
