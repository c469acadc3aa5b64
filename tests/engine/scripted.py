"""A stage whose units do as a script says, and count how often they were begun."""

from __future__ import annotations

import errno
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tessellar.errors import InputError, MemoryBudgetError
from tessellar.model import Payload, UnitResult, Work

DRIVER = "TESSELLAR_TEST_DRIVER"  # process id of the driver, for units that shoot at it


@dataclass(frozen=True)
class ScriptedStage:
    """Unit u gives u², and an array of u mod 5 numbers; ``script[u]`` names what its n-th execution does instead."""

    calls: Path
    n_units: int = 20
    script: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    setups: tuple[str, ...] = ()
    fingerprint: str = "one"
    name: str = "scripted"

    def worker(self) -> Work:
        count = note(self.calls, "setup")
        act(self, self.setups[count] if count < len(self.setups) else "ok", -1)
        return self.do

    def do(self, unit: int) -> UnitResult:
        count = note(self.calls, str(unit))
        actions = self.script.get(unit, ())
        action = actions[count] if count < len(actions) else "ok"
        act(self, action, unit)
        payload = expected(unit)
        if action == "other":
            payload["square"] = payload["square"] + 1
        return UnitResult(payload, voxels=10, bytes_read=40, seconds_read=1e-3, seconds_kernel=3e-3)


def expected(unit: int) -> Payload:
    return {"square": np.array(unit * unit), "ramp": np.arange(unit % 5, dtype=np.float32)}


def same(payload: Payload, unit: int) -> bool:
    wanted = expected(unit)
    return payload.keys() == wanted.keys() and all(
        payload[k].dtype == wanted[k].dtype and np.array_equal(payload[k], wanted[k]) for k in wanted
    )


def note(calls: Path, word: str) -> int:
    """Write down who does something; return how often it was done before."""
    path = calls / word
    with path.open("ab") as file:
        file.write(f"{os.getpid()}:{threading.get_ident()}\n".encode())
    return len(path.read_bytes().splitlines()) - 1


def callers(calls: Path, word: object) -> list[str]:
    """Return who did it, one entry for each execution."""
    path = calls / str(word)
    return path.read_text().split() if path.exists() else []


def counts(calls: Path) -> Counter[int]:
    """Return how often each unit was begun."""
    return Counter({int(p.name): len(callers(calls, p.name)) for p in calls.iterdir() if p.name.isdigit()})


def act(stage: ScriptedStage, action: str, unit: int) -> None:
    driver = int(os.environ.get(DRIVER, "0"))
    if action.startswith("later "):
        act(stage, "hang", unit)
        action = action.removeprefix("later ")
    if action == "fail":
        raise ValueError(f"unit {unit}\nwas told to fail")
    if action == "damaged":
        raise InputError(f"shard {unit} is damaged. Get it again.")
    if action == "memory":
        raise MemoryBudgetError("tile needs 3 GB, allowed 2 GB.")
    if action == "full":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "cube.zarr/c/0")
    if action == "hang":
        until(lambda: (stage.calls.parent / "released").exists(), 600.0)
    if action == "die":
        os._exit(1)
    if action == "kill driver":
        os.kill(driver, signal.SIGKILL)
        until(lambda: False)
    if action in ("interrupt", "terminate"):
        os.killpg(driver, signal.SIGINT if action == "interrupt" else signal.SIGTERM)
        until(lambda: any((stage.calls.parent / "partials").glob("stop-*")))
    if action == "insist":
        os.kill(driver, signal.SIGINT)
        until(lambda: any((stage.calls.parent / "partials").glob("stop-*")))
        os.kill(driver, signal.SIGINT)
        until(lambda: (stage.calls.parent / "released").exists())


def until(true: Callable[[], bool], seconds: float = 60.0) -> None:
    """Return as soon as something is true."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.005)
