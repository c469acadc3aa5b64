"""The noise of a receiver or a telescope by frequency, as a file tells it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np

from tessellar.errors import InputError
from tessellar.model import DoubleArray

FREQUENCY, RMS = "frequency", "rms"

_ECSV = b"# %ECSV"
_NEEDED = (
    "needed are two columns, frequency in MHz and rms in mK, or an ECSV file with the columns "
    f"{FREQUENCY} and {RMS} and their units (K or Jy/beam)"
)


@dataclass(frozen=True, slots=True)
class NoiseTable:
    """The rms noise at some frequencies.

    Attributes
    ----------
    hertz
        Frequencies, ascending.
    rms
        K, or Jy/beam.
    per_beam
        Whether it is Jy/beam.
    digest
        A hash of the file.
    """

    hertz: tuple[float, ...]
    rms: tuple[float, ...]
    per_beam: bool
    digest: str


def table_of(path: str) -> NoiseTable:
    """Return the table that a file holds.

    Raises
    ------
    InputError
        If the file cannot be read, or is no such table.
    """
    try:
        state = Path(path).stat()
    except OSError as error:
        raise InputError(f"{path} is no table of noise ({error.strerror}); {_NEEDED}.") from error
    return _read(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=4)
def _read(path: str, modified: int, size: int) -> NoiseTable:  # noqa: ARG001 (a changed file is read anew)
    try:
        content = Path(path).read_bytes()
        hertz, rms, per_beam = (_ecsv if content.startswith(_ECSV) else _text)(content.decode())
        _check(hertz, rms)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is no table of noise ({_words(error)}); {_NEEDED}.") from error
    order = np.argsort(hertz)
    digest = hashlib.sha256(content).hexdigest()[:16]
    return NoiseTable(tuple(hertz[order].tolist()), tuple(rms[order].tolist()), per_beam, digest)


def _text(content: str) -> tuple[DoubleArray, DoubleArray, bool]:
    """Return Hz and K of two columns of text, MHz and mK."""
    if not any(line.partition("#")[0].strip() for line in content.splitlines()):
        raise ValueError("it holds no numbers")
    mhz, rms = np.loadtxt(StringIO(content.replace(",", " ")), ndmin=2, usecols=(0, 1), unpack=True)
    return mhz * 1e6, rms * 1e-3, False


def _ecsv(content: str) -> tuple[DoubleArray, DoubleArray, bool]:
    """Return Hz and K, or Jy/beam, of an ECSV file, whose columns have units of their own."""
    from astropy import units
    from astropy.table import Table

    table = Table.read(content.splitlines(), format="ascii.ecsv")
    lacking = [name for name in (FREQUENCY, RMS) if name not in table.colnames]
    if lacking:
        raise ValueError(f"it has no column {' and no column '.join(lacking)}")
    rms = table[RMS]
    per_beam = bool(rms.unit is not None and rms.unit.is_equivalent(units.Jy / units.beam))
    target: Any = units.Jy / units.beam if per_beam else units.K
    return _in(table[FREQUENCY], units.MHz, units.Hz), _in(rms, units.mK, target), per_beam


def _in(column: Any, usual: Any, target: Any) -> DoubleArray:
    """Return a column in a unit; without one of its own it is in the usual one. What is missing is NaN."""
    values = np.ma.filled(column.astype(np.float64), np.nan)
    return np.asarray(np.asarray(values) * (column.unit or usual).to(target))


def _check(hertz: DoubleArray, rms: DoubleArray) -> None:
    if not hertz.size:
        raise ValueError("it has no rows")
    if not (np.isfinite(hertz) & (hertz > 0)).all() or np.unique(hertz).size < hertz.size:
        raise ValueError("its frequencies are not positive and different from each other")
    if not (np.isfinite(rms) & (rms >= 0)).all():
        raise ValueError("its rms is not zero or more throughout")


def _words(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
