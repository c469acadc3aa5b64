"""The 2D-1D starlet: a cube in bands, each a scale on the sky times a scale along frequency, cut where noise rules.

Starck, Fadili, Digel, Casandjian & Chiang 2009, A&A 504, 641; for HI cubes Flöer, Winkel & Kerp 2014, A&A 569, A101.
Galaxies are narrow on the sky and wide along frequency, so the two have scales of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import ClassVar

import numpy as np

from tessellar.errors import UsageError
from tessellar.kernels.correlation import Correlation
from tessellar.kernels.denoise.band_noise import band_sigmas, counted, in_noise
from tessellar.kernels.denoise.bands import bands_of, predicted_noise
from tessellar.kernels.denoise.dense import Denoise
from tessellar.kernels.denoise.shrink import add_band
from tessellar.kernels.starlet import starlet_halo
from tessellar.model import CubeMeta, FloatArray, IntArray, MemoryUse, Patch
from tessellar.tiling.box import Halo, Shape

MOST_SCALES = 6  # a halo of 126 voxels
SHRINKS = ("hard", "soft")
COARSE = ("keep", "drop", "threshold")


@dataclass(frozen=True, slots=True)
class Starlet2D1D:
    """Keep what stands out of the noise in the bands of a 2D-1D starlet transform.

    A cube in units of its noise is smoothed again and again on the sky by the B3 spline, each time twice as wide; the
    details that each smoothing takes away, and what is left at last, are cut the same way along frequency. Their sum
    is the cube. A coefficient counts if it exceeds ``threshold`` times the noise of its band, which is known for the
    whole cube. A blank voxel stays blank and has no weight; at the cube's edge the cube is mirrored; a voxel whose
    noise is unknown stays as it is, and is blank to others.

    Parameters
    ----------
    scales_xy, scales_z
        How many scales there are on the sky and along frequency, 1 to 6; the finest has details of about a pixel.
    threshold
        In units of the noise of a band; 0 keeps everything.
    shrink
        ``hard`` keeps a coefficient as it is, ``soft`` takes the threshold off it.
    coarse
        What happens to what is coarse on the sky and along frequency (continuum, baselines, fields of emission):
        ``keep``, ``drop``, or ``threshold`` like the others.

    Raises
    ------
    UsageError
        A setting is out of range.
    """

    scales_xy: int = 3
    scales_z: int = 4
    threshold: float = 4.0
    shrink: str = "hard"
    coarse: str = "keep"

    name: ClassVar[str] = "starlet2d1d"
    outputs: ClassVar[tuple[str, ...]] = ("denoised",)

    def __post_init__(self) -> None:
        problems = [
            f"{key} is {value}, needed is 1 to {MOST_SCALES}"
            for key, value in (("scales_xy", self.scales_xy), ("scales_z", self.scales_z))
            if not 1 <= value <= MOST_SCALES
        ]
        if not 0 <= self.threshold < np.inf:
            problems.append(f"threshold is {self.threshold:g}, needed is 0 or more")
        problems += [
            f"{key} is '{value}', needed is {', '.join(known)}"
            for key, value, known in (("shrink", self.shrink, SHRINKS), ("coarse", self.coarse, COARSE))
            if value not in known
        ]
        if problems:
            raise UsageError(f"The kernel starlet2d1d cannot be made: {'; '.join(problems)}.")

    @property
    def bands(self) -> list[tuple[int, int]]:
        """The scale on the sky and the scale along frequency of each band; the last of either is the coarse rest."""
        return list(product(range(self.scales_xy + 1), range(self.scales_z + 1)))

    def halo(self, meta: CubeMeta) -> Halo:  # noqa: ARG002  # the same for every cube
        """Return how far the coarsest scales look."""
        sky = starlet_halo(self.scales_xy)
        return Halo.symmetric((starlet_halo(self.scales_z), sky, sky))

    def memory(self, shape: Shape) -> MemoryUse:
        """Return the bytes of seven arrays of the patch: in units of noise, two stages of either cut, band, sum."""
        return MemoryUse(28 * shape[0] * shape[1] * shape[2])

    def prepare(self, meta: CubeMeta, device: str) -> Denoise:
        """Return what denoises one patch, with the noise of bands that white noise has.

        `CalibratedStarlet` knows that of a cube.
        """
        return self.calibrated(None, _WHITE, meta).prepare(meta, device)

    def count(self, patch: Patch, noise: FloatArray, meta: CubeMeta) -> IntArray:  # noqa: ARG002
        """Return how the negative values of each band are distributed, int64 array (band, bin)."""
        core = patch.core.relative_to(patch.read.start).slices()
        transformed = bands_of(in_noise(patch.voxels, noise), self.scales_xy, self.scales_z)
        return np.concatenate([counted([band[core]]) for _, band in transformed])

    def calibrated(
        self,
        counts: IntArray | None,
        correlation: Correlation,
        meta: CubeMeta,  # noqa: ARG002
    ) -> CalibratedStarlet:
        """Return the denoiser that knows the noise of its bands."""
        predicted = predicted_noise(correlation, self.scales_xy, self.scales_z)
        return CalibratedStarlet(self, band_sigmas(counts, predicted))


@dataclass(frozen=True, slots=True)
class CalibratedStarlet:
    """A starlet that knows the noise of its bands.

    Attributes
    ----------
    recipe
        Scales and thresholds.
    band_sigma
        Noise of each band in units of the noise of a voxel, in the order of the recipe's ``bands``.
    """

    recipe: Starlet2D1D
    band_sigma: tuple[float, ...]

    name: ClassVar[str] = Starlet2D1D.name
    outputs: ClassVar[tuple[str, ...]] = Starlet2D1D.outputs

    def halo(self, meta: CubeMeta) -> Halo:
        """Return that of the recipe."""
        return self.recipe.halo(meta)

    def memory(self, shape: Shape) -> MemoryUse:
        """Return that of the recipe."""
        return self.recipe.memory(shape)

    def prepare(self, meta: CubeMeta, device: str) -> Denoise:  # noqa: ARG002  # nothing to load
        """Return what denoises one patch."""
        return partial(_denoised, recipe=self.recipe, limits=self._limits())

    def _limits(self) -> dict[tuple[int, int], float]:
        """Return what a coefficient of each band must exceed; infinite for a band that is dropped."""
        recipe = self.recipe
        limits = {
            band: recipe.threshold * sigma for band, sigma in zip(recipe.bands, self.band_sigma, strict=True)
        }
        if recipe.coarse != "threshold":
            limits[recipe.bands[-1]] = -1.0 if recipe.coarse == "keep" else np.inf
        return limits


_WHITE = Correlation(1e4, 0.0, 1e4)


def _denoised(
    patch: Patch, noise: FloatArray, recipe: Starlet2D1D, limits: dict[tuple[int, int], float]
) -> FloatArray:
    core = patch.core.relative_to(patch.read.start).slices()
    scaled = in_noise(patch.voxels, noise)
    total = np.zeros(patch.core.shape, np.float32)
    for number, band in bands_of(scaled, recipe.scales_xy, recipe.scales_z):
        add_band(band[core], np.float32(limits[number]), recipe.shrink == "soft", total)
    voxels = patch.voxels[core]
    as_it_is = np.where(np.isfinite(voxels), voxels, np.float32(np.nan))
    return np.where(np.isfinite(scaled[core]), total * noise[core], as_it_is)[np.newaxis]
