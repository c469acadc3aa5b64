"""Foregrounds that a separation has left, as far as the eigenvalues of the cube tell of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tessellar.engine.foregrounds.learn import Learned
from tessellar.kernels.foregrounds.operator import residual_of
from tessellar.kernels.foregrounds.pca import tail_of
from tessellar.kernels.power.modes import SkyModes
from tessellar.model import DoubleArray


def leftover_filter(learned: Learned) -> DoubleArray | None:
    """Return what picks the foregrounds out of a clean spectrum that still holds some.

    Eigenvalues that stand out of the tail which signal and noise make are foregrounds'. Of the variance that the clean
    cube has along such a mode, what exceeds the tail is taken for theirs.

    Returns
    -------
    DoubleArray
        float64 array (frequency that holds data, frequency that holds data); None where nothing exceeds the tail, or
        where the eigenvalues are not known.
    """
    covariance, values = learned.statistics.covariance, learned.eigenvalues
    tail, number = tail_of(values)
    if tail is None or not number or not covariance.size or learned.separated.network is not None:
        return None
    modes = learned.modes[:, :number]
    clean = residual_of(learned.separated.operator, residual_of(learned.separated.operator, covariance).T)
    variance = np.einsum("im,ij,jm->m", modes, clean, modes)
    share = np.maximum(1.0 - np.exp(tail[:number]) / np.maximum(variance, np.finfo(np.float64).tiny), 0.0)
    return np.asarray((modes * np.sqrt(share)) @ modes.T) if share.any() else None


def leftover_modes(picked: DoubleArray, learned: Learned, clean: SkyModes, kelvin: DoubleArray) -> SkyModes:
    """Return the foregrounds in the modes of a clean cube.

    Parameters
    ----------
    picked
        What picks them out, as `leftover_filter` returns it.
    learned
        The separation.
    clean
        Modes of the clean cube, kelvin.
    kelvin
        Kelvin in the unit of the cube, float64 array (frequency).
    """
    values, factors = clean.values.copy(), kelvin[learned.used, None]
    values[learned.used] = factors * (picked @ (values[learned.used] / factors))
    return replace(clean, values=values)
