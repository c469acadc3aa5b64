"""The integrated spectrum of a source: what its mask holds channel by channel, with the noise of that sum."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from tessellar.compiled import compiled
from tessellar.kernels.flux_scale import FluxScale
from tessellar.kernels.runs import RunTable
from tessellar.kernels.sum_noise import SumNoise
from tessellar.model import CubeMeta, DoubleArray, FloatArray, IntArray
from tessellar.tiling.box import Box


@dataclass(slots=True, eq=False)
class SpectrumSums:
    """The running sums of every channel of a box; voxels are added in the order of the cube.

    Attributes
    ----------
    box
        The box.
    flux
        Sum of the voxels, float64 array (frequency), cube's unit.
    pixels
        Number of voxels, int64 array (frequency).
    """

    box: Box
    flux: DoubleArray = field(init=False)
    pixels: IntArray = field(init=False)

    def __post_init__(self) -> None:
        channels = self.box.shape[0]
        self.flux, self.pixels = np.zeros(channels), np.zeros(channels, np.int64)

    def add(self, voxels: FloatArray, window: Box, runs: RunTable, sigma: FloatArray) -> None:
        """Add the voxels of some runs; parameters as for `tessellar.kernels.moments.MomentSums.add`."""
        del sigma
        origin, first = np.array(window.start, np.int64), self.box.start[0]
        _add_runs(voxels, origin, first, runs, self.flux, self.pixels)


@dataclass(frozen=True, slots=True, eq=False)
class Spectrum:
    """A source's spectrum.

    Attributes
    ----------
    channel
        int64 array (frequency): channels of the cube.
    value
        float64 array (frequency): their centres in the native spectral unit.
    flux, noise
        float64 arrays (frequency): flux density within the mask and the standard deviation of its noise.
    pixels
        int64 array (frequency): voxels of the mask.
    unit
        Unit of the flux density, as astropy reads it.
    """

    channel: IntArray
    value: DoubleArray
    flux: DoubleArray
    noise: DoubleArray
    pixels: IntArray
    unit: str


def spectrum(sums: SpectrumSums, noise: SumNoise, scale: FluxScale, meta: CubeMeta) -> Spectrum:
    """Return the spectrum of sums with its noise, in Jy where the cube's unit and beam allow it."""
    from astropy import units

    channels = slice(sums.box.start[0], sums.box.stop[0])
    widths = meta.spectral.widths()
    known = bool(np.isfinite(widths).all())
    factor = (scale.weight / (widths if known else 1.0))[channels]
    unit = units.Unit(scale.unit) / units.Unit(meta.spectral.unit if known else "")
    return Spectrum(
        np.arange(channels.start, channels.stop, dtype=np.int64),
        np.asarray(meta.spectral.values)[channels],
        sums.flux * factor,
        np.sqrt(noise.pairs[:, 0]) * factor,
        sums.pixels,
        str(unit.to_string()),
    )


@compiled
def _add_runs(
    voxels: FloatArray,
    origin: IntArray,
    first: int,
    runs: RunTable,
    flux: DoubleArray,
    pixels: IntArray,
) -> None:
    for r in range(runs.shape[0]):
        z = np.int64(runs[r, 0])
        a, b = z - origin[0], np.int64(runs[r, 1]) - origin[1]
        for y in range(runs[r, 2], runs[r, 3]):
            c = y - origin[2]
            f = np.float64(voxels[a, b, c])
            if np.isnan(f):
                continue
            flux[z - first] += f
            pixels[z - first] += 1
