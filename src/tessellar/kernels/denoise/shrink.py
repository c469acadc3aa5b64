"""Thresholds: what of a band of coefficients is kept."""

from __future__ import annotations

import numpy as np

from tessellar.compiled import compiled
from tessellar.model import FloatArray


@compiled
def add_band(band: FloatArray, limit: np.float32, soft: bool, total: FloatArray) -> None:
    """Add the coefficients of a band whose size exceeds a limit.

    Parameters
    ----------
    band
        float32 array (frequency, l, m), NaN where blank.
    limit
        In the unit of the band; a negative one keeps all as they are, an infinite one keeps none.
    soft
        Whether the limit is taken off what is kept.
    total
        float32 array (frequency, l, m), added to.
    """
    nz, nx, ny = band.shape
    zero = np.float32(0.0)
    less = limit if soft and limit > zero else zero
    for z in range(nz):
        for x in range(nx):
            for y in range(ny):
                value = band[z, x, y]
                kept = value - less if value > zero else value + less
                total[z, x, y] += kept if abs(value) > limit else zero
