"""One pass over the voxels of a source, from which everything about it is measured."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from tessellar.kernels import sum_noise
from tessellar.kernels.correlation import Correlation
from tessellar.kernels.flux_scale import FluxScale
from tessellar.kernels.lost_flux import cut_gaussians
from tessellar.kernels.measure import MEASURED, Scale, measure
from tessellar.kernels.nodes import NodeTables
from tessellar.kernels.noise import NoiseModel
from tessellar.kernels.noise_map import inverse_between
from tessellar.kernels.pair_sums import sum_pairs
from tessellar.kernels.position_velocity import ChannelCentres
from tessellar.kernels.runs import RunTable
from tessellar.kernels.source_sky import CoarseSky, StripSums, add_bright
from tessellar.kernels.source_sums import HIGH, LOW, WX, WY, SourceSums, W, add_voxels
from tessellar.model import DoubleArray, FloatArray, IntArray
from tessellar.tiling.box import Box, Shape


class Surroundings:
    """What the sources of a cube have in common, as compiled code takes it.

    Parameters
    ----------
    shape
        Of the cube.
    scale
        How its voxels add up to flux.
    widths
        Width of every channel, float64 array (frequency), 1 where it is not known.
    noise, correlation
        Of the cube.
    step
        Pixels of the cube per pixel of the coarse map of the sky.
    """

    def __init__(
        self,
        shape: Shape,
        scale: FluxScale,
        widths: DoubleArray,
        noise: NoiseModel,
        correlation: Correlation,
        step: int = 1,
    ) -> None:
        self.shape = np.array(shape, np.int64)
        self.scale: Scale = (scale.weight, scale.values, *cut_gaussians())
        self.stretch, self.widths, self.step = scale.stretch, widths, step
        self.noise, self.tables = noise, noise.tables
        self.moments, self.spectral = np.array(correlation.covariance), np.array(correlation.spectral)


@dataclass(slots=True, eq=False)
class Gathering:
    """The running sums of one source, strip of the sky after strip and in each channel after channel.

    Attributes
    ----------
    box
        Bounding box of the source.
    sign
        +1 or -1: a negative source is summed as if it were positive.
    around
        The cube.
    """

    box: Box
    sign: float
    around: Surroundings
    _box: IntArray = field(init=False)
    _local: NodeTables = field(init=False)
    _source: SourceSums = field(init=False)
    _strip: StripSums = field(init=False)
    _strip_x: int = field(init=False, default=0)
    _bright: DoubleArray = field(init=False)
    _coarse: CoarseSky = field(init=False)

    def __post_init__(self) -> None:
        (z0, x0, y0), (z1, x1, y1), step = self.box.start, self.box.stop, self.around.step
        self._box = np.array((self.box.start, self.box.stop), np.int64)
        self._local = self.around.noise.local_around(self.box)
        totals, peak, centres = np.zeros(13), np.array((-1, -1, -1, 0)), ChannelCentres(self.box, self.sign)
        totals[LOW], totals[HIGH] = np.inf, -np.inf
        self._source = totals, peak, np.zeros(z1 - z0), centres.sums, centres.spread
        self._bright, none = np.zeros(6), np.zeros((0, 0))
        self._strip = none.astype(np.float32), none, none
        sky = ((x1 - 1) // step - x0 // step + 1, (y1 - 1) // step - y0 // step + 1)
        self._coarse = step, np.zeros(sky), np.zeros(sky, np.uint8)

    def begin(self, strip: Box) -> None:
        """Begin with the next strip of the box."""
        if self._strip[0].size:
            add_bright(self._strip, self._strip_x - self.box.start[1], self._bright)
        sky = strip.shape[1:]
        inverse = np.empty(sky, np.float32)
        inverse_between(*self.around.tables[1:], strip.start[1], strip.start[2], inverse)
        relative: FloatArray = np.reciprocal(inverse)
        self._strip_x, self._strip = strip.start[1], (relative, np.zeros(sky), np.zeros(sky))

    def add(self, voxels: FloatArray, window: Box, runs: RunTable) -> None:
        """Add the voxels of some runs of the strip.

        Parameters
        ----------
        voxels
            float32 array (frequency, l, m) of ``window``, which reaches one voxel beyond the runs on every side
            but at the edges of the cube.
        window
            Box of the cube.
        runs
            The runs, sorted.
        """
        around, voxels = self.around, np.ascontiguousarray(voxels)
        holes = bool(np.isnan(voxels).any())
        add_voxels(
            voxels, holes, np.array(window.start), runs, self._box, self.sign, around.widths, around.tables[0],
            self._local, self._source, self._strip_x, self._strip, self._coarse,
        )  # fmt: skip

    def row(self, runs: RunTable) -> DoubleArray:
        """Return the catalogue row, float64 array in the order of `MEASURED`; ``runs`` are all voxels, sorted."""
        around, (z0, z1), t = self.around, (self.box.start[0], self.box.stop[0]), self._source[0]
        middle: DoubleArray = (self._box[0, 1:] + self._box[1, 1:] - 1) * np.float64(0.5)
        if t[W] > 0.0:
            middle = self._box[0, 1:] + t[[WX, WY]] / t[W]
        apart, row = 1 + around.spectral.size, np.empty(len(MEASURED))
        pairs = np.zeros((z1 - z0, apart)), np.zeros((z1 - z0, apart)), np.zeros((z1 - z0, apart))
        sum_pairs(
            runs, self._box, around.tables, self._local, around.moments, around.spectral, around.stretch[z0:z1],
            middle, sum_noise.STRIP_PIXELS, pairs,
        )  # fmt: skip
        measure(
            self._box, around.shape, self.sign, around.scale, self._source, self._strip_x, self._strip,
            self._bright.copy(), pairs, around.moments, row,
        )  # fmt: skip
        return row

    def coarse_sky(self) -> tuple[IntArray, IntArray, DoubleArray]:
        """Return the pixels of the coarse map that hold voxels, along l and along m, and their flux."""
        step, sky, seen = self._coarse
        x, y = np.nonzero(seen)
        return x + self.box.start[1] // step, y + self.box.start[2] // step, sky[x, y]
