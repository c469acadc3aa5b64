"""What is known of a made-up low-frequency sky: the power of its 21-cm signal, and where its parts can be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tessellar.model import DoubleArray
from tessellar.simulate.eor.sky import EorSky

if TYPE_CHECKING:
    from astropy.table import QTable

BIN_CENTRES = tuple(
    round(0.05 * n, 2) for n in range(1, 11)
)  # h/Mpc, of SKA Data Challenge 3a, for both axes
BIN_WIDTH = 0.05

DESCRIPTIONS = {
    "k_par": "centre of the bin along the line of sight, h/Mpc (h = 1 in the unit)",
    "k_perp": "centre of the bin across the line of sight, h/Mpc (h = 1 in the unit)",
    "power": "expected power spectrum of the 21-cm signal before the beam, mean over the bin, K2 (Mpc/h)3",
}
UNITS = {"k_par": "1 / Mpc", "k_perp": "1 / Mpc", "power": "K2 Mpc3"}

_POINTS = 8  # of a bin along each axis


def eor_truth(sky: EorSky) -> QTable:
    """Return the power spectrum of a sky's 21-cm signal in the cylindrical bins of SKA Data Challenge 3a.

    Returns
    -------
    truth
        QTable of 100 rows, ``k_par`` slowest, with the columns of ``DESCRIPTIONS``; the power is NaN where voxels
        are too coarse for the bin. ``meta`` has the settings of the sky, the redshift, Mpc/h of a pixel and a
        channel, and the addresses of its parts, which every command and `open_cube` take.
    """
    from astropy.table import QTable

    along, across = np.meshgrid(BIN_CENTRES, BIN_CENTRES, indexing="ij")
    columns = {"k_par": along.ravel(), "k_perp": across.ravel(), "power": binned_power(sky).ravel()}
    table = QTable(columns, units=UNITS, meta=_meta(sky))
    for name, text in DESCRIPTIONS.items():
        table[name].info.description = text
    return table


def binned_power(sky: EorSky) -> DoubleArray:
    """Return the mean of the signal's power over the modes of each bin, float64 array (k_par, k_perp), K² (Mpc/h)³."""
    steps = ((np.arange(_POINTS) + 0.5) / _POINTS - 0.5) * BIN_WIDTH
    k = (np.array(BIN_CENTRES)[:, np.newaxis] + steps).ravel()
    across = np.broadcast_to(k, (k.size, k.size))
    power = sky.signal_power(k, k[:, np.newaxis])
    split = (len(BIN_CENTRES), _POINTS) * 2
    weights = np.where(np.isfinite(power), across, 0.0).reshape(split)
    sums = np.sum(np.nan_to_num(power).reshape(split) * weights, axis=(1, 3))
    with np.errstate(invalid="ignore"):
        return np.asarray(sums / weights.sum(axis=(1, 3)))


def _meta(sky: EorSky) -> dict[str, Any]:
    from tessellar.cosmology import OMEGA_MATTER, depth_of

    parts = ("all", "sky", "foregrounds", "signal", "noise")
    addresses = {part: sky.only(part).address for part in parts}
    addresses |= {f"half_{half}": sky.only("all", half).address for half in (1, 2)}
    settings = {
        name: list(value) if isinstance(value, tuple) else value for name, value in sky.settings().items()
    }
    return {
        "sky": sky.identity,
        "settings": settings,
        "parts": addresses,
        "redshift": depth_of(sky.reference_hz).redshift,
        "mpc_h_per_pixel": sky.signal.across,
        "mpc_h_per_channel": sky.signal.along,
        "cosmology": f"flat LambdaCDM, Om0 = {OMEGA_MATTER}, lengths in Mpc/h",
    }
