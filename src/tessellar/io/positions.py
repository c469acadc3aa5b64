"""A list of sky positions in a text file: longitude and latitude in its first two columns, degrees."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from tessellar.errors import InputError
from tessellar.io.naming import shown
from tessellar.io.reading import reading
from tessellar.model import DoubleArray

LARGEST = 2**26  # bytes: a million positions and more

_NEEDED = (
    "Each line needs longitude and latitude in degrees, separated by blanks or a comma; # begins a comment."
)


def read_positions(path: str | os.PathLike[str]) -> DoubleArray:
    """Return the positions, float64 array (position, 2): longitude and latitude, degrees.

    Raises
    ------
    CubeNotFoundError, InputError
        The file is not there, cannot be read, or has a line of another form.
    """
    file = Path(path)
    with reading(file, "list of positions"), file.open("rb") as stream:
        content = stream.read(LARGEST + 1)
    if len(content) > LARGEST or b"\0" in content:
        raise InputError(f"{shown(file)} is no list of sky positions. {_NEEDED}")
    lines = content.decode("utf-8", "replace").splitlines()
    rows = [_position(file, number, line) for number, line in enumerate(lines, start=1) if _said(line)]
    return np.array(rows, np.float64).reshape(-1, 2)


def _said(line: str) -> str:
    return line.partition("#")[0].strip()


def _position(file: Path, number: int, line: str) -> tuple[float, float]:
    words = _said(line).replace(",", " ").split()
    try:
        longitude, latitude = float(words[0]), float(words[1])
    except (ValueError, IndexError):
        longitude = latitude = np.nan
    if not (-360 <= longitude <= 360 and -90 <= latitude <= 90):
        raise InputError(
            f"{shown(file)}, line {number}, is {shown(_said(line)[:60])!r}, which is no sky position. {_NEEDED}"
        )
    return longitude, latitude
