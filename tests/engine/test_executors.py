from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import psutil
import pytest
from scripted import until

from tessellar.engine.cgroup import usable_cores
from tessellar.engine.executors import EXECUTORS, Executor, Outcome, make_executor
from tessellar.engine.executors.server import FORKED, FRESH, ONE_THREAD, start_server
from tessellar.errors import StoppedError, UsageError


def pid() -> int:
    return os.getpid()


def environment() -> dict[str, str]:
    return dict(os.environ)


def wait_for(path: Path) -> str:
    until(path.exists)
    return path.name


def unpicklable() -> object:
    return threading.Lock()


def collect(executor: Executor, number: int) -> list[Outcome]:
    outcomes: list[Outcome] = []
    until(lambda: outcomes.extend(executor.wait(1.0)) or len(outcomes) >= number)
    return outcomes


def test_every_task_comes_back_once(executor):
    tasks = [partial(divmod, number, 3) for number in range(20)]
    for task in tasks:
        executor.submit(task)
    outcomes = collect(executor, 20)
    assert sorted(outcome.result for outcome in outcomes) == [divmod(number, 3) for number in range(20)]
    assert {id(outcome.task) for outcome in outcomes} == {id(task) for task in tasks}
    assert not any(outcome.lost or outcome.error for outcome in outcomes)
    assert executor.wait(0.0) == []


def test_slots_are_workers(executor):
    assert executor.slots == (1 if executor.name == "serial" else 2)


@pytest.mark.parametrize("name", ["threads", "processes"])
def test_waiting_ends_without_news(name, tmp_path):
    with make_executor(name, 1) as executor:
        executor.submit(partial(wait_for, tmp_path / "go"))
        assert executor.wait(0.01) == []
        (tmp_path / "go").touch()
        assert [outcome.result for outcome in collect(executor, 1)] == ["go"]


@pytest.mark.parametrize("name", ["threads", "processes"])
def test_another_worker_is_preferred_where_there_is_one(name):
    with make_executor(name, 3) as executor:
        for _ in range(4):
            executor.submit(pid, avoid="1")
        assert {outcome.worker for outcome in collect(executor, 4)} == {"0", "2"}
    with make_executor(name, 1) as executor:
        executor.submit(pid, avoid="0")
        assert [outcome.worker for outcome in collect(executor, 1)] == ["0"]


def test_workers_are_where_they_should_be(executor):
    for _ in range(4):
        executor.submit(pid)
    pids = {outcome.result for outcome in collect(executor, 4)}
    assert (len(pids), os.getpid() in pids) == ((2, False) if executor.name == "processes" else (1, True))


def test_a_dead_process_disturbs_no_other_and_is_replaced():
    with make_executor("processes", 2) as executor:
        tasks = [partial(os._exit, 3), partial(pid), partial(pid), partial(pid)]
        for task in tasks:  # dealt in turn: the first and the third go to worker 0
            executor.submit(task)
        outcomes = {tasks.index(outcome.task): outcome for outcome in collect(executor, 4)}
        assert "died" in outcomes[0].lost
        assert outcomes[2].result is None
        assert outcomes[1].result == outcomes[3].result != os.getpid()
        executor.submit(pid, avoid="1")
        (again,) = collect(executor, 1)
        assert again.worker == "0"
        assert again.result not in (None, os.getpid(), outcomes[1].result)


def test_what_a_dead_process_had_not_begun_is_told_apart():
    with make_executor("processes", 1) as executor:
        executor.submit(partial(os._exit, 3))
        executor.submit(pid)
        dead, unbegun = collect(executor, 2)
        assert dead.lost
        assert (unbegun.lost, unbegun.result, unbegun.error) == ("", None, None)


def test_a_process_killed_while_idle_is_replaced():
    threads = threading.active_count()
    with make_executor("processes", 1) as executor:
        executor.submit(pid)
        (first,) = collect(executor, 1)
        psutil.Process(first.result).kill()
        until(lambda: threading.active_count() <= threads)  # so long the death is unknown here
        executor.submit(pid)
        outcomes = collect(executor, 1)
        assert not outcomes[0].lost  # it was at nothing when it died
        if outcomes[0].result is None:  # the death was found out by this task
            executor.submit(pid)
            outcomes = collect(executor, 1)
        assert outcomes[0].result not in (None, first.result)


def dead(child: psutil.Process) -> bool:
    return bool(child.status() == psutil.STATUS_ZOMBIE)


@pytest.fixture
def _a_server_forks() -> None:
    if start_server() != FORKED:
        pytest.skip("On this system a worker is no fork of a server.")


@pytest.mark.usefixtures("_a_server_forks")
def test_the_server_of_workers_has_one_thread_and_is_replaced_when_it_dies():
    threads = threading.active_count()
    with make_executor("processes", 1) as executor:
        for _ in range(2):
            executor.submit(os.getppid)
            (outcome,) = collect(executor, 1)
            server = psutil.Process(outcome.result)
            assert server.ppid() == os.getpid()
            assert server.num_threads() == 1
            server.kill()
            until(partial(dead, server))
            until(lambda: threading.active_count() <= threads)
            executor.submit(pid)  # at once, or after this task has found out
            collect(executor, 1)


CUT = """
import multiprocessing.forkserver, os, socket, sys
from tessellar.engine.executors.server import start_server
start_server()
server = multiprocessing.forkserver._forkserver
if sys.argv[1] == "request":
    with socket.socket(socket.AF_UNIX) as asking:
        asking.connect(server._forkserver_address)
    _, status = os.waitpid(server._forkserver_pid, 0)
    print(os.waitstatus_to_exitcode(status))
else:
    said, told = multiprocessing.forkserver.connect_to_new_process([])
    multiprocessing.forkserver.read_signed(said)
    os.write(told, b"\\x80"[: sys.argv[1] == "half"])
    os.close(told)
    print(multiprocessing.forkserver.read_signed(said))
"""


@pytest.mark.skipif(start_server() == FRESH, reason="there is no server here")
@pytest.mark.parametrize("cut", ["request", "half", "none"])
def test_a_driver_that_dies_while_it_asks_for_a_worker_leaves_no_words(cut):
    end = subprocess.run(
        [sys.executable, "-c", CUT, cut], capture_output=True, text=True, timeout=60, check=True
    )
    assert (end.stdout.strip(), end.stderr) == ("1", "")


def test_other_errors_of_the_server_are_told():
    program = "import tessellar.engine.executors.serving; raise ValueError('an error of another kind')"
    end = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert "ValueError: an error of another kind" in end.stderr


def test_processes_that_cannot_start_are_a_sentence(monkeypatch):
    def no_room() -> None:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    with make_executor("processes", 1) as executor:
        monkeypatch.setattr("multiprocessing.popen_forkserver.Popen._launch", lambda *_: no_room())
        monkeypatch.setattr("multiprocessing.popen_spawn_posix.Popen._launch", lambda *_: no_room())
        with pytest.raises(
            StoppedError, match=r"No worker process .*temporarily unavailable.*--executor threads"
        ):
            executor.submit(pid)


@pytest.mark.parametrize("broken", ["popen_forkserver.Popen._launch", "forkserver.ensure_running"])
def test_without_a_server_processes_are_fresh(monkeypatch, broken):
    def too_long(*_: object) -> None:
        raise OSError("AF_UNIX path too long")

    monkeypatch.setattr(f"multiprocessing.{broken}", too_long)
    if broken.startswith("forkserver"):
        assert start_server() == FRESH
    with make_executor("processes", 1) as executor:
        executor.submit(os.getppid)
        assert collect(executor, 1)[0].result == os.getpid()


def blocked() -> set[int]:
    return set(signal.pthread_sigmask(signal.SIG_BLOCK, ()))


@pytest.mark.usefixtures("_a_server_forks")
def test_signals_reach_the_driver_and_other_processes_but_not_the_workers_and_their_server():
    with make_executor("processes", 1) as executor:
        executor.submit(os.getppid)
        (outcome,) = collect(executor, 1)
        os.kill(outcome.result, signal.SIGTERM)
        executor.submit(os.getppid)
        assert collect(executor, 1)[0].result == outcome.result
        with ProcessPoolExecutor(1, multiprocessing.get_context(FORKED)) as others:
            assert not others.submit(blocked).result()
            assert others.submit(signal.getsignal, signal.SIGTERM).result() == signal.SIG_DFL


def test_a_worker_has_the_environment_of_its_driver(monkeypatch):
    monkeypatch.setenv("TESSELLAR_OLD", "1")
    with make_executor("processes", 1) as executor:
        executor.submit(environment)
        assert collect(executor, 1)[0].result["TESSELLAR_OLD"] == "1"
    monkeypatch.delenv("TESSELLAR_OLD")
    monkeypatch.setenv("TESSELLAR_NEW", "1")
    with make_executor("processes", 1) as executor:
        executor.submit(environment)
        (outcome,) = collect(executor, 1)
    assert outcome.result == os.environ | ONE_THREAD


def test_what_cannot_travel_is_an_error_of_its_task():
    with make_executor("processes", 1) as executor:
        executor.submit(lambda: None)
        executor.submit(unpicklable)
        outcomes = collect(executor, 2)
        assert all(outcome.error and not outcome.lost for outcome in outcomes)
        executor.submit(pid)
        assert collect(executor, 1)[0].result


def test_processes_compute_with_one_thread(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("NUMBA_NUM_THREADS", raising=False)
    with make_executor("processes", 1) as executor:
        executor.submit(environment)
        (outcome,) = collect(executor, 1)
    names = ("NUMBA", "OMP", "OPENBLAS", "MKL", "RAYON")
    assert [outcome.result[f"{name}_NUM_THREADS"] for name in names] == ["1"] * 5
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "NUMBA_NUM_THREADS" not in os.environ


def test_closing_at_once_kills_processes(tmp_path):
    executor = make_executor("processes", 1)
    executor.submit(pid)
    (outcome,) = collect(executor, 1)
    executor.submit(partial(wait_for, tmp_path / "never"))
    executor.close(now=True)
    until(lambda: not psutil.pid_exists(outcome.result))
    assert executor.wait(0.0) == []


@pytest.mark.parametrize("name", ["threads", "processes"])
def test_closing_does_not_wait_for_ever(name, tmp_path, monkeypatch):
    monkeypatch.setattr(f"tessellar.engine.executors.{name}.LAST_SECONDS", 0.05)
    executor = make_executor(name, 1)
    executor.submit(partial(pid))
    (outcome,) = collect(executor, 1)
    executor.submit(partial(wait_for, tmp_path / "go"))
    executor.submit(partial(wait_for, tmp_path / "go"))
    executor.close()
    if name == "processes":
        until(lambda: not psutil.pid_exists(outcome.result))
    (tmp_path / "go").touch()


def test_names():
    with pytest.raises(UsageError, match=r"no executor 'spark'.* serial, threads, processes, dask, ray"):
        make_executor("spark")
    with pytest.raises(UsageError, match="0 workers"):
        make_executor("threads", 0)
    with pytest.raises(UsageError, match="--address"):
        make_executor("threads", address="tcp://host:8786")
    assert [make_executor(name).name for name in EXECUTORS[:3]] == ["serial", "threads", "processes"]
    assert make_executor("threads").slots == make_executor("processes").slots == usable_cores()
