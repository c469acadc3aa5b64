"""Correlate: how the noise of neighbouring voxels goes together, from the blocks in which scales are calibrated."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from tessellar.engine.abreast import units_at_once
from tessellar.kernels.correlation import LAGS, Correlation, correlation_of, count_signs
from tessellar.kernels.scale_noise import SampleBlocks
from tessellar.model import FloatArray, Payload, Source, Steps, UnitResult
from tessellar.tiling.box import Halo


@dataclass(frozen=True, slots=True, eq=False)
class CorrelationStage:
    """Count the voxels that are negative together in the sampled blocks."""

    source: Source
    fingerprint: str

    name = "correlation"

    @property
    def blocks(self) -> SampleBlocks:
        """The sampled blocks."""
        return SampleBlocks(self.source.meta.shape, Halo.symmetric((0, 0, 0)))

    @property
    def n_units(self) -> int:
        """Number of blocks."""
        return len(self.blocks)

    def worker(self) -> Steps:
        """Return what does one block."""
        return Steps(self._read, self._count, at_once=units_at_once(self.source))

    def _read(self, unit: int) -> FloatArray:
        return self.source.read(self.blocks[unit].read)

    def _count(self, unit: int, voxels: FloatArray) -> UnitResult:
        del unit
        counts = count_signs(voxels, LAGS, self.blocks.step)
        return UnitResult({"counts": counts}, voxels.size, voxels.nbytes)

    def reduce(self, partials: Iterable[tuple[int, Payload]]) -> Correlation:
        """Return the correlation of the noise."""
        total = np.zeros((len(LAGS), 2), np.int64)
        for _, payload in partials:
            total += payload["counts"]
        return correlation_of(total, self.source.meta)
