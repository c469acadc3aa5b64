"""A job of a batch system that is not there: a script of `examples/slurm` with the variables that Slurm sets."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil

SCRIPTS = Path(__file__).resolve().parents[2] / "examples" / "slurm"
COMMANDS = Path(__file__).parent / "slurm"


class BatchJob:
    """What every submission of a script has in common.

    Parameters
    ----------
    script
        Name of the script.
    folder
        Where the run folder, the virtual environment and the logs go.
    settings
        Variables that an operator would set, and ``JOB_STATE``, which Slurm would report.
    nodes
        How many; each of them is this machine, with one core for the job.
    """

    def __init__(self, script: str, folder: Path, settings: Mapping[str, str], nodes: int = 2) -> None:
        self.run = folder / "run"
        self.requeued = folder / "requeued"
        self.number = str(10**6 + os.getpid())
        self._script = SCRIPTS / script
        self._log = folder / "job.log"
        activate = folder / "venv" / "bin" / "activate"
        activate.parent.mkdir(parents=True)
        activate.write_text(f'PATH="{folder}/programs:{Path(sys.executable).parent}:$PATH"\n')
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM_", "RAY_"))}
        self._environment = ours | {
            "PATH": f"{COMMANDS}:{os.environ['PATH']}",
            "RUN": str(self.run),
            "VENV": str(folder / "venv"),
            "PATIENCE": "60",
            "JOB_STATE": "RUNNING",
            "REQUEUED": str(self.requeued),
            "SLURM_JOB_ID": self.number,
            "SLURM_JOB_NUM_NODES": str(nodes),
            "SLURM_CPUS_PER_TASK": "1",
            "SLURM_MEM_PER_NODE": "4096",
            **settings,
        }

    def submit(self, restarts: int = 0) -> subprocess.Popen[bytes]:
        """Start the script, the first time or once more."""
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [self._script],
                stdout=log,
                stderr=log,
                env=self._environment | {"SLURM_RESTART_COUNT": str(restarts)},
                start_new_session=True,
            )

    def processes(self) -> list[psutil.Process]:
        """Return every process of the job that lives, wherever it went."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def said(self) -> str:
        """Return what the script and the logs of its cluster say."""
        logs = [self._log, *sorted(self.run.parent.glob("run.cluster/*/*.log"))]
        return "\n".join(f"== {log.name}\n{log.read_text()}" for log in logs)

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            if process.environ().get("SLURM_JOB_ID") != self.number:
                return False
            return bool(process.status() != psutil.STATUS_ZOMBIE)
        except psutil.Error:
            return False


def until(true: Callable[[], bool], seconds: float = 90.0) -> bool:
    """Return True as soon as something is true, False when it did not come true in time."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
