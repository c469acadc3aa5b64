"""What a denoiser makes of noise alone: of made-up noise that is correlated as the cube's, and of the cube upside down.

Emission is positive, so whatever is positive in either result is none. The blocks are sampled on a lattice that no
tile moves, and the made-up noise has a seed of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from tessellar.engine.denoise.blocks import MOST_JUDGING, blocks_around
from tessellar.engine.denoise.calibrate import Calibrated
from tessellar.engine.devices import device_of_worker
from tessellar.kernels.correlation import Correlation
from tessellar.kernels.denoise.dense import Denoise
from tessellar.kernels.denoise.tallies import merged_sums, sums_of, totals
from tessellar.kernels.devices import CPU, torch_name
from tessellar.kernels.scale_noise import SampleBlocks
from tessellar.model import DoubleArray, FloatArray, Patch, Payload, Source, Steps, UnitResult
from tessellar.simulate.noise import correlated_noise
from tessellar.tiling.box import Box, Halo

CASES = ("upside_down", "made_up")
SEED = 20_071_999
_REACH = 8  # channels over which made-up noise is correlated


@dataclass(frozen=True, slots=True, eq=False)
class NoiseOnlyStage:
    """Denoise sampled blocks of the cube upside down, and made-up noise in their place."""

    source: Source
    known: Calibrated
    fingerprint: str
    device: str = CPU

    name = "noise-only"

    @property
    def blocks(self) -> SampleBlocks:
        """The sampled blocks."""
        return blocks_around(self.source.meta, self.known.kernel, MOST_JUDGING)

    @property
    def n_units(self) -> int:
        """Number of blocks."""
        return len(self.blocks)

    def worker(self) -> Steps:
        """Return what does one block."""
        denoise = self.known.kernel.prepare(self.source.meta, torch_name(device_of_worker(self.device)))

        def compute(unit: int, voxels: FloatArray) -> UnitResult:
            return self._judge(denoise, unit, voxels)

        return Steps(self._read, compute, on_device=self.device != CPU)

    def _read(self, unit: int) -> FloatArray:
        return self.source.read(self.blocks[unit].read)

    def _judge(self, denoise: Denoise, unit: int, voxels: FloatArray) -> UnitResult:
        tile = self.blocks[unit]
        noise = self.known.noise.of_voxels(tile.read)
        inside = noise[tile.core.relative_to(tile.read.start).slices()]
        made_up = noise * unit_noise(tile.read, self.known.correlation)
        made_up[~np.isfinite(voxels)] = np.nan
        payload: Payload = {}
        for name, cube in zip(CASES, (-voxels, made_up), strict=True):
            output = denoise(Patch(cube, tile.read, tile.core), noise)[0]
            scaled = np.divide(output, inside, out=np.full_like(output, np.nan), where=inside > 0)
            payload[name] = sums_of(scaled)
        return UnitResult(payload, 2 * tile.core.size, voxels.nbytes)

    def reduce(self, partials: Iterable[tuple[int, Payload]]) -> dict[str, dict[str, float | None]]:
        """Return what was made of the cube upside down and of made-up noise, in units of the noise."""
        payloads = [payload for _, payload in partials]
        return {name: totals(merged_sums([payload[name] for payload in payloads])) for name in CASES}


def unit_noise(box: Box, correlation: Correlation, seed: int = SEED) -> FloatArray:
    """Return noise of unit variance for a box, correlated as told: round on the sky, and along frequency.

    Returns
    -------
    noise
        float32 array (frequency, l, m); a voxel's bits are the same in every box.
    """
    taps = spectral_taps(correlation)
    reach = len(taps) // 2
    wide = box.grow(Halo.symmetric((reach, 0, 0)))
    white = correlated_noise(wide, seed, math.sqrt(math.prod(correlation.widths)), 1.0)
    out = np.zeros(box.shape, np.float32)
    for shift, weight in enumerate(taps.tolist()):
        out += np.float32(weight) * white[shift : shift + box.shape[0]]
    return out


def spectral_taps(correlation: Correlation) -> DoubleArray:
    """Return the taps that give white noise the correlation of channels, float64 array of odd length, unit power."""
    if not correlation.spectral:
        return np.ones(1)
    lags = np.arange(-_REACH, _REACH + 1)
    frequency = np.arange(256) / 256
    power = np.ones(256)
    for lag, rho in enumerate(correlation.spectral, 1):
        power += 2.0 * rho * np.cos(2.0 * math.pi * lag * frequency)
    root = np.sqrt(np.maximum(power, 0.0))
    taps = np.array([float((root * np.cos(2.0 * math.pi * lag * frequency)).mean()) for lag in lags])
    return np.asarray(taps / np.sqrt((taps**2).sum()))
