"""Detect: every tile's mask, reduced to its runs, its components and its seam."""

from __future__ import annotations

import time
from dataclasses import dataclass

from tessellar.kernels.components import Linker, tile_components
from tessellar.kernels.smooth_clip import CalibratedFinder
from tessellar.model import Patch, Source, UnitResult, Work
from tessellar.tiling.grid import Grid


@dataclass(frozen=True, slots=True, eq=False)
class DetectStage:
    """Find the detected voxels of every tile and link them inside it."""

    source: Source
    finder: CalibratedFinder
    linker: Linker
    grid: Grid
    fingerprint: str

    name = "detect"

    @property
    def n_units(self) -> int:
        """Number of tiles."""
        return len(self.grid)

    def worker(self) -> Work:
        """Return the function that does one tile."""
        return self._detect

    def _detect(self, unit: int) -> UnitResult:
        tile = self.grid[unit]
        start = time.perf_counter()
        voxels = self.source.read(tile.read)
        middle = time.perf_counter()
        mask = self.finder(Patch(voxels, tile.read, tile.core))
        payload = tile_components(mask, tile.core, self.grid.shape, self.linker)
        kernel = time.perf_counter() - middle
        return UnitResult(payload, tile.core.size, voxels.nbytes, middle - start, kernel)
