"""Numbers that stand for blank voxels, as CF and xarray say it: ``_FillValue`` and ``missing_value``."""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

_SAY_SO = ("_FillValue", "missing_value")


def blanks_of(attributes: Mapping[str, Any], dtype: npt.DTypeLike) -> tuple[float, ...]:
    """Return the numbers of an array that mean blank, beside NaN.

    Parameters
    ----------
    attributes
        What the array says of itself. xarray writes a number of float type into Zarr as its eight bytes in base64.
    dtype
        Of the array.

    Examples
    --------
    >>> blanks_of({"_FillValue": "AAAAAAA4j8A=", "missing_value": [-1, -2]}, "float32")
    (-999.0, -1.0, -2.0)
    """
    found: dict[float, None] = {}
    for name in _SAY_SO:
        for number in _numbers(attributes.get(name)):
            with np.errstate(over="ignore", invalid="ignore"):
                held = float(np.array(number).astype(dtype))
            if not np.isnan(held):
                found[held] = None
    return tuple(found)


def blanked(numbers: npt.NDArray[Any], blanks: tuple[float, ...]) -> npt.NDArray[Any]:
    """Return numbers as float32 with NaN where they mean blank."""
    out = np.array(numbers, np.float32)
    for blank in blanks:
        out[numbers == np.array(blank).astype(numbers.dtype)] = np.nan
    return out


def words_of(blanks: tuple[float, ...]) -> str:
    """Return a sentence about them."""
    return f"Voxels of the value {' or '.join(f'{blank:g}' for blank in blanks)} are blank."


def _numbers(value: Any) -> Iterator[float]:
    """Yield the numbers that an attribute holds, however it is written; what is no number is left out."""
    if isinstance(value, list | tuple | np.ndarray):
        for each in value:
            yield from _numbers(each)
    elif isinstance(value, str):
        try:
            yield float(value)
        except ValueError:
            try:
                yield struct.unpack("<d", base64.b64decode(value, validate=True))[0]
            except (binascii.Error, struct.error):
                return
    elif isinstance(value, int | float | np.number) and not isinstance(value, bool):
        yield float(value)
