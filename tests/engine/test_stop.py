"""Runs that are interrupted, terminated or killed, each in a process of its own, and then resumed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest
from scripted import ScriptedStage, callers, counts, same, until

from tessellar.engine.executors import make_executor
from tessellar.engine.journal import Journal
from tessellar.engine.observers import Silent
from tessellar.engine.partials import PartialStore
from tessellar.engine.run import run_stage
from tessellar.engine.signals import StopSignals
from tessellar.errors import StoppedError
from tessellar.model import Progress

DRIVE = Path(__file__).with_name("drive.py")
EXECUTORS = ["serial", "threads", "processes"]


def drive(folder: Path, executor: str, script: dict[int, list[str]]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(DRIVE), str(folder), executor, json.dumps(script)]
    options = {"capture_output": True, "text": True, "timeout": 120, "check": False}
    return subprocess.run(command, start_new_session=True, **options)  # type: ignore[call-overload,no-any-return]


def recorded(folder: Path) -> set[int]:
    with Journal(folder) as journal:
        records = journal.begin(ScriptedStage(folder / "calls", 60))
    return {unit for r in records for unit in range(r.first, r.stop) if unit not in r.missing}


def resumes(folder: Path, executor: str, done: set[int], script: dict[int, list[str]]) -> None:
    """Assert that a second run gives what an uninterrupted one gives, and repeats nothing that was recorded."""
    again = drive(folder, executor, script)
    assert (again.returncode, again.stderr) == (0, "")
    assert all(counts(folder / "calls")[unit] == 1 for unit in done)
    rows = list(PartialStore(folder / "partials").units("scripted"))
    assert [unit for unit, _ in rows] == list(range(60))
    assert all(same(payload, unit) for unit, payload in rows)


def workers_end(calls: Path) -> None:
    """Assert that no process outlives the driver."""
    pids = {int(who.split(":")[0]) for who in callers(calls, "setup")}
    until(lambda: not any(psutil.pid_exists(pid) for pid in pids))


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize(("action", "code"), [("interrupt", 130), ("terminate", 75)])
def test_a_signal_stops_the_run_and_the_same_command_resumes_it(tmp_path, calls, executor, action, code):
    script = {31: [action]}
    first = drive(tmp_path, executor, script)
    assert (first.returncode, first.stderr) == (code, "")
    assert "What is done is kept: repeat the command to resume." in first.stdout
    workers_end(calls)
    done = recorded(tmp_path)
    assert 31 in done  # the piece in progress was finished
    assert done == set(counts(calls))  # what was begun was kept
    assert len(done) < 60
    resumes(tmp_path, executor, done, script)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_killed_driver_resumes_and_leaves_no_process(tmp_path, calls, executor):
    script = {31: ["kill driver"]}
    first = drive(tmp_path, executor, script)
    assert first.returncode == -signal.SIGKILL
    workers_end(calls)
    done = recorded(tmp_path)
    assert 0 < len(done) < 60
    assert 31 not in done
    resumes(tmp_path, executor, done, script)


@pytest.mark.parametrize("executor", ["serial", "processes"])
def test_a_second_signal_does_not_wait(tmp_path, calls, executor):
    first = drive(tmp_path, executor, {31: ["insist"]})
    assert first.returncode == 130
    workers_end(calls)
    done = recorded(tmp_path)
    assert 31 not in done
    resumes(tmp_path, executor, done, {})


def test_threads_end_after_a_second_signal_when_their_piece_does(tmp_path, calls):
    command = [sys.executable, str(DRIVE), str(tmp_path), "threads", json.dumps({31: ["insist"]})]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdout is not None
        line = driver.stdout.readline() if driver.stdout.readable() else ""
        (tmp_path / "released").touch()
        assert driver.wait(60) == 130
    assert "repeat the command" in line
    assert 31 not in recorded(tmp_path)


class Late(Silent):
    """Sends SIGTERM when the last lease has been counted."""

    def progress(self, event: Progress) -> None:
        if event.done == event.total:
            os.kill(os.getpid(), signal.SIGTERM)


def test_a_signal_in_the_last_moment_of_a_stage_is_heard(tmp_path, calls):
    stage, partials = ScriptedStage(calls, 5), PartialStore(tmp_path / "partials")
    with make_executor("serial") as executor, Journal(tmp_path) as journal:
        with pytest.raises(StoppedError):
            run_stage(stage, executor=executor, partials=partials, journal=journal, observer=Late())
        assert run_stage(stage, executor=executor, partials=partials, journal=journal).resumed == 5


def test_handlers_are_restored():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    heard: list[str] = []
    with StopSignals(lambda: heard.append("first")) as signals:
        assert signals.error() is None
        os.kill(os.getpid(), signal.SIGTERM)
        until(lambda: bool(heard))
        assert isinstance(signals.error(), StoppedError)
        with pytest.raises(StoppedError):
            signal.raise_signal(signal.SIGINT)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    assert heard == ["first"]


def test_other_threads_install_no_handlers():
    before = signal.getsignal(signal.SIGINT)
    seen = []

    def watch() -> None:
        with StopSignals(lambda: None):
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=watch)
    thread.start()
    thread.join()
    assert seen == [before]
