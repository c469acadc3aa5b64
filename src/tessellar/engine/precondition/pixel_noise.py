"""The stage that measures the noise of every pixel of the sky, all channels of a few rows at a time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from tessellar.kernels.noise import NoiseModel
from tessellar.kernels.pixel_noise import count_by_pixel, no_counts, noise_of_counts
from tessellar.model import Source, UnitResult, Work
from tessellar.tiling.box import Box, Shape
from tessellar.tiling.grid import Grid

PIXELS = 2**16  # of a unit: their counts take 32 MiB
WINDOW_VOXELS = 2**20  # read at a time


@dataclass(frozen=True, slots=True, eq=False)
class PixelNoiseStage:
    """Measure the noise of every pixel of the sky in units of what the noise model expects there.

    A unit is some rows of the sky, which are contiguous in a channel of a FITS file; the units are a function of the
    cube's shape alone.

    Attributes
    ----------
    source
        The cube.
    noise
        What is expected; channels without noise are left out.
    """

    source: Source
    noise: NoiseModel
    fingerprint: str

    name = "flag-pixels"

    @property
    def n_units(self) -> int:
        """Number of units."""
        return len(rows_of_sky(self.source.meta.shape))

    def worker(self) -> Work:
        """Return the function that does one unit."""
        return self._measure

    def _measure(self, unit: int) -> UnitResult:
        start, shape = time.perf_counter(), self.source.meta.shape
        sky = rows_of_sky(shape)[unit].core
        counts = no_counts((sky.shape[1], sky.shape[2]))
        inverse_sky = self.noise.inverse_sky(sky)
        reading = 0.0
        for window in _windows(sky, shape[0]):
            began = time.perf_counter()
            voxels = self.source.read(window)
            reading += time.perf_counter() - began
            count_by_pixel(voxels, self.noise.inverse_channel(window), inverse_sky, counts)
        n_voxels = sky.size * shape[0]
        seconds = time.perf_counter() - start
        return UnitResult(
            {"noise": noise_of_counts(counts)}, n_voxels, 4 * n_voxels, reading, seconds - reading
        )


def rows_of_sky(shape: Shape) -> Grid:
    """Return the units' pixels of the sky as boxes of one channel."""
    _, nx, ny = shape
    along_l = min(nx, PIXELS)
    return Grid((1, nx, ny), (1, along_l, max(1, min(ny, PIXELS // along_l))))


def _windows(sky: Box, channels: int) -> Iterator[Box]:
    depth = max(1, WINDOW_VOXELS // sky.size)
    for z in range(0, channels, depth):
        yield Box((z, *sky.start[1:]), (min(z + depth, channels), *sky.stop[1:]))
