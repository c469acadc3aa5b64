"""The text catalogue of SoFiA: columns under comment lines that hold their numbers, names and units."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tessellar.errors import InputError

if TYPE_CHECKING:
    from astropy.table import QTable


def read_sofia_text(file: Path) -> QTable:
    """Return a SoFiA text catalogue as a QTable with the units of its header.

    Raises
    ------
    InputError
        If the header names no columns, or a row has too few values.
    """
    from astropy.table import QTable

    lines = file.read_text(encoding="utf-8").splitlines()
    names, units = _header(file, lines)
    rows = [_row(file, line, len(names)) for line in lines if line.strip() and not line.startswith("#")]
    columns = {name: _typed([row[i] for row in rows]) for i, name in enumerate(names)}
    return QTable(columns, units={name: unit for name, unit in _parsed(names, units) if name != "name"})


def _header(file: Path, lines: list[str]) -> tuple[list[str], list[str]]:
    """Return names and units; a unit may hold blanks, so it is cut where its column's name ends."""
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        names = line[1:].split()
        if line.startswith("#") and {"id", "x", "y", "z"} <= set(names):
            ends = [0, *_ends(line, names)]
            units = following.ljust(ends[-1]) if following.startswith("#") else ""
            return names, [units[a:b].strip(" #") for a, b in pairwise(ends)]
    raise InputError(f"{file} has no header line that names the columns id, x, y, z; give a SoFiA catalogue.")


def _ends(line: str, names: list[str]) -> list[int]:
    ends, position = [], 0
    for name in names:
        position = line.index(name, position) + len(name)
        ends.append(position)
    return ends


def _row(file: Path, line: str, count: int) -> list[str]:
    """Return the values of a line; only the first, the source's name, may hold blanks."""
    values = line.strip().rsplit(maxsplit=count - 1)
    if len(values) != count:
        raise InputError(f"{file} has a row of {len(values)} values under {count} columns; is it cut short?")
    return values


def _typed(values: list[str]) -> npt.NDArray[Any]:
    for kind in (np.int64, np.float64):
        with suppress(ValueError):
            return np.asarray(np.array(values).astype(kind))
    return np.array([value.strip('"') for value in values], dtype=np.str_)


def _parsed(names: list[str], units: list[str]) -> list[tuple[str, object]]:
    from astropy.units import Unit

    return [
        (n, Unit(text, parse_strict="silent"))
        for n, text in zip(names, units, strict=True)
        if text.strip("-")
    ]
