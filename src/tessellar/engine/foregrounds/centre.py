"""The spectrum about which the channels' covariance is summed: the mean of a few pixels spread over the sky."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from tessellar.engine.partials import PartialStore
from tessellar.errors import InputError
from tessellar.model import DoubleArray, Payload, Source, UnitResult, Work
from tessellar.tiling.box import Box, Shape

_BLOCKS = 16
_SIDE = 8  # pixels
_GOLDEN = 0.6180339887498949


@dataclass(frozen=True, slots=True, eq=False)
class CentreStage:
    """Sum the spectra of small blocks of the sky, one unit for each.

    Any spectrum near the mean would do; this one costs a thousandth of a pass over the cube. Sums about it lose no
    digits, however much brighter the mean is than what varies.
    """

    source: Source
    fingerprint: str
    purpose: str = "centre"

    @property
    def name(self) -> str:
        """``centre``, or another purpose."""
        return self.purpose

    @property
    def n_units(self) -> int:
        """Number of blocks."""
        return len(list(sample_blocks(self.source.meta.shape)))

    def worker(self) -> Work:
        """Return the function that does one block."""
        return self._sum

    def _sum(self, unit: int) -> UnitResult:
        start = time.perf_counter()
        box = list(sample_blocks(self.source.meta.shape))[unit]
        voxels = self.source.read(box)
        middle = time.perf_counter()
        good = np.isfinite(voxels)
        total = np.where(good, voxels, 0.0).sum(axis=(1, 2), dtype=np.float64)
        payload: Payload = {"sum": total, "count": good.sum(axis=(1, 2))}
        return UnitResult(payload, voxels.size, voxels.nbytes, middle - start, time.perf_counter() - middle)

    def reduce(self, partials: PartialStore) -> DoubleArray:
        """Return the mean spectrum, float64 array (frequency); channels without a voxel are interpolated.

        Raises
        ------
        InputError
            None of the pixels that were looked at holds data.
        """
        return mean_spectrum(payload for _, payload in partials.units(self))


def mean_spectrum(payloads: Iterable[Payload]) -> DoubleArray:
    """Return the mean of what the blocks summed; see `CentreStage.reduce`."""
    rows = [(payload["sum"], payload["count"]) for payload in payloads]
    if not rows:
        raise InputError("no block of the cube could be read, so nothing is known of its spectrum.")
    total, count = (np.sum(column, axis=0) for column in zip(*rows, strict=True))
    known = np.flatnonzero(count)
    if not known.size:
        return np.zeros(
            len(total)
        )  # a cube that is mostly blank: any centre is right, this one loses some digits
    return np.asarray(np.interp(np.arange(len(total)), known, total[known] / count[known]))


def sample_blocks(shape: Shape) -> Iterator[Box]:
    """Yield blocks of the sky with all channels, spread evenly and aligned with nothing."""
    n_channels, nx, ny = shape
    seen = set()
    for number in range(_BLOCKS):
        x = int((nx - min(_SIDE, nx)) * (number + 0.5) / _BLOCKS)
        y = int((ny - min(_SIDE, ny)) * ((number + 0.5) * _GOLDEN % 1.0))
        if (x, y) not in seen:
            seen.add((x, y))
            yield Box((0, x, y), (n_channels, x + _SIDE, y + _SIDE)).clip(Box.of_shape(shape))
