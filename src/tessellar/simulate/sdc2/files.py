"""The public files of SKA Data Challenge 2 that a sky may be drawn from: its catalogue, its noise, its atlas.

They are not part of this package. Their folder is named by the user, or is ``sdc2`` in the folder that the environment
variable ``TESSELLAR_DATA`` names.
"""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from pathlib import Path

import numpy as np

from tessellar.errors import InputError
from tessellar.model import DoubleArray
from tessellar.simulate.sdc2.rows import Catalogue, Rows

CATALOGUE = "sky_dev_truthcat_v2.txt"
NOISE = "meerkat_excess_noise.txt"
ATLAS = "atlas"
_NEEDED = ("ra", "dec", "hi_size", "line_flux_integral", "central_freq", "i", "w20")


def folder_of(asked: str) -> str:
    """Return the folder with the files of the challenge, as an absolute path: the one asked for, or the usual one.

    Raises
    ------
    InputError
        There is none.
    """
    home = os.environ.get("TESSELLAR_DATA", "")
    folder = Path(asked) if asked else Path(home) / "sdc2"
    if (asked or home) and folder.is_dir():
        return str(folder.absolute())
    found = f"{folder} is no folder" if asked or home else "no folder is named"
    raise InputError(
        f"The public files of SKA Data Challenge 2 were not found: {found}. Needed are {CATALOGUE} for population "
        f"sdc2, {NOISE} for measured noise and {ATLAS}/ for shapes of the atlas. Name their folder by --sdc2-data, or "
        "use --population mass-function --shapes discs, which need no files."
    )


@lru_cache(maxsize=4)
def catalogue_of(folder: str) -> Catalogue:
    """Return the galaxies of the challenge's catalogue.

    Raises
    ------
    InputError
        It cannot be read.
    """
    path = Path(folder) / CATALOGUE
    lines = _text(path).splitlines()
    names = lines[0].split() if lines else []
    lacking = [name for name in _NEEDED if name not in names]
    if lacking:
        raise InputError(f"{path} has no column {', '.join(lacking)}; needed is the truth of the challenge.")
    table = _numbers(path, lines[1:], len(names))
    ra, dec, size, flux, frequency, inclination, w20 = (table[:, names.index(name)] for name in _NEEDED)
    if len(table) < 10 or not (np.isfinite(table).all() and min(size.min(), flux.min(), w20.min()) > 0):
        raise InputError(
            f"{path} holds rows of no size, flux or width, or few; take the challenge's own file."
        )
    width = np.ptp(ra) * np.cos(np.radians(dec.mean()))
    return Catalogue(Rows(frequency, flux, size, inclination, w20), float(width * np.ptp(dec)))


@lru_cache(maxsize=4)
def noise_ratio_of(folder: str) -> tuple[DoubleArray, DoubleArray]:
    """Return frequencies in Hz, ascending, and how many times the noise is the expected one there.

    Raises
    ------
    InputError
        The file cannot be read.
    """
    path = Path(folder) / NOISE
    lines = [line for line in _text(path).splitlines() if not line.startswith("#")]
    table = _numbers(path, lines, 4)
    order = np.argsort(table[:, 0])
    return table[order, 0] * 1e6, table[order, 3]


def digest_of(path: Path) -> str:
    """Return a short hash of what a file, or the files of a folder, hold."""
    digest = hashlib.sha256()
    for file in sorted(path.iterdir()) if path.is_dir() else [path]:
        digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path} cannot be read ({error}); needed is the challenge's public file."
        ) from error


def _numbers(path: Path, lines: list[str], width: int) -> DoubleArray:
    """Return the numbers of a text, float64 array (row, column)."""
    try:
        return np.array([line.split() for line in lines if line.split()], dtype=np.float64).reshape(-1, width)
    except ValueError as error:
        raise InputError(f"{path} is no table of {width} columns of numbers ({error}).") from error
