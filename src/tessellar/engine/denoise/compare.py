"""What was taken out of a cube, from sampled blocks: is it white, is it Gaussian, is it like the cube's noise?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tessellar.engine.denoise.blocks import blocks_alone
from tessellar.kernels.correlation import LAGS, correlation_by_lag, count_signs
from tessellar.kernels.denoise.tallies import histogram, merged_sums, sums_of, totals
from tessellar.kernels.noise import NoiseModel
from tessellar.kernels.scale_noise import SampleBlocks
from tessellar.model import DoubleArray, FloatArray, IntArray, Payload, Source, Steps, UnitResult

CUBES = ("input", "output", "residual")


@dataclass(frozen=True, slots=True, eq=False)
class CompareStage:
    """Count in sampled blocks how the cube, the denoised one, and the difference between both are distributed."""

    source: Source
    denoised: Source
    noise: NoiseModel
    fingerprint: str

    name = "compare"

    @property
    def blocks(self) -> SampleBlocks:
        """The sampled blocks."""
        return blocks_alone(self.source.meta)

    @property
    def n_units(self) -> int:
        """Number of blocks."""
        return len(self.blocks)

    def worker(self) -> Steps:
        """Return what does one block."""
        return Steps(self._read, self._count)

    def _read(self, unit: int) -> FloatArray:
        box = self.blocks[unit].core
        return np.stack([self.source.read(box), self.denoised.read(box)])

    def _count(self, unit: int, voxels: FloatArray) -> UnitResult:
        before, after = voxels
        noise = self.noise.of_voxels(self.blocks[unit].core)
        payload: Payload = {}
        for name, cube in zip(CUBES, (before, after, before - after), strict=True):
            scaled = np.divide(cube, noise, out=np.full_like(cube, np.nan), where=noise > 0)
            payload[f"{name}_histogram"] = histogram(scaled)
            payload[f"{name}_sums"] = sums_of(scaled)
            payload[f"{name}_signs"] = count_signs(cube, LAGS, 1)
        return UnitResult(payload, before.size, voxels.nbytes)

    def reduce(self, partials: Iterable[tuple[int, Payload]]) -> dict[str, Distribution]:
        """Return how ``input``, ``output`` and ``residual`` are distributed."""
        payloads = [payload for _, payload in partials]
        return {name: _distribution(name, payloads) for name in CUBES} if payloads else {}


@dataclass(frozen=True, slots=True, eq=False)
class Distribution:
    """How the voxels of a cube are distributed, in units of the cube's noise, and how neighbours go together.

    Attributes
    ----------
    counts
        Voxels in the bins of `tessellar.kernels.denoise.tallies.histogram`, int64 array (bin).
    sums
        What `tessellar.kernels.denoise.tallies.sums_of` adds up, float64 array (8).
    correlation
        Of voxels at each of `tessellar.kernels.correlation.LAGS`, float64 array (lag).
    """

    counts: IntArray
    sums: DoubleArray
    correlation: DoubleArray

    def record(self) -> dict[str, Any]:
        """Return the numbers of it that ``run.json`` has."""
        return {
            **totals(self.sums),
            "correlation_next_channel": _number(self.correlation, (1, 0, 0)),
            "correlation_next_pixel": _number(self.correlation, (0, 1, 0)),
        }


def _distribution(name: str, payloads: list[Payload]) -> Distribution:
    counts = np.sum([payload[f"{name}_histogram"] for payload in payloads], axis=0)
    signs = np.sum([payload[f"{name}_signs"] for payload in payloads], axis=0)
    sums = merged_sums([payload[f"{name}_sums"] for payload in payloads])
    return Distribution(counts, sums, correlation_by_lag(signs))


def _number(correlation: DoubleArray, lag: tuple[int, int, int]) -> float | None:
    found = float(correlation[LAGS.tolist().index(list(lag))])
    return found if np.isfinite(found) else None
