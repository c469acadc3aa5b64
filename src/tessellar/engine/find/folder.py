"""The run folder: what may be there before a run, and what must not be there while it is unfinished."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tessellar.engine.journal import Journal
from tessellar.engine.journal_file import FILE_NAME as _JOURNAL
from tessellar.engine.journal_file import discard_journal
from tessellar.errors import FolderInUseError, OutputError, UsageError
from tessellar.io.naming import refuse_address, shown
from tessellar.io.publish import sweep
from tessellar.tiling.box import Shape

MARKER = "run.toml"
PARTIALS = "partials"
RUN_LOG = "run.log"
_FREE = (
    "cube",
    "executor",
    "address",
    "workers",
    "device",
    "report",
)  # the journal knows the cube by its content
_FILES = ("flag_catalog", "flag_cube", "gain", "noise", "weights")  # and these, where they are given
_CATALOGUES = ("catalogue.vot", "catalogue.parquet", "catalogue.ecsv")
_PRODUCTS = (
    *_CATALOGUES,
    "run.json",
    "regions.reg",
    "flags.txt",
    "report.html",
    "noise.npz",
    "skymap.npz",
    "reliability.npz",
    "look.npz",
)


def prepare_folder(folder: Path) -> None:
    """Make a run folder, or make sure that the one that is there is one and can be written to.

    Raises
    ------
    OutputError
        The folder cannot be made or written to, or a file is in the way.
    UsageError
        The folder holds something else than a run, or is an address.
    """
    refuse_address(folder)
    if folder.exists() and not folder.is_dir():
        raise OutputError(
            f"{shown(folder)} is a file, and a folder for the run is needed. Give another --out."
        )
    with _output_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        known = (folder / MARKER).exists() or (folder / _JOURNAL).exists()
        if not known and any(folder.iterdir()):
            raise UsageError(
                f"{shown(folder)} holds other files and is no run folder. Give an empty or a new folder as --out."
            )
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()


def take_journal(folder: Path, settings: Mapping[str, Any], *, fresh: bool) -> Journal:
    """Lock a run folder; with ``fresh`` what an earlier run did is forgotten, even if its journal is damaged.

    Raises
    ------
    UsageError
        Another run works in the folder, or the journal is damaged and ``fresh`` was not asked for.
    """
    try:
        journal = Journal(folder, settings)
    except FolderInUseError:
        raise
    except UsageError:
        if not fresh:
            raise
        discard_journal(folder)
        journal = Journal(folder, settings)
    if fresh:
        journal.clear()
        with _output_errors(folder):
            shutil.rmtree(folder / PARTIALS, ignore_errors=True)
    return journal


def withdraw_results(folder: Path) -> None:
    """Remove the results of an earlier run: from here on, a catalogue that exists is that of the run at work.

    Raises
    ------
    OutputError
        They cannot be removed.
    """
    with _output_errors(folder):
        for name in _PRODUCTS:
            sweep(folder / name)
            (folder / name).unlink(missing_ok=True)


@contextmanager
def _output_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(
            f"{shown(folder)} cannot be written: {error.strerror or error}. Give another --out or free its disk."
        ) from error


def earlier_settings(folder: Path) -> dict[str, Any]:
    """Return the settings of the run that the folder would resume, nothing where there is none."""
    if not (folder / _JOURNAL).is_file():
        return {}
    try:
        settings = tomllib.loads((folder / MARKER).read_text(encoding="utf-8")).get("find", {})
    except (OSError, ValueError):
        return {}
    return settings if isinstance(settings, dict) else {}


def earlier_tile(folder: Path) -> Shape | None:
    """Return the tile of the run that the folder would resume, None where there is none."""
    tile = earlier_settings(folder).get("tile")
    whole = isinstance(tile, list) and len(tile) == 3 and all(isinstance(n, int) for n in tile)
    return (tile[0], tile[1], tile[2]) if whole and isinstance(tile, list) else None


def refuse_other_settings(folder: Path, settings: Mapping[str, Any]) -> None:
    """Refuse to resume a run with settings that change its result, before anything of it is removed.

    Raises
    ------
    UsageError
        The folder holds a run with other settings.
    """
    earlier = {**dict.fromkeys(settings), **earlier_settings(folder)}
    changes = [
        f"{name} was {earlier[name]}, now {value}"
        for name, value in settings.items()
        if not _is_free(name, earlier[name], value) and earlier[name] not in (None, value)
    ]
    if changes:
        raise UsageError(
            f"The run in {shown(folder)} was begun with other settings: {'; '.join(changes)}. "
            "Use --fresh to start over, or another --out to keep both."
        )


def _is_free(name: str, earlier: Any, value: Any) -> bool:
    """Return whether a setting may change: who works, the place of a file known by its content, whether to report."""
    return name in _FREE or (name in _FILES and "off" not in (earlier, value))
