"""Lossy storage: voxels keep fewer bits, so that what noise fills with chance need not be stored, at a stated error.

Rounding is to the nearest, halves to even. Bits that are cut are zero, so any lossless codec stores the rest in less
room (bit grooming and rounding: Zender 2016, Geosci. Model Dev. 9, 3199; Delaunay et al. 2019, Geosci. Model Dev. 12,
4099). Noise needs few bits: an error of a tenth of the noise makes it 0.5 % louder.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, log2, sqrt
from typing import Any

import numpy as np

from tessellar.errors import UsageError
from tessellar.model import FloatArray

MANTISSA_BITS = 23
_GAUSSIAN_UNIT = 0.7368  # rms of 2^floor(log2 |v|), a unit before the first bit, for Gaussian v of unit rms
_LARGEST_WHOLE = 2.0**MANTISSA_BITS  # from here on every float32 is a whole number


@dataclass(frozen=True, slots=True)
class Rounding:
    """How voxels are rounded before they are stored; exactly one of the two ways.

    Attributes
    ----------
    keep_bits
        Bits of the mantissa that are kept, 1 to 22: the error is a share of each voxel's own value.
    step
        Voxels become multiples of this power of two, in the unit of the cube: the error is the same everywhere.
    noise
        The noise that the error is held against, in the unit of the cube; None where it is not known.

    Raises
    ------
    UsageError
        A number makes no sense.
    """

    keep_bits: int | None = None
    step: float | None = None
    noise: float | None = None

    def __post_init__(self) -> None:
        if (self.keep_bits is None) == (self.step is None):
            raise UsageError(
                "Voxels are rounded to a number of bits or to a share of the noise. Give one of both."
            )
        if self.keep_bits is not None and not 1 <= self.keep_bits < MANTISSA_BITS:
            raise UsageError(
                f"{self.keep_bits} bits of a mantissa of {MANTISSA_BITS} cannot be kept. Give --keep-bits 1 to 22."
            )
        if self.step is not None and not (self.step > 0 and log2(self.step).is_integer()):
            raise UsageError(f"A step of {self.step:g} is no power of two. Give one.")

    @classmethod
    def to_noise(cls, fraction: float, noise: float | None) -> Rounding:
        """Return the rounding whose error is at most this share of the noise, rms.

        Raises
        ------
        UsageError
            The noise is not known or there is none, or the share is not between 0 and 1.
        """
        if not 0 < fraction < 1:
            raise UsageError(
                f"{fraction:g} is no share of the noise. Give --lossy-noise-fraction above 0, below 1."
            )
        if not noise:
            raise UsageError(
                "The cube has no noise where it was looked at, so no error can be a share of it. Use --keep-bits."
            )
        return cls(step=2.0 ** floor(log2(fraction * noise * sqrt(12))), noise=noise)

    @property
    def noise_error(self) -> float | None:
        """The rms error over the noise; with ``keep_bits`` where voxels are Gaussian noise alone."""
        if self.keep_bits is not None:
            return float(2.0**-self.keep_bits * _GAUSSIAN_UNIT / sqrt(12))
        return None if self.step is None or self.noise is None else self.step / sqrt(12) / self.noise

    def __call__(self, voxels: FloatArray) -> FloatArray:
        """Return rounded voxels, float32 array of the same shape; NaN and infinities stay, and nothing becomes one."""
        if self.keep_bits is not None:
            return _kept_bits(voxels, self.keep_bits)
        return _multiples(voxels, np.float32(self.step))

    def record(self) -> dict[str, Any]:
        """Return what the attributes of a store say of it."""
        if self.keep_bits is not None:
            return {
                "method": "mantissa bits, round half to even",
                "keep_bits": self.keep_bits,
                "largest_relative_error": 2.0 ** -(self.keep_bits + 1),
                "rms_error_over_noise": self.noise_error,
            }
        return {
            "method": "multiples of a step, round half to even",
            "step": self.step,
            "largest_error": (self.step or 0.0) / 2,
            "noise": self.noise,
            "rms_error_over_noise": self.noise_error,
        }

    def __str__(self) -> str:
        share = f"{100 * (self.noise_error or 0.0):.2g} %"
        if self.keep_bits is not None:
            return (
                f"Voxels are rounded to {self.keep_bits} bits of mantissa: an error of at most "
                f"{100 * 2.0 ** -(self.keep_bits + 1):.2g} % of each, and of {share} of the noise (rms)."
            )
        return f"Voxels are rounded to multiples of {self.step:.4g}: an error of {share} of the typical noise (rms)."


def _kept_bits(voxels: FloatArray, keep: int) -> FloatArray:
    bits = np.ascontiguousarray(voxels, np.float32).view(np.uint32)
    drop = np.uint32(MANTISSA_BITS - keep)
    mask = ~np.uint32((1 << int(drop)) - 1)
    half = np.uint32((1 << (int(drop) - 1)) - 1)
    rounded = (bits + (half + ((bits >> drop) & np.uint32(1)))) & mask
    found: FloatArray = rounded.view(np.float32)
    # what would become infinite is cut instead; NaN and infinities are left alone
    cut = np.where(np.isfinite(voxels), (bits & mask).view(np.float32), voxels)
    return np.where(np.isfinite(found) & np.isfinite(voxels), found, cut)


def _multiples(voxels: FloatArray, step: np.float32) -> FloatArray:
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = voxels / step
        whole = ~(np.abs(scaled) < _LARGEST_WHOLE)  # multiples already, and NaN
        found: FloatArray = np.rint(scaled) * step + np.float32(0)  # no negative zero
    return np.where(whole, voxels, found)
