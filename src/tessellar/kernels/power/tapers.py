"""Tapers: windows that let spectra and images fade towards their ends, and how they tie neighbouring modes together.

Sums of cosines after Harris 1978, Proc. IEEE 66, 51.
"""

from __future__ import annotations

import numpy as np
import scipy.fft

from tessellar.errors import UsageError
from tessellar.model import DoubleArray, IntArray

_COSINES = {
    "none": (1.0,),
    "hann": (0.5, 0.5),
    "blackmanharris": (0.35875, 0.48829, 0.14128, 0.01168),
}
TAPERS = tuple(_COSINES)


def taper(name: str, length: int) -> DoubleArray:
    """Return a symmetric taper with a peak of 1, float64 array (length).

    Raises
    ------
    UsageError
        There is no taper of that name.
    """
    if name not in _COSINES:
        raise UsageError(f"There is no taper {name!r}. Choose one of {', '.join(TAPERS)}.")
    turns = 2.0 * np.pi * np.arange(length) / max(length - 1, 1)
    terms = enumerate(_COSINES[name])
    window = np.zeros(length)
    for order, share in terms:
        window += (-1.0) ** order * share * np.cos(order * turns)
    return np.ones(length) if length < 3 else window


def independent_cells(weights: DoubleArray, cells: IntArray) -> float:
    """Return how many independent values the power in some cells of a spectrum is worth.

    The mean of the power of n cells varies as that of n² / Σ ρ(i - j) independent ones, where
    ρ(d) = abs(Σ w² exp(2πi d x / N))² / (Σ w²)² is how the power of two cells of noise goes together behind a
    taper w.

    Parameters
    ----------
    weights
        What the spectrum was multiplied by before its transform, float64 array (length).
    cells
        Indices of cells of the transform, int64 array.
    """
    if not cells.size:
        return 0.0
    together = np.abs(scipy.fft.fft(weights**2)) ** 2
    together /= together[0]
    lags = (cells[:, None] - cells[None, :]) % len(weights)
    return float(cells.size**2 / together[lags].sum())
