"""Where drivers come from: a process that has loaded the program already, and is forked for each of them.

A program that starts takes longer to load itself than these drivers work. What they do is what any driver does; its
workers are processes of their own, as ever.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from functools import cache
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any


class Driver:
    """A command in a process of its own, which leads a session of its own.

    Parameters
    ----------
    words
        Of the command, see `drive_chaos.main`.
    log
        File for what it says.
    environment
        Its environment; where it finds modules, so does the nursery.
    """

    def __init__(self, words: Mapping[str, Any], log: Path, environment: Mapping[str, str]) -> None:
        self._nursery, _ = _nursery(environment["PYTHONPATH"])
        self._nursery.send((dict(words), log, dict(environment)))
        self.pid: int = self._nursery.recv()
        self._code: int | None = None

    def wait(self, seconds: float | None = None) -> int:
        """Return how it ended, as `subprocess.Popen` does.

        Raises
        ------
        subprocess.TimeoutExpired
            It did not.
        """
        late = None if seconds is None else time.monotonic() + seconds
        while self._code is None:
            self._nursery.send(self.pid)
            self._code = self._nursery.recv()
            if self._code is None:
                if late is not None and time.monotonic() > late:
                    raise subprocess.TimeoutExpired("driver", seconds or 0.0)
                time.sleep(0.005)
        return self._code


@cache
def _nursery(path: str) -> tuple[Connection, subprocess.Popen[bytes]]:
    """Start the nursery, which ends with this process, and return the connection to it."""
    ours, theirs = Pipe()
    command = [sys.executable, __file__, str(theirs.fileno())]
    nursery = subprocess.Popen(command, pass_fds=[theirs.fileno()], env=os.environ | {"PYTHONPATH": path})
    theirs.close()
    return ours, nursery


def _serve(orders: Connection) -> None:
    """Fork a driver for each command that comes, and tell how one has ended to who gives its number."""
    import drive_chaos  # noqa: F401
    import warmed  # noqa: F401

    while True:
        try:
            order = orders.recv()
        except EOFError:
            return
        if isinstance(order, int):
            pid, status = os.waitpid(order, os.WNOHANG)
            orders.send(os.waitstatus_to_exitcode(status) if pid else None)
        elif pid := os.fork():
            orders.send(pid)
        else:
            orders.close()
            _drive(*order)


def _drive(words: dict[str, Any], log: Path, environment: dict[str, str]) -> None:
    os.setsid()
    os.environ.clear()
    os.environ.update(environment)
    with log.open("wb") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    import drive_chaos

    sys.modules["__main__"] = drive_chaos  # as if it had been started as a program: its workers load it, too
    code = 1
    try:
        code = drive_chaos.main(**words)
    finally:
        sys.stdout.flush()
        os._exit(code)  # taking down what was loaded takes longer than the command


if __name__ == "__main__":
    _serve(Connection(int(sys.argv[1])))
