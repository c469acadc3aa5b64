"""Where drivers come from: a process that has loaded the program already, and is forked for each of them.

A program that starts takes longer to load itself than these drivers work. What they do is what any driver does; its
workers are processes of their own, as ever.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

_CONTEXT = get_context("forkserver")
_CONTEXT.set_forkserver_preload(["drive_chaos", "warmed"])


class Driver:
    """A command in a process of its own, which leads a session of its own.

    Parameters
    ----------
    words
        Of the command, see `drive_chaos.main`.
    log
        File for what it says.
    environment
        Its environment.
    """

    def __init__(self, words: Mapping[str, Any], log: Path, environment: Mapping[str, str]) -> None:
        os.environ.setdefault("PYTHONPATH", "")
        before, os.environ["PYTHONPATH"] = os.environ["PYTHONPATH"], environment["PYTHONPATH"]
        try:  # the first one starts the nursery, which must find what it loads
            self._process: BaseProcess = _CONTEXT.Process(
                target=_drive, args=(dict(words), log, dict(environment))
            )
            self._process.start()
        finally:
            os.environ["PYTHONPATH"] = before

    @property
    def pid(self) -> int:
        """Its number, and that of its session."""
        assert self._process.pid is not None
        return self._process.pid

    def wait(self, seconds: float | None = None) -> int:
        """Return how it ended, as `subprocess.Popen` does.

        Raises
        ------
        subprocess.TimeoutExpired
            It did not.
        """
        self._process.join(seconds)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("driver", seconds or 0.0)
        return self._process.exitcode


def _drive(words: dict[str, Any], log: Path, environment: dict[str, str]) -> None:
    os.setsid()
    os.environ.clear()
    os.environ.update(environment)
    with log.open("wb") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    import drive_chaos

    sys.modules["__main__"] = drive_chaos  # as if it had been started as a program: its workers load it, too
    raise SystemExit(drive_chaos.main(**words))
