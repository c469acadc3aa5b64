"""A Dask cluster whose scheduler and workers are started one by one as processes, the way a batch system does it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from scripted import until

import tessellar

_HERE, _PACKAGE = Path(__file__).parent, Path(tessellar.__file__).parents[1]


class HandStarted:
    """A scheduler on a free port of loopback, and the workers that a test adds; all are killed in the end."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        card = folder / "scheduler.json"
        listen = ("--host", "127.0.0.1", "--port", "0", "--dashboard-address", "127.0.0.1:0")
        self.scheduler = self._start("scheduler", {}, *listen, "--scheduler-file", str(card))
        until(lambda: card.exists() and card.read_text().endswith("}"))
        self.address: str = json.loads(card.read_text())["address"]

    def __enter__(self) -> HandStarted:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            process.kill()
            process.wait()

    def add(
        self, name: str, *options: str, host: str = "127.0.0.1", env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a worker, one process and as a rule one thread; it joins when it is ready."""
        threads = () if "--nthreads" in options else ("--nthreads", "1")
        here = ("--name", name, "--host", host, "--local-directory", str(self._folder))
        return self._start(
            "worker", env or {}, self.address, *here, "--no-nanny", "--no-dashboard", *threads, *options
        )

    def _start(self, what: str, env: Mapping[str, str], *options: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", *options]
        environment = {**os.environ, "PYTHONPATH": f"{_HERE}:{_PACKAGE}", **env}
        with (self._folder / f"{what}-{len(self._processes)}.log").open("wb") as log:
            process = subprocess.Popen(
                command, stdout=log, stderr=log, env=environment, start_new_session=True
            )
        self._processes.append(process)
        return process
