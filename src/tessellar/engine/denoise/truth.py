"""How far a cube is from the truth before and after it was denoised, where the truth is known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tessellar.kernels.denoise.tallies import SNR_EDGES, truth_sums
from tessellar.kernels.noise import NoiseModel
from tessellar.model import DoubleArray, FloatArray, Payload, Source, Steps, UnitResult
from tessellar.tiling.grid import Grid

PIECE = (64, 128, 128)


@dataclass(frozen=True, slots=True, eq=False)
class TruthStage:
    """Hold the cube and the denoised one against the truth, piece by piece, on a grid that no tile moves."""

    source: Source
    denoised: Source
    truth: Source
    noise: NoiseModel
    fingerprint: str

    name = "truth"

    @property
    def grid(self) -> Grid:
        """The pieces."""
        return Grid(self.source.meta.shape, PIECE)

    @property
    def n_units(self) -> int:
        """Number of pieces."""
        return len(self.grid)

    def worker(self) -> Steps:
        """Return what does one piece."""
        return Steps(self._read, self._add)

    def _read(self, unit: int) -> FloatArray:
        box = self.grid[unit].core
        return np.stack([cube.read(box) for cube in (self.truth, self.source, self.denoised)])

    def _add(self, unit: int, voxels: FloatArray) -> UnitResult:
        noise = self.noise.of_voxels(self.grid[unit].core)
        truth, before, after = voxels
        sums = truth_sums(truth, before, after, noise, np.array(SNR_EDGES))
        return UnitResult({"sums": sums}, truth.size, voxels.nbytes)

    def reduce(self, partials: Iterable[tuple[int, Payload]]) -> dict[str, Any]:
        """Return the gain in squared error, and the flux by S/N of the voxels of the truth."""
        total = np.zeros((len(SNR_EDGES), 6))
        for _, payload in partials:
            total += payload["sums"]
        rows = [
            {"low": low, "high": high if np.isfinite(high) else None, **_fluxes(row)}
            for low, high, row in zip(SNR_EDGES, SNR_EDGES[1:], total[1:], strict=False)
        ]
        return {
            "mse_gain_db": _gain(total.sum(axis=0)),
            "mse_gain_in_sources_db": _gain(total[1:].sum(axis=0)),
            "source_snr": SNR_EDGES[0],
            "by_snr": rows,
        }


def _gain(row: DoubleArray) -> float | None:
    """Return by how much the squared error fell, decibel."""
    return float(10.0 * np.log10(row[1] / row[2])) if row[1] > 0 and row[2] > 0 else None


def _fluxes(row: DoubleArray) -> dict[str, Any]:
    known = row[3] > 0
    return {
        "n_voxels": int(row[0]),
        "flux_before": float(row[4] / row[3]) if known else None,
        "flux_after": float(row[5] / row[3]) if known else None,
    }
