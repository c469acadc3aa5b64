"""The table of power before and after a separation, band by band and bin by bin, written and read back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tessellar.engine.foregrounds.band_check import BandCheck
from tessellar.engine.foregrounds.folder import POWER
from tessellar.errors import InputError
from tessellar.io.naming import shown
from tessellar.io.publish import atomic_file
from tessellar.kernels.power.band import Band
from tessellar.kernels.power.cylindrical import CylindricalPower
from tessellar.model import DoubleArray

if TYPE_CHECKING:
    from astropy.table import QTable

_DESCRIPTIONS = {
    "band_low": "first frequency of the band",
    "band_high": "frequency at which the band ends",
    "k_par": "middle of the bin along the line of sight, h / cMpc",
    "k_perp": "middle of the bin across the line of sight, h / cMpc",
    "n_modes": "modes of Fourier space in the bin",
    "power_before": "power of the cube, K2 h-3 cMpc3",
    "power_after": "power of the clean cube, or cross power of its clean halves, K2 h-3 cMpc3",
    "sigma_after": "standard error of power_after",
    "transfer": "part of the power of an injected signal that is left; NaN where none was injected",
    "leftover": "power of foregrounds in power_after, as far as the eigenvalues of the cube tell; it is in sigma",
    "posterior": "power of the posterior covariance of a Gaussian process, its bias in power_after; else NaN",
    "power": "power_after over transfer, K2 h-3 cMpc3",
    "sigma": "standard error of power",
}
_COLUMNS = ("band_low", "band_high", "k_par", "k_perp", "power", "sigma", "n_modes")


def save_power(folder: Path, checks: Mapping[Band, BandCheck]) -> None:
    """Write ``power.ecsv``; nothing where nothing was measured.

    Raises
    ------
    OutputError
        The disk is full or cannot be written.
    """
    if checks:
        with atomic_file(folder / POWER) as temporary:
            power_table(checks).write(temporary, format="ascii.ecsv", overwrite=True)


def power_table(checks: Mapping[Band, BandCheck]) -> QTable:
    """Return a row for each band and bin."""
    from astropy.table import QTable

    columns = [
        np.concatenate([values.ravel() for values in column])
        for column in zip(*(_columns(band, check) for band, check in checks.items()), strict=True)
    ]
    table = QTable(columns, names=list(_DESCRIPTIONS), units=[_unit_of(name) for name in _DESCRIPTIONS])
    for name, description in _DESCRIPTIONS.items():
        table[name].info.description = description
    return table


def read_power(folder: Path) -> dict[Band, CylindricalPower]:
    """Return the power that was recovered in each band, corrected where a signal was injected.

    Raises
    ------
    InputError
        There is no such table, or it cannot be read.
    """
    path = folder / POWER
    if not path.is_file():
        raise InputError(
            f"{shown(folder)} has no {POWER}: the separation did not measure power. Run it on a cube in K or Jy/beam "
            "with frequencies in Hz, without --no-power."
        )
    return read_power_table(path)


def read_power_table(path: Path) -> dict[Band, CylindricalPower]:
    """Return the power of each band in a table of `tessellar power`, or in that of a separation.

    Raises
    ------
    InputError
        It is no such table.
    """
    return {band: _power_of(band, bins) for band, bins in read_bins(path, _COLUMNS).items()}


def read_bins(
    path: Path, columns: Sequence[str] = tuple(_DESCRIPTIONS)
) -> dict[Band, dict[str, DoubleArray]]:
    """Return columns of a table for each band, float64 arrays (k_par, k_perp) by their names.

    Raises
    ------
    InputError
        It is no such table.
    """
    from astropy.table import QTable

    try:
        table = QTable.read(path, format="ascii.ecsv")
        rows = {name: _numbers(table[name], name) for name in columns}
        edges = dict.fromkeys(zip(rows["band_low"].tolist(), rows["band_high"].tolist(), strict=True))
        return {Band.of_mhz(*edge): _bins_of(rows, edge) for edge in edges}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{shown(path)} is no table of power spectra ({error}). Needed are the columns {', '.join(columns)}."
        ) from error


def edges_of(middles: DoubleArray) -> DoubleArray:
    """Return the edges of bins of one width from their middles."""
    half = 0.5 * float(np.diff(middles).mean()) if middles.size > 1 else 0.5 * float(middles[0])
    return np.append(middles - half, middles[-1] + half)


def _columns(band: Band, check: BandCheck) -> list[DoubleArray]:
    """Return the columns of a band, arrays (k_par, k_perp)."""
    after, corrected = check.after, check.corrected
    k_par, k_perp = np.meshgrid(after.k_par, after.k_perp, indexing="ij")
    low, high = (np.full(k_par.shape, edge / 1e6) for edge in (band.low, band.high))
    transfer = np.full(k_par.shape, np.nan) if check.transfer is None else check.transfer.part
    found = [low, high, k_par, k_perp, after.n_modes, check.before.power, after.power, after.sigma]
    posterior = np.full(len(after.k_par), np.nan) if check.posterior is None else check.posterior
    spread = np.broadcast_to(posterior[:, None], k_par.shape)
    leftover = np.zeros(k_par.shape) if check.leftover is None else check.leftover
    return [*found, transfer, leftover, spread, corrected.power, corrected.sigma]


def _bins_of(rows: Mapping[str, DoubleArray], edge: tuple[float, float]) -> dict[str, DoubleArray]:
    """Return the columns of a band from the rows of all, in whatever order they are."""
    here = (rows["band_low"] == edge[0]) & (rows["band_high"] == edge[1])
    k_par, k_perp = rows["k_par"][here], rows["k_perp"][here]
    shape = (np.unique(k_par).size, np.unique(k_perp).size)
    order = np.lexsort((k_perp, k_par))
    grid = {name: column[here][order] for name, column in rows.items()}
    if len(order) != shape[0] * shape[1] or len({*zip(k_par.tolist(), k_perp.tolist(), strict=True)}) != len(
        order
    ):
        raise ValueError(
            f"the band {edge[0]:g} to {edge[1]:g} MHz has {len(order)} bins, which are not one for each of "
            f"{shape[0]} k_par and {shape[1]} k_perp"
        )
    return {name: column.reshape(shape) for name, column in grid.items()}


def _numbers(column: Any, name: str) -> DoubleArray:
    """Return a column as float64 in the unit that it must have, NaN where it has no value."""
    mask = np.asarray(getattr(column, "mask", False))
    unit, wanted = getattr(column, "unit", None), _unit_of(name)
    bare = getattr(column, "unmasked", column)
    if unit is not None and wanted is None:
        raise ValueError(f"{name} is in {unit} and has no unit")
    numbers = bare.to_value(wanted) if unit is not None else bare
    return np.where(mask, np.nan, np.asarray(np.ma.getdata(numbers), np.float64))


def _unit_of(name: str) -> Any:
    """Return the unit of a column, None where it counts or is a share."""
    from astropy import units

    if name.startswith("band_"):
        return units.MHz
    if name.startswith("k_"):
        return 1 / units.Mpc
    return None if name in ("n_modes", "transfer") else units.K**2 * units.Mpc**3


def _power_of(band: Band, bins: Mapping[str, DoubleArray]) -> CylindricalPower:
    """Return the power in a band from its columns."""
    edges = edges_of(bins["k_par"][:, 0]), edges_of(bins["k_perp"][0])
    n_modes = bins["n_modes"].astype(np.int64)
    return CylindricalPower(*edges, bins["power"], bins["sigma"], n_modes, 0.5 * (band.low + band.high))
