"""Numbers out of a catalogue's columns, in the unit that is asked for, whatever unit they are stored in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tessellar.errors import InputError
from tessellar.model import DoubleArray

if TYPE_CHECKING:
    from astropy.table import QTable


def numbers(table: QTable, names: Sequence[str], unit: str) -> DoubleArray | None:
    """Return the first of several columns that a table has, masked entries as NaN.

    Parameters
    ----------
    table
        The catalogue.
    names
        Column names, the preferred one first.
    unit
        Unit wanted, as astropy writes it; a column without a unit is taken to be in it.

    Returns
    -------
    values
        float64 array (row), or None if there is no such column or its unit is of another kind.

    Raises
    ------
    InputError
        If the column holds no numbers.
    """
    import astropy.units as u

    name = next((name for name in names if name in table.colnames), None)
    if name is None:
        return None
    stored = _unit(getattr(table[name], "unit", None))
    values = _plain(table[name], name)
    if stored is None or stored == u.dimensionless_unscaled or not unit:
        return values
    try:
        return np.asarray(u.Unit(stored).to(unit, values), dtype=np.float64)
    except (u.UnitConversionError, ValueError, TypeError):
        return None


def needed(table: QTable, name: str, unit: str) -> DoubleArray:
    """Return a column of a catalogue of the finder, float64 array (row), in a unit.

    Raises
    ------
    InputError
        There is no such column.
    """
    values = numbers(table, (name,), unit)
    if values is None:
        raise InputError(f"The catalogue has no column {name}; needed is one that `tessellar find` wrote.")
    return values


def _unit(stored: Any) -> Any:
    """Return a unit; one that VOTable does not know, as SoFiA's Jy*Hz, is read as astropy reads any text."""
    import astropy.units as u

    return u.Unit(str(stored), parse_strict="silent") if isinstance(stored, u.UnrecognizedUnit) else stored


def _plain(column: Any, name: str) -> DoubleArray:
    values = getattr(column, "value", column)
    mask = np.asarray(getattr(values, "mask", False))
    try:
        plain = np.array(getattr(values, "unmasked", getattr(values, "data", values)), dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"Column {name} of the catalogue holds text, needed are numbers; check the file."
        ) from error
    plain[np.broadcast_to(mask, plain.shape)] = np.nan
    return plain
