"""Copies of a cube that are watched, held up, or killed at a chosen call: ``copying.py OUT LOG EXECUTOR SCRIPT``."""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np
from memory_cube import meta_of, noisy

from tessellar.engine.convert import convert
from tessellar.engine.executors import make_executor
from tessellar.engine.tally import StageReport
from tessellar.errors import TessellarError
from tessellar.io import fits_write
from tessellar.io.sinks import open_sink
from tessellar.model import CubeMeta, FloatArray, Observer, Progress
from tessellar.tiling.box import Box

SHAPE = (10, 11, 13)
SMALL = "TESSELLAR_TEST_SMALL_PIECES"
USUAL = fits_write.PIECE_VOXELS, fits_write._DEPTH
N_PIECES = {".zarr": 12, ".fits": 10}


@dataclass(frozen=True)
class WatchedSource:
    """Noise with a blank shard; every reading is written down in a file, and one of them waits for the test.

    Parameters
    ----------
    log
        The file.
    held
        The reading, by its number, at which a byte is written to ``LOG.ready`` and one awaited from ``LOG.go``.
    deadly
        The reading at which the process is killed, once.
    """

    log: Path
    held: int = -1
    deadly: int = -1
    chunks: None = None
    identity: str = "watched"

    @property
    def meta(self) -> CubeMeta:
        return meta_of(SHAPE)

    @property
    def stored_bytes(self) -> int:
        return self.voxels.nbytes

    @property
    def voxels(self) -> FloatArray:
        voxels = noisy(SHAPE)
        voxels[4:8, 8:, :8] = np.nan
        return voxels

    def read(self, box: Box) -> FloatArray:
        with self.log.open("a") as file:
            file.write(f"{box.start}\n")
        number = len(self.log.read_text().splitlines())
        if number == self.held:
            Path(f"{self.log}.ready").write_bytes(b"x")
            Path(f"{self.log}.go").read_bytes()
        died = Path(f"{self.log}.died")
        if number >= self.deadly > 0 and not died.exists():
            died.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return np.ascontiguousarray(self.voxels[box.slices()])

    def readings(self) -> Counter[str]:
        """Return how often each piece was read, by the corner where it begins."""
        return Counter(self.log.read_text().splitlines() if self.log.exists() else [])


class Listener:
    """An observer that remembers what it was told, and stops the run after some pieces."""

    def __init__(self, stop_after: int = 10**9, stage: str = "copy") -> None:
        self.stop_after, self.stage = stop_after, stage
        self.said: list[str] = []
        self.stages: list[str] = []

    def begin(self, stage: str, total: int) -> None:
        self.stages.append(stage)

    def progress(self, event: Progress) -> None:
        if event.stage == self.stage and event.done >= self.stop_after:
            raise KeyboardInterrupt

    def say(self, text: str) -> None:
        self.said.append(text)

    def end(self, stage: str) -> None: ...


def small_pieces() -> None:
    """Cut FITS files into single planes, ten pieces in the cube, here and in the processes that are started."""
    fits_write.PIECE_VOXELS, fits_write._DEPTH = 143, 1
    os.environ[SMALL] = "1"


def usual_pieces() -> None:
    """Cut FITS files as always."""
    fits_write.PIECE_VOXELS, fits_write._DEPTH = USUAL
    os.environ.pop(SMALL, None)


def copy(
    source: WatchedSource, out: Path, executor: str = "serial", observer: Observer | None = None, **more: Any
) -> StageReport:
    """Copy the cube, twelve pieces to a Zarr store or ten to a FITS file."""
    options = {"shard": (4, 8, 8), "chunk": (2, 4, 4)} if out.suffix == ".zarr" else {}
    sink = open_sink(out, source.meta, content=source.identity, **options)
    with make_executor(executor, workers=None if executor == "serial" else 2) as workers:
        return convert(source, sink, executor=workers, observer=observer, **more)


def tree(path: Path) -> dict[str, bytes]:
    """Return the files of an output with their bytes."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return {str(file.relative_to(path.parent)): file.read_bytes() for file in files}


def kill_at(target: str, number: int, when: str) -> None:
    """Kill this process at the n-th call of ``module:name`` or ``module:Class.name``, before or after its work."""
    module, name = target.split(":")
    owner: Any = importlib.import_module(module)
    *classes, name = name.split(".")
    for part in classes:
        owner = getattr(owner, part)
    work: Callable[..., Any] = getattr(owner, name)
    calls: list[None] = []

    @wraps(work)
    def deadly(*words: Any, **named: Any) -> Any:
        calls.append(None)
        if len(calls) == number and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = work(*words, **named)
        if len(calls) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, deadly)


def main() -> int:
    out, log, executor, script = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], json.loads(sys.argv[4])
    if "kill" in script:
        kill_at(*script["kill"])
    try:
        copy(WatchedSource(log, script.get("held", -1)), out, executor)
    except TessellarError as error:
        print(error)
        return error.exit_code
    return 0


if SMALL in os.environ:
    small_pieces()
if __name__ == "__main__":
    sys.exit(main())
