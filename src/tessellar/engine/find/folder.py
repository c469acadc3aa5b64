"""The run folder: what may be there before a run, and what must not be there while it is unfinished."""

from __future__ import annotations

import shutil
from pathlib import Path

from tessellar.errors import OutputError, UsageError
from tessellar.io.naming import shown

MARKER = "run.toml"
PARTIALS = "partials"
RUN_LOG = "run.log"
_JOURNAL = "journal.sqlite"
_CATALOGUES = ("catalogue.vot", "catalogue.parquet", "catalogue.ecsv")
_PRODUCTS = (*_CATALOGUES, "run.json", "report.html", "noise.npz", "skymap.npz", "sources.npz")


def prepare_folder(folder: Path, *, fresh: bool) -> None:
    """Make a run folder, or take up the one that is there.

    Results of an earlier run are removed, since a catalogue that exists means a run that is complete; what resumes
    the run (journal and partial results) stays unless ``fresh``.

    Raises
    ------
    OutputError
        The folder cannot be made or written to, or a file is in the way.
    UsageError
        The folder holds something else than a run.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputError(
            f"{shown(folder)} is a file, and a folder for the run is needed. Give another --out."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        known = (folder / MARKER).exists() or (folder / _JOURNAL).exists()
        if not known and any(folder.iterdir()):
            raise UsageError(
                f"{shown(folder)} holds other files and is no run folder. Give an empty or a new folder as --out."
            )
        _remove(folder, (*_PRODUCTS, *((_JOURNAL, PARTIALS, MARKER) if fresh else ())))
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise OutputError(
            f"{shown(folder)} cannot be written: {error.strerror or error}. Give another --out or free its disk."
        ) from error


def withdraw_results(folder: Path) -> None:
    """Remove the results in a run folder whose cube can no longer be read; what resumes the run stays.

    Raises
    ------
    OutputError
        They cannot be removed.
    """
    if not (folder / MARKER).is_file():
        return
    try:
        _remove(folder, _PRODUCTS)
    except OSError as error:
        raise OutputError(
            f"The results of an earlier run in {shown(folder)} cannot be removed: {error.strerror or error}."
        ) from error


def _remove(folder: Path, names: tuple[str, ...]) -> None:
    for name in names:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        for rest in folder.glob(f"{name}-*") if name == _JOURNAL else ():
            rest.unlink()
