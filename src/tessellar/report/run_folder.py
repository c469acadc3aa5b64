"""What a run left in its folder, read for the report; a file that is missing leaves its panel empty."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tessellar.errors import InputError
from tessellar.io.catalogue import read_catalogue
from tessellar.tiling.box import Box

if TYPE_CHECKING:
    from astropy.table import QTable

Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Record:
    """What any run says of itself.

    Attributes
    ----------
    path
        The folder.
    summary
        What ``run.json`` says.
    """

    path: Path
    summary: dict[str, Any]

    def of(self, *keys: str, default: Any = None) -> Any:
        """Return an entry of the summary by its path of keys, ``default`` where it is absent."""
        found: Any = self.summary
        for key in keys:
            if not isinstance(found, dict) or found.get(key) is None:
                return default
            found = found[key]
        return found

    @property
    def region(self) -> Box | None:
        """What was searched of the cube; None where its shape is not known."""
        shape, part = self.of("cube", "shape"), self.of("settings", "region")
        if not _are_numbers(shape, 3):
            return None
        if not _are_numbers(part, 6):
            return Box.of_shape(shape)
        x0, x1, y0, y1, z0, z1 = part
        return Box((z0, x0, y0), (z1 + 1, x1 + 1, y1 + 1))

    @property
    def is_partial(self) -> bool:
        """Whether some of the cube is missing from the result."""
        return bool(self.of("partial")) or int(self.of("tiles_failed", default=0)) > 0


@dataclass(frozen=True, slots=True)
class RunFolder(Record):
    """The contents of the folder of a find, beside its `Record`.

    Attributes
    ----------
    catalogue
        The sources, None where the run has no catalogue.
    noise
        Arrays of ``noise.npz``: ``spectral`` (frequency) in the cube's unit, ``spatial`` (l, m) relative,
        ``cell`` pixels per cell, ``spectral_values``; None where there is no such file.
    sky
        Arrays of ``skymap.npz``: ``image`` (l, m) moment 0, ``step`` pixels per map pixel, ``wcs_header``.
    judged
        Arrays of ``reliability.npz``: ``positive`` and ``negative`` (n, 3) places in the parameter space that
        ``axes`` names, ``kept`` (n), ``threshold``; None where no reliability was asked for.
    looked
        Arrays of ``look.npz``: ``probability`` and ``classical`` (n), ``kept`` (n), ``threshold``; None where no
        second look was asked for.
    """

    catalogue: QTable | None
    noise: Arrays | None
    sky: Arrays | None
    judged: Arrays | None
    looked: Arrays | None


def _are_numbers(value: Any, count: int) -> bool:
    return isinstance(value, list) and len(value) == count and all(isinstance(n, int) for n in value)


def read_run(path: Path, catalogue: QTable | None = None) -> RunFolder:
    """Read a run folder; ``catalogue`` stands for the one that it may not have yet.

    Raises
    ------
    InputError
        It has no ``run.json``, or one that cannot be read.
    """
    summary = read_summary(path)
    sources = _catalogue(path) if catalogue is None else catalogue
    arrays = (read_arrays(path / f"{name}.npz") for name in ("noise", "skymap", "reliability", "look"))
    return RunFolder(path, summary, sources, *arrays)


def read_summary(path: Path) -> dict[str, Any]:
    """Return what the ``run.json`` of a folder says.

    Raises
    ------
    InputError
        There is none, or it cannot be read.
    """
    file = path / "run.json"
    if not file.is_file():
        raise InputError(
            f"{path} is not the folder of a run: it has no run.json. Give the --out of a find, or the folder "
            "NAME.foregrounds or NAME.denoise beside a cube."
        )
    try:
        summary = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"{file} cannot be read ({error}). Do the run again.") from error
    if not isinstance(summary, dict):
        raise InputError(f"{file} holds no table of results. Do the run again.")
    return summary


def read_arrays(file: Path) -> Arrays | None:
    """Return the arrays of a file of numpy, None where it is absent or broken."""
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return None


def _catalogue(path: Path) -> QTable | None:
    try:
        return read_catalogue(path)
    except InputError:
        return None
