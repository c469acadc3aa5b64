"""Sums over pixels that add up, block by block, to the mean spectrum and the covariance of the channels.

A foreground outshines what lies behind it by 10^7 in power, so single precision, or sums about zero, would lose that
among their rounding errors: spectra are taken about a fixed centre close to their mean, and summed in float64.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tessellar.errors import InputError, UsageError
from tessellar.kernels.foregrounds.fill import Filled
from tessellar.kernels.foregrounds.gram import weighted_products
from tessellar.kernels.foregrounds.statistics import SpectralStatistics
from tessellar.model import DoubleArray, Payload


@dataclass(frozen=True, slots=True, eq=False)
class SpectralMoments:
    """Sums over the pixels p that are kept, with weights u and about a centre c that is the same for all blocks.

    Merged in any order they agree to rounding; in one fixed order, to the bit.

    Attributes
    ----------
    centre
        c, float64 array (frequency).
    n_pixels
        How many pixels.
    weight
        n = sum of u.
    first
        s1 = sum of u (d - c), float64 array (frequency).
    second
        S2 = sum of u (d - c) (d - c)^T, symmetric float64 array (frequency, frequency).
    """

    centre: DoubleArray
    n_pixels: int
    weight: float
    first: DoubleArray
    second: DoubleArray

    @classmethod
    def nothing(cls, centre: DoubleArray) -> SpectralMoments:
        """Return the sums over no pixel."""
        n = len(centre)
        return cls(np.asarray(centre, dtype=np.float64), 0, 0.0, np.zeros(n), np.zeros((n, n)))

    @classmethod
    def of_block(
        cls, filled: Filled, centre: DoubleArray, weights: DoubleArray | None = None
    ) -> SpectralMoments:
        """Return the sums of a block.

        Parameters
        ----------
        filled
            Spectra without a gap.
        centre
            Close to their mean, float64 array (frequency).
        weights
            One for each pixel, zero or more, float64 array (pixel); all are 1 where it is None.
        """
        centre = np.asarray(centre, dtype=np.float64)
        pixels = np.flatnonzero(filled.kept)
        counted = np.ones(len(pixels)) if weights is None else np.asarray(weights, dtype=np.float64)[pixels]
        weight, first, second = weighted_products(filled.voxels, pixels, centre, np.sqrt(counted))
        return cls(centre, int(np.count_nonzero(counted)), weight, first, second)

    def merge(self, other: SpectralMoments) -> SpectralMoments:
        """Return the sums over the pixels of both.

        Raises
        ------
        UsageError
            They were taken about different centres.
        """
        if not np.array_equal(self.centre, other.centre):
            raise UsageError(
                "These sums were taken about different centres and cannot be added. Take one centre for all blocks."
            )
        return SpectralMoments(
            self.centre,
            self.n_pixels + other.n_pixels,
            self.weight + other.weight,
            self.first + other.first,
            self.second + other.second,
        )

    def statistics(
        self, frequencies: DoubleArray, noise_variance: DoubleArray | None = None
    ) -> SpectralStatistics:
        """Return mean c + m and covariance S2 / n - m m^T, where m = s1 / n.

        Parameters
        ----------
        frequencies
            Of the channels, Hz, float64 array (frequency).
        noise_variance
            Handed on, float64 array (frequency), or None.

        Raises
        ------
        InputError
            Not a single pixel was counted.
        """
        if not self.weight > 0:
            raise InputError(
                "No pixel has enough good channels, and a covariance needs some. Look at the flags and weights."
            )
        offset = self.first / self.weight
        covariance = self.second / self.weight - np.outer(offset, offset)
        return SpectralStatistics(
            np.asarray(frequencies, dtype=np.float64),
            self.centre + offset,
            covariance,
            self.n_pixels,
            noise_variance,
        )

    def payload(self) -> Payload:
        """Return the sums as arrays, of the symmetric matrix one triangle only."""
        return {
            "centre": self.centre,
            "n_pixels": np.array(self.n_pixels, dtype=np.int64),
            "weight": np.array(self.weight),
            "first": self.first,
            "second": self.second[np.triu_indices(len(self.first))],
        }

    @classmethod
    def from_payload(cls, payload: Payload) -> SpectralMoments:
        """Return the sums that `payload` gave, to the bit."""
        first = payload["first"]
        second = np.zeros((len(first), len(first)))
        rows, columns = np.triu_indices(len(first))
        second[rows, columns] = payload["second"]
        second[columns, rows] = payload["second"]
        return cls(payload["centre"], int(payload["n_pixels"]), float(payload["weight"]), first, second)
