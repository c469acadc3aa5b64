"""Smooth-and-clip: smooth the cube at many scales and keep what stands out of the noise at any of them.

After Serra, Jurek & Flöer (2012, PASA 29, 296) and Westmeier et al. (2021, MNRAS 506, 3962). SoFiA replaces what
one scale detects before it goes on to the next; here what stands out of the unsmoothed noise is replaced before any
smoothing, so that every scale can be made in one pass and a voxel depends on its own neighbourhood only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tessellar.errors import UsageError
from tessellar.kernels.block import BLOCK_Z, PITCH
from tessellar.kernels.detect import detection_mask
from tessellar.kernels.devices import CPU
from tessellar.kernels.filters import boxcar_radius, gaussian_radius, gaussian_taps
from tessellar.kernels.lane import PINNED_BUFFERS
from tessellar.kernels.noise import NoiseModel
from tessellar.kernels.scale_noise import N_BINS, count_negative, sigma_from_counts
from tessellar.kernels.smooth_clip_torch import BYTES_PER_VOXEL as WINDOW_BYTES
from tessellar.kernels.smooth_clip_torch import window_voxels
from tessellar.model import ByteArray, CubeMeta, FloatArray, IntArray, MemoryUse, Patch
from tessellar.tiling.box import Box, Halo, Shape


@dataclass(frozen=True, slots=True)
class SmoothAndClip:
    """The smooth-and-clip finder, with SoFiA's names and defaults.

    Parameters
    ----------
    kernels_xy
        Full widths at half maximum of the Gaussians on the sky, pixels; 0 is no smoothing.
    kernels_z
        Widths of the boxcars along frequency, channels; 0 is no smoothing, even widths count as the next odd one.
    threshold
        Detection threshold in units of the noise at each scale.
    replacement
        Voxels beyond the threshold before smoothing are smoothed as if they were this many times the noise.
    """

    kernels_xy: tuple[float, ...] = (0.0, 3.0, 6.0)
    kernels_z: tuple[int, ...] = (0, 3, 7, 15)
    threshold: float = 5.0
    replacement: float = 2.0

    name = "smooth-and-clip"
    fixed_bytes = 0  # that a worker holds however small its tiles are

    def __post_init__(self) -> None:
        object.__setattr__(self, "kernels_xy", tuple(map(float, self.kernels_xy)))
        object.__setattr__(self, "kernels_z", tuple(map(int, self.kernels_z)))
        object.__setattr__(self, "threshold", float(self.threshold))
        object.__setattr__(self, "replacement", float(self.replacement))
        problems = [
            *(["kernels_xy is empty; give at least one width, such as 0"] if not self.kernels_xy else []),
            *(["kernels_z is empty; give at least one width, such as 0"] if not self.kernels_z else []),
            *(
                f"kernels_xy holds {k:g}; widths run from 0 to 100 pixels"
                for k in self.kernels_xy
                if not 0 <= k <= 100
            ),
            *(
                f"kernels_z holds {k}; widths run from 0 to 1000 channels"
                for k in self.kernels_z
                if not 0 <= k <= 1000
            ),
            *(
                [f"threshold is {self.threshold:g}; it must be positive"]
                if not 0 < self.threshold < np.inf
                else []
            ),
            *(
                [
                    f"replacement is {self.replacement:g}; it must lie between 0 and the threshold {self.threshold:g}"
                ]
                if not 0 <= self.replacement <= self.threshold
                else []
            ),
        ]
        if problems:
            raise UsageError("; ".join(problems) + ".")

    def halo(self, meta: CubeMeta) -> Halo:
        """Return how far around a voxel the largest scale looks."""
        z = max(boxcar_radius(k) for k in self.kernels_z)
        xy = max(gaussian_radius(k) for k in self.kernels_xy)
        return Halo.symmetric((min(z, meta.shape[0]), min(xy, meta.shape[1]), min(xy, meta.shape[2])))

    def memory(self, shape: Shape) -> MemoryUse:
        """Return the bytes for a patch of ``shape``: its mask, and the planes of one block at a time."""
        z, x, y = shape
        planes = len(self.widths_xy) * (BLOCK_Z + 2 * int(self.radii[-1])) * PITCH * 4
        sky = 48 * x * y  # the noise map of the patch while it is interpolated
        return MemoryUse(host=z * x * y + sky + planes)

    def memory_on_gpu(self, shape: Shape) -> MemoryUse:
        """Return the bytes for a patch of ``shape`` on a GPU: two tiles and a window there, pinned ones here."""
        z, x, y = shape
        halo = Halo.symmetric((int(self.radii[-1]), *(2 * [max(map(gaussian_radius, self.kernels_xy))])))
        device = 8 * z * x * y + WINDOW_BYTES * window_voxels(shape, halo)
        return MemoryUse(host=(4 * PINNED_BUFFERS + 1) * z * x * y + 52 * x * y, device=device)

    @property
    def radii(self) -> IntArray:
        """Radii of the boxcars, ascending, int64 array (n_spectral)."""
        return np.array(sorted({boxcar_radius(k) for k in self.kernels_z}), dtype=np.int64)

    @property
    def widths_xy(self) -> tuple[float, ...]:
        """Widths of the Gaussians, ascending."""
        return tuple(sorted(set(self.kernels_xy)))

    @property
    def limit(self) -> np.float32:
        """The level beyond which unsmoothed voxels are detected and replaced; infinite without that scale."""
        unsmoothed = self.radii[0] == 0 and self.widths_xy[0] == 0
        return np.float32(self.threshold if unsmoothed else np.inf)

    def taps(self) -> tuple[FloatArray, IntArray]:
        """Return the half Gaussians, float32 array (n_spatial, reach + 1), and their radii, int64 array."""
        rows = [gaussian_taps(k) for k in self.widths_xy]
        taps = np.zeros((len(rows), max(r.size for r in rows)), np.float32)
        for i, row in enumerate(rows):
            taps[i, : row.size] = row
        return taps, np.array([r.size - 1 for r in rows], dtype=np.int64)

    def count_scales(self, patch: Patch, noise: NoiseModel, step: int = 1) -> IntArray:
        """Return the counts of every ``step``-th negative value by scale, int64 array (n_spatial, n_spectral, bins)."""
        taps, reaches = self.taps()
        counts = np.zeros((len(taps), self.radii.size, N_BINS), np.int64)
        count_negative(
            np.ascontiguousarray(patch.voxels),
            _bounds(patch),
            noise.inverse_channel(patch.read),
            noise.inverse_sky(patch.read),
            self.limit,
            np.float32(self.replacement),
            taps,
            reaches,
            self.radii,
            step,
            counts,
        )
        return counts

    def calibrated(self, noise: NoiseModel, counts: IntArray) -> CalibratedFinder:
        """Return the finder with the noise of this cube and of its scales.

        A scale without a single negative value in the sample detects nothing: its noise is infinite.
        """
        sigma = sigma_from_counts(counts)
        sigma = np.where(np.isfinite(sigma), sigma, np.float32(np.inf))
        return CalibratedFinder(self, noise, sigma)


@dataclass(frozen=True, slots=True, eq=False)
class CalibratedFinder:
    """A smooth-and-clip finder that knows the noise: the same threshold for a voxel wherever its tile begins.

    Attributes
    ----------
    recipe
        The parameters.
    noise
        The noise of every voxel.
    scale_sigma
        Noise of each scale over the noise without smoothing, float32 array (n_spatial, n_spectral).
    """

    recipe: SmoothAndClip
    noise: NoiseModel
    scale_sigma: FloatArray

    def prepare(self, meta: CubeMeta, device: str = CPU) -> Callable[[Patch], ByteArray]:  # noqa: ARG002  # as networks
        """Return what gives the mask of a patch's core at a worker: itself on the processor."""
        if device == CPU:
            return self
        from tessellar.kernels.smooth_clip_device import DeviceFinder

        return DeviceFinder(self, device)

    def __call__(self, patch: Patch) -> ByteArray:
        """Return the mask of a patch's core, uint8 array (frequency, l, m): bit 1 positive, bit 2 negative."""
        taps, reaches = self.recipe.taps()
        mask = np.empty(patch.core.shape, np.uint8)
        detection_mask(
            np.ascontiguousarray(patch.voxels),
            _bounds(patch),
            self.noise.inverse_channel(patch.read),
            self.noise.inverse_sky(patch.read),
            self.recipe.limit,
            np.float32(self.recipe.replacement),
            taps,
            reaches,
            self.recipe.radii,
            np.asarray(self.recipe.threshold * self.scale_sigma, dtype=np.float32),
            mask,
        )
        return mask


def _bounds(patch: Patch) -> IntArray:
    """Return where the core lies in the patch, int64 array (3, 2)."""
    local: Box = patch.core.relative_to(patch.read.start)
    return np.array([local.start, local.stop], dtype=np.int64).T.copy()
