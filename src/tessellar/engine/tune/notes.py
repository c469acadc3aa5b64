"""What was measured is kept in the user's cache folder, by machine and storage, for later runs to be held against."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from contextlib import suppress
from pathlib import Path

from tessellar.engine.cgroup import usable_cores
from tessellar.engine.tune.rates import MachineRates
from tessellar.errors import OutputError
from tessellar.io.extents import Remote, Stored
from tessellar.io.publish import write_text


def notes_folder() -> Path:
    """Return where rates are kept: below ``XDG_CACHE_HOME`` or the user's cache folder."""
    home = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return Path(home) / "tessellar-tune"


def machine_words() -> str:
    """Return the name of this machine and the cores that may be used."""
    return f"{platform.node()}, {usable_cores()} cores"


def storage_words(cube: Stored | Remote) -> str:
    """Return how a cube is stored, and the number of the disk that it lies on, or its server."""
    if isinstance(cube, Remote):
        return f"{cube.storage}, {cube.server}"
    first = next(cube.extents(), None)
    disk = "no files" if first is None else f"disk {first.path.stat().st_dev}"
    return f"{cube.storage}, {disk}"


def keep_rates(rates: MachineRates) -> Path | None:
    """Keep rates for later; return the file, None where the folder cannot be written."""
    file = _file(rates.machine, rates.storage)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_text(file, json.dumps(rates.record(), indent=1) + "\n")
    except (OutputError, OSError):
        return None
    return file


def rates_for(cube: object) -> MachineRates | None:
    """Return what was measured on this machine with a cube stored like this one, None if nothing was."""
    if not isinstance(cube, Stored | Remote):
        return None
    with suppress(
        OSError, ValueError, TypeError, KeyError
    ):  # of a file that is damaged or of another version
        text = _file(machine_words(), storage_words(cube)).read_text()
        return MachineRates.of_record(json.loads(text))
    return None


def _file(machine: str, storage: str) -> Path:
    digest = hashlib.sha256(f"{machine}\n{storage}".encode()).hexdigest()
    return notes_folder() / f"{digest[:16]}.json"
