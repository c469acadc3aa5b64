"""The two halves of an observation: the same sky twice, with noise of their own."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from tessellar.engine.find.crew import Crew
from tessellar.engine.find.fingerprint import fingerprint
from tessellar.engine.foregrounds.injected import check_grid
from tessellar.engine.foregrounds.lattice import SkyRows
from tessellar.engine.precondition.view import View
from tessellar.kernels.foregrounds.channel_sums import channel_spectrum, channel_sums
from tessellar.model import DoubleArray, FloatArray, Source, UnitResult, Work
from tessellar.tiling.box import Box


class HalfDifference(View):
    """Half of the difference of two halves: their sky is gone, and the noise is that of their mean.

    Parameters
    ----------
    first, second
        Cubes on one grid.

    Raises
    ------
    UsageError
        The grids differ.
    """

    def __init__(self, first: Source, second: Source) -> None:
        check_grid(first, second)
        self.source = first
        self.second = second

    @property
    def identity(self) -> str:
        """That of both."""
        return f"half of {self.source.identity} less {self.second.identity}"

    def read(self, box: Box) -> FloatArray:
        """Return the voxels of a box, float32 array (frequency, l, m); NaN where either is blank."""
        difference = np.subtract(self.source.read(box), self.second.read(box), dtype=np.float64)
        return np.asarray(0.5 * difference, dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class SpectrumStage:
    """Sum the voxels of each channel over rows of the sky."""

    source: Source
    fingerprint: str

    name = "half-noise"

    @property
    def rows(self) -> SkyRows:
        """The units."""
        return SkyRows.for_partials(self.source.meta.shape, 24 * self.source.meta.shape[0])

    @property
    def n_units(self) -> int:
        """Number of units."""
        return len(self.rows)

    def worker(self) -> Work:
        """Return the function that does one unit."""
        return self._sum

    def _sum(self, unit: int) -> UnitResult:
        start, reading, n_voxels = time.perf_counter(), 0.0, 0
        sums = np.zeros((3, self.source.meta.shape[0]))
        for box in self.rows.blocks(unit):
            began = time.perf_counter()
            voxels = self.source.read(box)
            reading += time.perf_counter() - began
            n_voxels += voxels.size
            sums += channel_sums(voxels)
        seconds = time.perf_counter() - start
        return UnitResult({"sums": sums}, n_voxels, 8 * n_voxels, reading, seconds - reading)


def noise_of_halves(first: Source, second: Source, crew: Crew) -> DoubleArray:
    """Return the variance of the noise of the mean of two halves, float64 array (frequency), the unit squared.

    NaN in channels that are blank.

    Raises
    ------
    UsageError
        The grids differ.
    """
    difference = HalfDifference(first, second)
    stage = SpectrumStage(difference, fingerprint(difference))
    crew.do(stage)
    spectrum = channel_spectrum(payload["sums"] for _, payload in crew.partials.units(stage))
    return spectrum.rms**2
