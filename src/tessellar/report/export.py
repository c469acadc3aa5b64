"""Exports: what a finished run holds, laid out for other programs, in a folder that appears when it is whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, TypeVar

from tessellar.engine.find.cubelet_files import base_name
from tessellar.engine.observers import Silent
from tessellar.errors import InputError
from tessellar.io.draft import Draft
from tessellar.io.naming import shown
from tessellar.io.publish import EXPORT_MARKER, make_folder, write_text
from tessellar.model import Observer, Progress
from tessellar.report.run_folder import RunFolder, read_run

if TYPE_CHECKING:
    from astropy.table import QTable

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Export:
    """An export at work.

    Attributes
    ----------
    run
        The run.
    table
        Its catalogue.
    folder
        Where files go until the export is whole.
    observer
        Who is told.
    """

    run: RunFolder
    table: QTable
    folder: Path
    observer: Observer

    @property
    def base(self) -> str:
        """What the names of all files begin with: the name of the cube."""
        return base_name(str(self.run.of("cube", "name", default="")))

    def path(self, ending: str) -> Path:
        """Return the file of the export with an ending."""
        return self.folder / f"{self.base}_{ending}"

    def once(self, path: Path, write: Callable[[Path], None]) -> None:
        """Write a file unless an interrupted export did: a file that has its name is whole."""
        if not path.exists():
            make_folder(path.parent)
            write(path)

    def each(self, stage: str, items: Sequence[T]) -> Iterator[T]:
        """Yield items, and tell after each how far the work is."""
        tell = self.teller(stage, len(items))
        try:
            for number, item in enumerate(items, start=1):
                yield item
                tell(number, len(items))
        finally:
            self.observer.end(stage)

    def teller(self, stage: str, total: int) -> Callable[[int, int], None]:
        """Begin a stage, and return what is told how much of it is done, and of how much."""
        return teller(self.observer, stage, total)


def teller(observer: Observer, stage: str, total: int) -> Callable[[int, int], None]:
    """Begin a stage of an observer, and return what is told how much of it is done, and of how much."""
    observer.begin(stage, total)
    began = monotonic()

    def tell(done: int, of: int) -> None:
        observer.progress(Progress(stage, done, of, 0, 0, 0, monotonic() - began))

    return tell


@contextmanager
def exporting(
    run_folder: Path, out: Path, layout: str, *, overwrite: bool, fresh: bool, observer: Observer | None
) -> Iterator[Export]:
    """Give an export to fill; when the block ends its folder gets its name.

    Parameters
    ----------
    run_folder
        The run.
    out
        The folder that shall appear.
    layout
        The format, a word that is kept in ``export.json``.
    overwrite
        Whether to replace an export that exists.
    fresh
        Whether to discard what an interrupted export left.
    observer
        Who is told.

    Raises
    ------
    InputError
        The folder is none of a finished run.
    OutputError
        The export cannot be written.
    """
    run, table = finished_run(run_folder)
    draft = Draft(out, folder_result=True, overwrite=overwrite)
    fingerprint = _fingerprint(run, layout)
    if not draft.open(fingerprint, fresh=fresh):
        make_folder(draft.payload)
        draft.seal(fingerprint)
    export = Export(run, table, draft.payload, observer or Silent())
    _warn(export)
    yield export
    write_text(draft.payload / EXPORT_MARKER, _about(export, layout))
    draft.publish()
    draft.tidy()


def finished_run(folder: Path) -> tuple[RunFolder, QTable]:
    """Return what a finished run left, and its catalogue.

    Raises
    ------
    InputError
        The folder is none of a finished run.
    """
    if (folder / "separation.npz").is_file():
        raise InputError(
            f"{shown(folder)} belongs to a separation of foregrounds, which has no sources. Export it with "
            "--format sdc3a, or give the folder of a run of find."
        )
    begun = any((folder / name).is_file() for name in ("journal.sqlite", "run.toml"))
    if begun and not (folder / "catalogue.ecsv").is_file():
        raise InputError(
            f"The run in {shown(folder)} is unfinished: it has no catalogue. Repeat its tessellar find to finish it."
        )
    run = read_run(folder)
    if run.catalogue is None or "id" not in run.catalogue.colnames:
        raise InputError(f"{shown(folder)} has no catalogue that can be read. Run the find again.")
    return run, run.catalogue


def _fingerprint(run: RunFolder, layout: str) -> str:
    """Return a text that changes with the run, with the format and with the program."""
    from tessellar import __version__

    digest = hashlib.sha256(f"{layout} {__version__} ".encode())
    for name in ("run.json", "catalogue.ecsv"):
        digest.update((run.path / name).read_bytes())
    return digest.hexdigest()


def _warn(export: Export) -> None:
    run = export.run
    if run.of("partial") or run.of("tiles_failed", default=0):
        export.observer.say(
            f"The run in {shown(run.path)} is partial: sources beside pieces that failed carry flag 32, and the export "
            "is as incomplete as the run."
        )


def _about(export: Export, layout: str) -> str:
    from tessellar import __version__

    files = sorted(
        str(path.relative_to(export.folder)) for path in export.folder.rglob("*") if path.is_file()
    )
    about = {
        "format": layout,
        "creator": f"Tessellar {__version__}",
        "cube": export.run.of("cube", "name"),
        "n_sources": len(export.table),
        "partial": bool(export.run.of("partial", default=False)),
        "n_files": len([name for name in files if name != EXPORT_MARKER]),
    }
    return json.dumps(about, indent=1) + "\n"
