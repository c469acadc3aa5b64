"""Power spectra to be scored, wherever they are: the files of the challenge, a separation, a table of our own."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tessellar.challenge.sdc3a.bands import BANDS, K_CENTRES
from tessellar.challenge.sdc3a.files import Estimate, read_submission, read_truth
from tessellar.engine.foregrounds.folder import POWER
from tessellar.engine.foregrounds.power_file import read_power_table
from tessellar.errors import InputError
from tessellar.io.naming import shown
from tessellar.kernels.power.band import Band
from tessellar.kernels.power.cylindrical import CylindricalPower
from tessellar.model import DoubleArray


def estimates_in(path: Path) -> dict[Band, Estimate]:
    """Return powers with their errors.

    Parameters
    ----------
    path
        A folder with files of the challenge, the folder of a separation, or a table of ``tessellar power``.

    Raises
    ------
    InputError
        It is none of them, or has none of the bands.
    """
    table = _table_of(path)
    return read_submission(path) if table is None else _estimates(table)


def truth_in(path: Path) -> dict[Band, DoubleArray]:
    """Return true powers, float64 arrays (k_par, k_perp); paths and errors as for `estimates_in`."""
    table = _table_of(path)
    if table is None:
        return read_truth(path)
    return {band: estimate.power for band, estimate in _estimates(table).items()}


def _table_of(path: Path) -> Path | None:
    """Return the table that a path stands for, None where it is a folder of the challenge."""
    if path.is_file():
        return path
    return path / POWER if (path / POWER).is_file() else None


def _check_bins(table: Path, band: Band, power: CylindricalPower) -> None:
    """Refuse bins that are not those of the challenge, where the band is."""
    for name, middles in (("k_par", power.k_par), ("k_perp", power.k_perp)):
        if band in BANDS and (middles.shape != K_CENTRES.shape or not np.allclose(middles, K_CENTRES)):
            raise InputError(
                f"{shown(table)} has {len(middles)} bins of {name} from {middles[0]:g} to {middles[-1]:g} h/cMpc in "
                f"the band {band}; the challenge has {len(K_CENTRES)} from {K_CENTRES[0]:g} to {K_CENTRES[-1]:g}. "
                "Measure the power without edges of your own."
            )


def _estimates(table: Path) -> dict[Band, Estimate]:
    found = read_power_table(table)
    for band, power in found.items():
        _check_bins(table, band, power)
    spectra = {band: Estimate(power.power, power.sigma) for band, power in found.items() if band in BANDS}
    if not spectra:
        raise InputError(
            f"{shown(table)} holds the power of {', '.join(map(str, found))}, and of none of the bands of the "
            f"challenge: {', '.join(map(str, BANDS))}. Measure it with --bands sdc3a."
        )
    return spectra
