"""Deblending: where one source holds several galaxies, and which of its voxels belong to which.

The voxels of a source are flooded from the brightest down at one of the finder's smoothing scales. Where two hills
meet, each of them stays a source of its own if it rises far enough above the saddle: by a number of noise levels, and
by a part of its own height. That is the contrast of SExtractor (Bertin & Arnouts 1996, A&AS 117, 393) asked of the
saddle between summits, as clumpfind and FellWalker do (Williams, de Geus & Blitz 1994, ApJ 428, 693; Berry 2015,
A&C 10, 22). The boxcar along frequency fills the valley between the two horns of a rotating galaxy, and what is left
of it is no deep one: so a galaxy stays whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

import numpy as np

from tessellar.compiled import compiled
from tessellar.errors import UsageError
from tessellar.kernels.block import BLOCK_X, BLOCK_Y, BLOCK_Z, PITCH, PIXELS, work_arrays
from tessellar.kernels.filters import gaussian_radius, gaussian_taps
from tessellar.kernels.scales import smooth_block, widen
from tessellar.kernels.smooth_clip import CalibratedFinder
from tessellar.lanes.memory import copy_row
from tessellar.model import CubeMeta, DoubleArray, FloatArray, IntArray, Patch, SpectralAxis
from tessellar.tiling.box import Halo

FEWEST_VOXELS = 20  # above the saddle, of a part
MOST_VOXELS = 2**20  # of a source that is looked at; larger ones are left whole, so that memory is bounded
WIDTH_MS = 65e3  # of the boxcar of that scale, m/s, at least
UNKNOWN_WIDTH = 7.0  # channels, where nobody says how wide they are
SPEED_OF_LIGHT = 299_792_458.0  # m/s
PIXELS_FWHM = 3.0  # of the scale on which summits are looked for: the finder's nearest


@dataclass(frozen=True, slots=True)
class Deblending:
    """How sources are separated that hold several galaxies.

    Parameters
    ----------
    contrast
        The saddle between two parts is no higher than this part of the lower summit, 0 to 1.
    prominence
        The lower summit rises this far above the saddle, in units of the noise of the scale.
    channels
        Width of the boxcar along frequency on which summits are looked for, which fills the gap between the horns of
        a galaxy; the narrowest of the finder's that is as wide is taken, else its widest. None is 65 km/s, or 7
        channels where the cube does not tell.

    Raises
    ------
    UsageError
        A parameter is out of range.
    """

    contrast: float = 0.5
    prominence: float = 4.0
    channels: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "contrast", float(self.contrast))
        object.__setattr__(self, "prominence", float(self.prominence))
        if self.channels is not None:
            object.__setattr__(self, "channels", int(self.channels))
        problems = []
        if not 0.0 <= self.contrast <= 1.0:
            problems.append(f"the contrast is {self.contrast:g}; it must lie between 0 and 1")
        if not (isfinite(self.prominence) and self.prominence > 0.0):
            problems.append(f"the prominence is {self.prominence:g}; it must be above 0")
        if self.channels is not None and self.channels < 1:
            problems.append(f"the boxcar is {self.channels} channels wide; it must be 1 or more")
        if problems:
            raise UsageError("Sources cannot be deblended so: " + "; ".join(problems) + ".")

    def width(self, meta: CubeMeta) -> float:
        """Return how wide the boxcar is to be, in channels of a cube."""
        if self.channels is not None:
            return self.channels
        speed = float(np.median(_speeds(meta.spectral)))
        return WIDTH_MS / speed if isfinite(speed) and speed > 0 else UNKNOWN_WIDTH


def _speeds(axis: SpectralAxis) -> DoubleArray:
    """Return the widths of the channels as the gas that emits there sees them, c df / f, in m/s; NaN if not known.

    Velocities are turned into that: a channel is one and the same, however its axis is written.
    """
    widths, values = axis.widths(), np.asarray(axis.values, dtype=np.float64)
    if axis.unit == "Hz":
        return np.asarray(SPEED_OF_LIGHT * widths / values)
    part = values / SPEED_OF_LIGHT
    factors = {"v_rad": 1.0 / (1.0 - part), "v_opt": 1.0 / (1.0 + part), "v_app": 1.0 / (1.0 - part**2)}
    return np.asarray(widths * factors[axis.kind]) if axis.kind in factors else np.full(1, np.nan)


@dataclass(frozen=True, slots=True, eq=False)
class HillScale:
    """The smoothing scale on which the summits of sources are looked for.

    Attributes
    ----------
    finder
        The finder, which knows the noise of its scales.
    index
        Which of them: along the widths on the sky, and along those in frequency.
    """

    finder: CalibratedFinder
    index: tuple[int, int]

    @classmethod
    def chosen(cls, finder: CalibratedFinder, channels: float) -> HillScale:
        """Return the scale that is nearest to three pixels, and the first that is so many channels wide."""
        on_sky = np.abs(np.array(finder.recipe.widths_xy) - PIXELS_FWHM)
        radii = finder.recipe.radii
        along_z = min(int(np.searchsorted(2 * radii + 1, channels)), len(radii) - 1)
        return cls(finder, (int(on_sky.argmin()), along_z))

    @property
    def fwhm(self) -> float:
        """Full width of the Gaussian on the sky, pixels."""
        return self.finder.recipe.widths_xy[self.index[0]]

    @property
    def radius(self) -> int:
        """Radius of the boxcar along frequency, channels."""
        return int(self.finder.recipe.radii[self.index[1]])

    @property
    def halo(self) -> Halo:
        """How far around a voxel it looks."""
        xy = gaussian_radius(self.fwhm)
        return Halo.symmetric((self.radius, xy, xy))

    def __call__(self, patch: Patch) -> FloatArray:
        """Return the smoothed core of a patch in units of the noise of the scale, float32 array (frequency, l, m)."""
        out = np.empty(patch.core.shape, np.float32)
        local = patch.core.relative_to(patch.read.start)
        noise, taps = self.finder.noise, gaussian_taps(self.fwhm)
        _smooth(
            np.ascontiguousarray(patch.voxels),
            np.array([local.start, local.stop], dtype=np.int64).T.copy(),
            noise.inverse_channel(patch.read),
            noise.inverse_sky(patch.read),
            taps.reshape(1, -1),
            np.array([taps.size - 1], np.int64),
            self.radius,
            out,
        )
        return np.asarray(out / np.float32(self.finder.scale_sigma[self.index]))


@compiled
def _smooth(
    voxels: FloatArray,
    core: IntArray,
    inverse_channel: FloatArray,
    inverse_sky: FloatArray,
    taps: FloatArray,
    reaches: IntArray,
    radius: int,
    out: FloatArray,
) -> None:
    """Smooth a core at one scale; parameters are those of `tessellar.kernels.detect.detection_mask`."""
    padded, rows, edge = work_arrays(taps.shape[1] - 1)
    planes = np.zeros((1, BLOCK_Z + 2 * radius, PITCH), np.float32)
    total = np.empty(PIXELS, np.float32)
    for x in range(core[1, 0], core[1, 1], BLOCK_X):
        for y in range(core[2, 0], core[2, 1], BLOCK_Y):
            width = min(BLOCK_Y, core[2, 1] - y)
            for z in range(core[0, 0], core[0, 1], BLOCK_Z):
                depth = min(BLOCK_Z, core[0, 1] - z)
                kept = 2 * radius if z > core[0, 0] else 0
                smooth_block(
                    voxels, z - radius, x, y, kept, depth + 2 * radius, inverse_channel, inverse_sky,
                    np.float32(np.inf), np.float32(0.0), taps, reaches, padded, rows, edge, planes,
                )  # fmt: skip
                for i in range(depth):
                    copy_row(planes[0, i + radius], total)
                    widen(planes, 0, i + radius, 0, radius, total)
                    for a in range(min(BLOCK_X, core[1, 1] - x)):
                        row, first = out[z + i - core[0, 0], x + a - core[1, 0]], y - core[2, 0]
                        copy_row(total[a * BLOCK_Y :], row[first : first + width])
