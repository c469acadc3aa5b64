"""The run folder: what may be there before a run, and what must not be there while it is unfinished."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tessellar.errors import OutputError, UsageError
from tessellar.io.naming import shown
from tessellar.tiling.box import Shape

MARKER = "run.toml"
PARTIALS = "partials"
RUN_LOG = "run.log"
_JOURNAL = "journal.sqlite"
_FREE = ("cube", "executor", "address", "workers", "device")  # the journal knows the cube by its content
_CATALOGUES = ("catalogue.vot", "catalogue.parquet", "catalogue.ecsv")
_PRODUCTS = (*_CATALOGUES, "run.json", "regions.reg", "report.html", "noise.npz", "skymap.npz", "sources.npz")


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
        if name not in _FREE and earlier[name] not in (None, value)
    ]
    if changes:
        raise UsageError(
            f"The run in {shown(folder)} was begun with other settings: {'; '.join(changes)}. "
            "Use --fresh to start over, or another --out to keep both."
        )


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
