"""The partial results of a run on disk: a file for each lease, read unit by unit by later stages."""

from __future__ import annotations

import json
import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from tessellar.engine.partial_file import PartialFile, PartialWriter
from tessellar.errors import InputError, OutputError, UsageError
from tessellar.io.publish import make_folder, output_errors, remove, write_bytes
from tessellar.model import Payload, Stage

_OPEN_FILES = 16  # tables of contents that a reader keeps
_CONTENTS = "contents.json"

StageName: TypeAlias = Stage | str


@dataclass(frozen=True, slots=True, order=True)
class Segment:
    """Consecutive units ``[first, stop)`` of a stage that have a result, and the file that holds it."""

    first: int
    stop: int
    file: str


class PartialStore:
    """The folder of partial results of one run; it pickles to the folder's name, so any worker may hold one.

    Parameters
    ----------
    folder
        Where the files go, one sub-folder a stage; on a cluster a folder that every worker sees.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self._contents: dict[str, list[Segment]] = {}
        self._files: OrderedDict[Path, PartialFile] = OrderedDict()
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[PartialStore], tuple[Path]]:
        return (PartialStore, (self.folder,))

    def write(
        self, writer: PartialWriter, stage: StageName, first: int, stop: int, *, durable: bool = True
    ) -> tuple[str, str, int]:
        """Write the results of one lease; return the file's name, its digest and its size in bytes.

        The digest is part of the name: no worker, however late, and be it that of another run which was killed, can
        put other results in the place of those that are recorded. Results that are not ``durable`` are not waited for
        until they are on the disk: should the machine fail, they may be done again.

        Raises
        ------
        OutputError
            The folder cannot be written to, or the disk is full; or the run has ended and removed it.
        """
        content, digest = writer.pack()
        name = f"{first:012d}-{stop:012d}-{digest}.part"
        home = self._home(stage)
        with output_errors(home):
            home.mkdir(exist_ok=True)
        write_bytes(home / name, content, durable=durable)
        return name, digest, len(content)

    def sound(self, stage: Stage, file: str, digest: str, units: Collection[int]) -> bool:
        """Return whether a file is complete, unharmed, the one that is meant, and holds units; reads all of it."""
        try:
            partial = PartialFile(self._home(stage) / file)
            partial.verify()
        except OutputError:
            return False
        meant = (partial.stage, partial.fingerprint, partial.digest) == (
            stage.name,
            stage.fingerprint,
            digest,
        )
        return meant and partial.holds(units)

    def sweep(self, stage: StageName, keep: Collection[str] = ()) -> None:
        """Remove a stage's files but the ones to keep: what an interrupted run left unrecorded."""
        self._contents.pop(_name(stage), None)
        home = self._home(stage)
        with output_errors(home):
            for path in home.iterdir() if home.is_dir() else ():
                if path.name not in keep:
                    remove(path)

    def seal(self, stage: StageName, segments: Sequence[Segment]) -> None:
        """Declare a stage finished: from now on its units can be read."""
        segments = sorted(segments)
        rows = [[s.first, s.stop, s.file] for s in segments]
        home = self._home(stage)
        with output_errors(home):
            make_folder(home)
        write_bytes(home / _CONTENTS, json.dumps(rows).encode(), durable=False)  # made anew on resuming
        with self._lock:
            self._contents[_name(stage)] = segments
            self._files.clear()

    def units(self, stage: StageName) -> Iterator[tuple[int, Payload]]:
        """Yield every unit of a finished stage with its result, ascending, one unit in memory at a time.

        Units that were given up are left out.
        """
        for segment in self._segments(_name(stage)):
            yield from self._open(self._home(stage) / segment.file).stream(segment.first, segment.stop)

    def fetch(self, stage: StageName, unit: int) -> Payload:
        """Return the result of one unit of a finished stage.

        Raises
        ------
        KeyError
            The unit was given up, so there is no result.
        """
        segments = self._segments(_name(stage))
        at = bisect_right(segments, unit, key=lambda s: s.first) - 1
        if at < 0 or unit >= segments[at].stop:
            raise KeyError(unit)
        return self._open(self._home(stage) / segments[at].file).payload(unit)

    def stop_file(self, run: str) -> Path:
        """Return the file whose existence tells the workers of a run to stop; earlier ones are removed.

        Raises
        ------
        OutputError
            The folder cannot be written to.
        """
        with output_errors(self.folder):
            make_folder(self.folder)
            for path in self.folder.glob("stop-*"):
                path.unlink(missing_ok=True)
        return self.folder / f"stop-{run}"

    def clear(self) -> None:
        """Remove all partial results of the run."""
        with self._lock:
            self._contents.clear()
            self._files.clear()
        with output_errors(self.folder):
            remove(self.folder)

    def _home(self, stage: StageName) -> Path:
        return self.folder / _name(stage)

    def _segments(self, name: str) -> list[Segment]:
        with self._lock:
            if name not in self._contents:
                self._contents[name] = self._read_contents(name)
            return self._contents[name]

    def _read_contents(self, name: str) -> list[Segment]:
        path = self._home(name) / _CONTENTS
        try:
            return [Segment(first, stop, file) for first, stop, file in json.loads(path.read_bytes())]
        except FileNotFoundError as error:
            raise UsageError(
                f"Stage {name} has no results in {self.folder}: it must finish before they are read."
            ) from error
        except (OSError, ValueError) as error:
            raise InputError(
                f"{path} cannot be read ({error}). Repeat the command: it is written again."
            ) from error

    def _open(self, path: Path) -> PartialFile:
        with self._lock:
            if path not in self._files:
                self._files[path] = PartialFile(path)
                if len(self._files) > _OPEN_FILES:
                    self._files.popitem(last=False)
            self._files.move_to_end(path)
            return self._files[path]


def _name(stage: StageName) -> str:
    return stage if isinstance(stage, str) else stage.name
