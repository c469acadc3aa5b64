"""Moment maps: what a source looks like on the sky, and how it moves, summed over its voxels in the order of the cube.

Every pixel of the sky is summed by itself in float64, channel after channel, so that its bits depend neither on the
tiles that found a source nor on the windows in which it is read. As in SoFiA (Westmeier et al. 2021, MNRAS 506, 3962)
moment 0 and the map of channels take every voxel of the mask, also those below zero, and moments 1 and 2 take only
voxels of the source's own sign, which are weights.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tessellar.compiled import compiled
from tessellar.kernels.runs import RunTable
from tessellar.model import CubeMeta, DoubleArray, FloatArray, IntArray
from tessellar.tiling.box import Box

MOMENTS = ("mom0", "mom1", "mom2", "chan", "snr")
"""The maps that `MomentSums.maps` makes."""

Counts = npt.NDArray[np.int32]
MomentMaps = dict[str, npt.NDArray[np.float32] | DoubleArray | Counts]


@dataclass(frozen=True, slots=True, eq=False)
class SpectralScale:
    """The spectral axis as moments need it.

    Attributes
    ----------
    values, widths
        Centre and width of every channel, float64 arrays (frequency); widths are 1 where they are not known.
    flux_unit
        Unit of moment 0, as astropy reads it: the cube's times the spectral unit.
    unit
        Unit of moments 1 and 2, ``""`` for channels.
    """

    values: DoubleArray
    widths: DoubleArray
    flux_unit: str
    unit: str

    @classmethod
    def of(cls, meta: CubeMeta) -> SpectralScale:
        """Return the scale of a cube."""
        from astropy import units

        widths, width_unit = meta.spectral.widths(), meta.spectral.unit
        if not np.isfinite(widths).all():
            widths, width_unit = np.ones_like(widths), ""
        total = units.Unit(meta.unit) * units.Unit(width_unit)
        return cls(np.asarray(meta.spectral.values), widths, str(total.to_string()), meta.spectral.unit)


@dataclass(slots=True, eq=False)
class MomentSums:
    """The running sums of every pixel of a box of the sky; voxels of a pixel are added channel after channel.

    Attributes
    ----------
    box
        The box; its pixels are summed over its channels.
    scale
        The spectral axis of the cube.
    sign
        +1 for sources of positive flux, -1 for negative ones.
    """

    box: Box
    scale: SpectralScale
    sign: float = 1.0
    flux: DoubleArray = field(init=False)
    variance: DoubleArray = field(init=False)
    weight: DoubleArray = field(init=False)
    mean: DoubleArray = field(init=False)
    spread: DoubleArray = field(init=False)
    channels: Counts = field(init=False)

    def __post_init__(self) -> None:
        pixels = self.box.shape[1:]
        self.flux, self.variance = np.zeros(pixels), np.zeros(pixels)
        self.weight, self.mean, self.spread = np.zeros(pixels), np.zeros(pixels), np.zeros(pixels)
        self.channels = np.zeros(pixels, np.int32)

    def add(self, voxels: FloatArray, window: Box, runs: RunTable, sigma: FloatArray) -> None:
        """Add the voxels of some runs; blank voxels do not count.

        Parameters
        ----------
        voxels
            float32 array (frequency, l, m) of ``window``, cube's unit.
        window
            Box of the cube that holds the runs.
        runs
            The runs, sorted, inside the box.
        sigma
            Noise of the window's voxels, float32 array (frequency, l, m), cube's unit.
        """
        _add_runs(
            voxels, np.array(window.start, np.int64), np.array(self.box.start, np.int64), runs, sigma,
            self.scale.values, self.scale.widths, self.sign, self.flux, self.variance, self.weight, self.mean,
            self.spread, self.channels,
        )  # fmt: skip

    def maps(self) -> MomentMaps:
        """Return the maps by name, arrays (l, m).

        ``mom0`` (float32, ``scale.flux_unit``) and ``chan`` (int32, number of channels) are 0 where no source is;
        ``mom1`` (float64, spectral coordinate), ``mom2`` (float32, standard deviation along the spectral axis) and
        ``snr`` (float32, moment 0 over its own noise) are NaN there, and where they cannot be told.
        """
        known = self.weight > 0
        weight = np.where(known, self.weight, 1.0)
        noise = np.sqrt(self.variance)
        measured = noise > 0
        return {
            "mom0": self.flux.astype(np.float32),
            "mom1": np.where(known, self.mean, np.nan),
            "mom2": np.where(known, np.sqrt(self.spread / weight), np.nan).astype(np.float32),
            "chan": self.channels,
            "snr": np.where(measured, self.flux / np.where(measured, noise, 1.0), np.nan).astype(np.float32),
        }


@compiled
def _add_runs(
    voxels: FloatArray,
    origin: IntArray,
    corner: IntArray,
    runs: RunTable,
    sigma: FloatArray,
    values: DoubleArray,
    widths: DoubleArray,
    sign: float,
    flux: DoubleArray,
    variance: DoubleArray,
    weight: DoubleArray,
    mean: DoubleArray,
    spread: DoubleArray,
    channels: Counts,
) -> None:
    """Add runs to the sums of their pixels; mean and spread follow West (1979), which cancels nothing."""
    for r in range(runs.shape[0]):
        z, x = np.int64(runs[r, 0]), np.int64(runs[r, 1])
        a, b, i = z - origin[0], x - origin[1], x - corner[1]
        for y in range(runs[r, 2], runs[r, 3]):
            c, j = y - origin[2], y - corner[2]
            f = np.float64(voxels[a, b, c])
            if np.isnan(f):
                continue
            noise = np.float64(sigma[a, b, c]) * widths[z]
            flux[i, j] += f * widths[z]
            variance[i, j] += noise * noise
            channels[i, j] += 1
            w = sign * f * widths[z]
            if w > 0.0:
                weight[i, j] += w
                step = values[z] - mean[i, j]
                mean[i, j] += step * (w / weight[i, j])
                spread[i, j] += w * step * (values[z] - mean[i, j])
