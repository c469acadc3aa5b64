"""What a separation of foregrounds knows of a whole cube: the mean spectrum and how channels vary together."""

from __future__ import annotations

from dataclasses import dataclass

from tessellar.model import DoubleArray


@dataclass(frozen=True, slots=True, eq=False)
class SpectralStatistics:
    """The spectrum of a cube as a whole; channels that are blank everywhere have been left out before.

    Attributes
    ----------
    frequencies
        Hz, ascending or descending, float64 array (frequency).
    mean
        Weighted mean over the pixels, float64 array (frequency), in the cube's unit.
    covariance
        float64 array (frequency, frequency), the cube's unit squared; empty where it was not formed.
    n_pixels
        How many pixels it was made of.
    noise_variance
        Variance of the noise of a voxel, float64 array (frequency), or None where it is not known.
    """

    frequencies: DoubleArray
    mean: DoubleArray
    covariance: DoubleArray
    n_pixels: int
    noise_variance: DoubleArray | None = None
