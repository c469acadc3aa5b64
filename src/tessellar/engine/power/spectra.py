"""The power spectra of a cube, band by band: which bands it covers, what was filled, and all of it as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tessellar.cosmology import depth_of
from tessellar.errors import InputError
from tessellar.kernels.power.band import Band, channel_width
from tessellar.kernels.power.cylindrical import Bins, CylindricalPower, cross_power
from tessellar.kernels.power.modes import SkyModes, check_frequencies
from tessellar.model import DoubleArray, IntArray

if TYPE_CHECKING:
    from astropy.table import QTable

K_EDGES: DoubleArray = 0.025 + 0.05 * np.arange(11, dtype=np.float64)
"""Edges of the ten bins of SKA Data Challenge 3a, h/cMpc, along k_par and k_perp alike."""

_DESCRIPTIONS = {
    "band_low": "first frequency of the band",
    "band_high": "frequency at which the band ends",
    "k_par": "middle of the bin along the line of sight, h / cMpc",
    "k_perp": "middle of the bin across the line of sight, h / cMpc",
    "power": "power, K2 h-3 cMpc3",
    "sigma": "standard error of the power, K2 h-3 cMpc3",
    "n_modes": "modes of Fourier space in the bin",
}


@dataclass(frozen=True, slots=True, eq=False)
class PowerSpectra:
    """Power spectra of one cube, or cross power spectra of two.

    Attributes
    ----------
    bands
        The power of every band that could be measured.
    notes
        Sentences about what was left out or filled.
    n_failed
        Runs of channels that could not be read; their channels count as missing.
    """

    bands: dict[Band, CylindricalPower]
    notes: tuple[str, ...] = ()
    n_failed: int = 0

    def table(self) -> QTable:
        """Return a row for each band and bin: borders of the band in MHz, k_par, k_perp, power, sigma, n_modes."""
        from astropy import units
        from astropy.table import QTable

        columns = [
            np.concatenate([values.ravel() for values in column])
            for column in zip(*(_columns(band, power) for band, power in self.bands.items()), strict=True)
        ]
        volume = units.K**2 * units.Mpc**3
        of_columns = (units.MHz, units.MHz, 1 / units.Mpc, 1 / units.Mpc, volume, volume, None)
        table = QTable(columns, names=list(_DESCRIPTIONS), units=of_columns)
        for name, description in _DESCRIPTIONS.items():
            table[name].info.description = description
        return table


def spectra_of(
    first: SkyModes,
    second: SkyModes | None,
    *,
    bands: Sequence[Band] | None = None,
    bins: Bins | None = None,
    sample_variance: bool = True,
) -> PowerSpectra:
    """Return the spectra of the bands that the modes cover.

    Parameters
    ----------
    first
        Modes of a cube.
    second
        Those of another cube of the same sky, for the cross power; None for the power of the first.
    bands
        The bands; all channels as one when None.
    bins
        Bins and taper; those of SKA Data Challenge 3a with a Blackman-Harris taper when None.
    sample_variance
        As for `tessellar.kernels.power.cylindrical.cross_power`.

    Raises
    ------
    InputError
        No band is covered, or each has too many missing channels.
    """
    check_frequencies(first.frequencies)
    found: dict[Band, CylindricalPower] = {}
    notes, reasons = [], []
    for band in bands or (whole_band(first.frequencies),):
        if not band.is_covered(first.frequencies):
            reasons.append(f"The band {band} is left out: the cube does not cover it.")
            continue
        try:
            power = cross_power(
                first, second or first, band, bins or Bins(K_EDGES, K_EDGES), sample_variance=sample_variance
            )
        except InputError as error:
            reasons.append(f"The band {band} is left out: {error}")
            continue
        found[band] = power
        notes += _notes(band, power)
    if not found:
        raise InputError(f"No band could be measured. {reasons[0]}")
    return PowerSpectra(found, (*reasons, *notes))


def whole_band(frequencies: DoubleArray) -> Band:
    """Return the band that all channels make."""
    width = channel_width(frequencies)
    return Band(
        max(float(frequencies.min()) - 0.5 * width, 0.5 * width), float(frequencies.max()) + 0.5 * width
    )


def reach_of(k_perp: float, frequency_hz: float) -> float:
    """Return how many waves in a radian a mode has, of a wave number in h/cMpc, for the line at a frequency."""
    return k_perp * depth_of(frequency_hz).transverse / (2.0 * np.pi)


def _columns(band: Band, power: CylindricalPower) -> list[DoubleArray | IntArray]:
    """Return the columns of a band, arrays (k_par, k_perp)."""
    k_par, k_perp = np.meshgrid(power.k_par, power.k_perp, indexing="ij")
    low, high = (np.full(k_par.shape, edge / 1e6) for edge in (band.low, band.high))
    return [low, high, k_par, k_perp, power.power, power.sigma, power.n_modes]


def _notes(band: Band, power: CylindricalPower) -> list[str]:
    """Return what is to be told of a band."""
    notes = []
    if power.n_filled:
        channels = (
            "1 missing channel was" if power.n_filled == 1 else f"{power.n_filled} missing channels were"
        )
        notes.append(f"In the band {band} {channels} filled by a smooth spectrum.")
    empty = int(np.count_nonzero(power.n_modes == 0))
    if empty == power.n_modes.size:
        notes.append(
            f"In the band {band} no bin has modes: the cube has other scales. Choose other edges of the bins."
        )
    elif empty:
        notes.append(f"In the band {band} {empty} of {power.n_modes.size} bins have no modes and no power.")
    return notes
