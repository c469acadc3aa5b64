"""One pass over the voxels of a source, from which everything about it is measured."""

from __future__ import annotations

from dataclasses import dataclass, field

from tessellar.kernels.correlation import Correlation
from tessellar.kernels.footprint import Footprint
from tessellar.kernels.measure import Gathered, Sums
from tessellar.kernels.noise import NoiseModel
from tessellar.kernels.position_velocity import ChannelCentres
from tessellar.kernels.runs import RunTable
from tessellar.kernels.sum_noise import sum_noise
from tessellar.model import DoubleArray, FloatArray
from tessellar.tiling.box import Box


@dataclass(slots=True, eq=False)
class Gathering:
    """The running sums of one source, strip of the sky after strip and in each channel after channel.

    Attributes
    ----------
    box
        Bounding box of the source.
    sign
        +1 or -1: a negative source is summed as if it were positive.
    widths
        Width of every channel of the cube, float64 array (frequency).
    """

    box: Box
    sign: float
    widths: DoubleArray
    sums: Sums = field(init=False)
    centres: ChannelCentres = field(init=False)
    footprint: Footprint = field(init=False)

    def __post_init__(self) -> None:
        self.sums, self.centres = Sums(self.box, self.sign), ChannelCentres(self.box, self.sign)
        self.footprint = Footprint(self.box, self.widths, self.sign)

    def begin(self, strip: Box) -> None:
        """Begin with the next strip of the box."""
        self.footprint.begin(strip)

    def add(self, voxels: FloatArray, window: Box, runs: RunTable, sigma: FloatArray) -> None:
        """Add the voxels of some runs of the strip; parameters as for `tessellar.kernels.measure.Sums.add`."""
        for one in (self.sums, self.centres, self.footprint):
            one.add(voxels, window, runs, sigma)

    def finish(
        self, runs: RunTable, noise: NoiseModel, correlation: Correlation, stretch: DoubleArray
    ) -> Gathered:
        """Return what was summed, with its noise.

        Parameters
        ----------
        runs
            All voxels of the source, sorted.
        noise, correlation
            Of the cube.
        stretch
            Area of the beam of every channel of the cube over the mean, float64 array (frequency).
        """
        here = stretch[self.box.start[0] : self.box.stop[0]]
        pairs = sum_noise(runs, self.box, noise, correlation, here, self.sums.centre[1:])
        return Gathered(self.sums, pairs, self.footprint.ellipse(), self.centres, correlation)
