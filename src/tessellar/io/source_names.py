"""What a source is called: its position on the sky, cut off (never rounded) as the IAU asks."""

from __future__ import annotations

from math import floor, isfinite
from typing import Any

import numpy as np
import numpy.typing as npt

_ROUNDING = 1e-6  # of the last digit: what float64 degrees may lack of the decimal number they stand for


def source_names(
    ids: npt.NDArray[Any],
    ra: npt.NDArray[Any] | None = None,
    dec: npt.NDArray[Any] | None = None,
) -> npt.NDArray[np.str_]:
    """Return a name for each source.

    Two sources behind each other have the same name; ``id`` tells them apart.

    Parameters
    ----------
    ids
        Integer array (source): the column ``id``.
    ra, dec
        Degrees, ICRS, arrays (source); None where the cube has no sky coordinates.

    Examples
    --------
    >>> import numpy as np
    >>> str(source_names(np.array([123]), np.array([181.070375]), np.array([61.891055])))
    "['TSL J120416.89+615327.7']"
    >>> str(source_names(np.array([123])))
    "['TSL 000123']"
    """
    if ra is None or dec is None:
        ra = dec = np.full(len(ids), np.nan)
    names = [_name(int(i), float(a), float(d)) for i, a, d in zip(ids, ra, dec, strict=True)]
    return np.array(names, dtype=np.str_)


def _name(number: int, ra: float, dec: float) -> str:
    if not (isfinite(ra) and isfinite(dec)):
        return f"TSL {number:06d}"
    sign = "-" if dec < 0 else "+"
    return f"TSL J{_sexagesimal(ra / 15, 2, turn=24)}{sign}{_sexagesimal(abs(dec), 1, turn=360)}"


def _sexagesimal(value: float, decimals: int, turn: int) -> str:
    """Return hours or degrees as ``HHMMSS.ss``, cut off after ``decimals``, within one full ``turn``."""
    units = 10**decimals
    ticks = floor(value * 3600 * units + _ROUNDING) % (turn * 3600 * units)
    seconds, fraction = divmod(ticks, units)
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours:02d}{minute:02d}{second:02d}.{fraction:0{decimals}d}"
