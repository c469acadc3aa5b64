"""Catalogues from files, whoever wrote them: ECSV, VOTable, Parquet, the texts of SoFiA and of SDC2."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tessellar.challenge.sofia_text import read_sofia_text
from tessellar.errors import InputError

if TYPE_CHECKING:
    from astropy.table import QTable

SDC2_UNITS = {
    "ra": "deg",
    "dec": "deg",
    "hi_size": "arcsec",
    "line_flux_integral": "Jy Hz",
    "central_freq": "Hz",
    "pa": "deg",
    "i": "deg",
    "w20": "km/s",
}
SDC2_SCALES = {"beam_arcsec": 7.0, "pixel_arcsec": 2.8, "channel_hz": 30e3}

_HEAD_BYTES = 8192
_LONGEST = 200  # letters of what a parser says
_KINDS = "ECSV, VOTable, Parquet, a SoFiA text catalogue, or SKA Data Challenge 2 text"


def read_table(path: str | os.PathLike[str]) -> QTable:
    """Return the catalogue in a file, with units, whatever its name ends in.

    Parameters
    ----------
    path
        ECSV, VOTable (XML), Parquet, the text of SoFiA (units from its header) or of SKA Data Challenge 2
        (units and scales of the challenge); or the folder of a finished run.

    Returns
    -------
    table
        QTable; the column names are the file's.

    Raises
    ------
    InputError
        If there is no such file, or it holds no table of a known kind.
    """
    file = Path(path)
    if file.is_dir() and (file / "catalogue.ecsv").is_file():
        file /= "catalogue.ecsv"
    read = _reader(file, _head(file))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # astropy warns of units and of VOTable details that do no harm here
            return read(file)
    except InputError:
        raise
    except Exception as error:  # the readers raise whatever their parsers do
        raise InputError(
            f"{file} cannot be read as a table ({_first_line(error)}); needed is {_KINDS}."
        ) from error


def _head(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
    except FileNotFoundError as error:
        raise InputError(f"There is no catalogue {file}; check the name.") from error
    except OSError as error:
        raise InputError(
            f"{file} cannot be read ({error.strerror}); give a catalogue file: {_KINDS}."
        ) from error
    if not head:
        raise InputError(f"{file} is empty; needed is {_KINDS}.")
    return head


def _reader(file: Path, head: bytes) -> Callable[[Path], QTable]:
    """Return how to read a file that begins with ``head``."""
    if head.startswith(b"PAR1"):
        return _read_parquet
    if head.startswith(b"# %ECSV"):
        return _read_ecsv
    if b"<VOTABLE" in head:
        return _read_votable
    lines = head.decode("utf-8", errors="replace").splitlines()
    if lines[0].startswith("#") and "SoFiA" in lines[0]:
        return read_sofia_text
    if {"id", "ra", "dec", "central_freq"} <= set(lines[0].split()):
        return _read_sdc2
    raise InputError(f"{file} is no catalogue that can be recognised; needed is {_KINDS}.")


def _read_parquet(file: Path) -> QTable:
    from astropy.table import QTable

    try:
        return QTable.read(file, format="parquet.votable")
    except Exception:  # a Parquet file without VOTable metadata makes the reader fail in several ways
        return QTable.read(file, format="parquet")


def _read_ecsv(file: Path) -> QTable:
    from astropy.table import QTable

    return QTable.read(file, format="ascii.ecsv")


def _read_votable(file: Path) -> QTable:
    from astropy.table import QTable

    return QTable.read(file, format="votable")


def _read_sdc2(file: Path) -> QTable:
    from astropy.table import QTable

    table = QTable.read(file, format="ascii.basic")
    known = {name: unit for name, unit in SDC2_UNITS.items() if name in table.colnames}
    return QTable(table, units=known, meta=dict(SDC2_SCALES))


def _first_line(error: Exception) -> str:
    words = next(filter(None, map(str.strip, str(error).splitlines())), type(error).__name__)
    return words if len(words) <= _LONGEST else f"{words[:_LONGEST]} ..."
