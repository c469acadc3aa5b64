"""Smoothing: a Gaussian on the sky, and a boxcar or a Gaussian along frequency."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from tessellar.errors import UsageError
from tessellar.kernels.denoise.convolve import convolve
from tessellar.kernels.denoise.dense import Denoise
from tessellar.kernels.filters import boxcar_radius, gaussian_taps
from tessellar.model import CubeMeta, FloatArray, MemoryUse, Patch
from tessellar.tiling.box import Halo, Shape

SHAPES = ("boxcar", "gaussian")
MAX_WIDTH = 512.0  # pixels or channels


@dataclass(frozen=True, slots=True)
class Gaussian:
    """The weighted mean of the voxels around each one, blank ones left out.

    With ``G`` the product of the taps along the three axes and ``m`` 1 where a voxel holds data and 0 elsewhere, a
    voxel becomes ``sum(G m d) / sum(G m)``; a blank voxel stays blank, and what lies outside the cube has no weight.

    Parameters
    ----------
    fwhm_xy
        Full width at half maximum of the Gaussian on the sky, pixels, cut at 3 sigma; 0 for none.
    width_z
        Width along frequency, channels: of the boxcar (an even one counts as the next odd one), or the full width at
        half maximum of the Gaussian; 0 for none.
    shape_z
        ``boxcar`` or ``gaussian``.

    Raises
    ------
    UsageError
        A setting is out of range.
    """

    fwhm_xy: float = 3.0
    width_z: float = 3.0
    shape_z: str = "boxcar"

    name: ClassVar[str] = "gaussian"
    outputs: ClassVar[tuple[str, ...]] = ("denoised",)

    def __post_init__(self) -> None:
        problems = [
            f"{key} is {value:g}, needed is 0 to {MAX_WIDTH:g}"
            for key, value in (("fwhm_xy", self.fwhm_xy), ("width_z", self.width_z))
            if not 0 <= value <= MAX_WIDTH
        ]
        if self.shape_z not in SHAPES:
            problems.append(f"shape_z is '{self.shape_z}', needed is {' or '.join(SHAPES)}")
        if problems:
            raise UsageError(f"The kernel gaussian cannot be made: {'; '.join(problems)}.")

    def halo(self, meta: CubeMeta) -> Halo:  # noqa: ARG002  # the same for every cube
        """Return the reach of the taps."""
        z, x, y = (half.size - 1 for half in self._taps())
        return Halo.symmetric((z, x, y))

    def memory(self, shape: Shape) -> MemoryUse:
        """Return the bytes of five arrays of the patch: data, weights, one of each being made, and a mask."""
        return MemoryUse(20 * shape[0] * shape[1] * shape[2])

    def prepare(self, meta: CubeMeta, device: str) -> Denoise:  # noqa: ARG002  # nothing to load
        """Return what smooths one patch."""
        return partial(_smoothed, taps=self._taps())

    def _taps(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        sky = gaussian_taps(self.fwhm_xy)
        along = gaussian_taps(self.width_z) if self.shape_z == "gaussian" else boxcar_taps(self.width_z)
        return along, sky, sky


def boxcar_taps(width: float) -> FloatArray:
    """Return the centre and one half of a boxcar whose sum is 1, float32 array (radius + 1)."""
    radius = boxcar_radius(int(width))
    return np.full(radius + 1, 1.0 / (2 * radius + 1), np.float32)


def _smoothed(patch: Patch, noise: FloatArray, taps: tuple[FloatArray, FloatArray, FloatArray]) -> FloatArray:
    del noise
    known = np.isfinite(patch.voxels)
    core = patch.core.relative_to(patch.read.start).slices()
    values = convolve(np.where(known, patch.voxels, np.float32(0.0)), *taps)[core]
    weights = convolve(known.astype(np.float32), *taps)[core]
    out = np.full((1, *values.shape), np.nan, np.float32)
    np.divide(values, weights, out=out[0], where=known[core])
    return out
