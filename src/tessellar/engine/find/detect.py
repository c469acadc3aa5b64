"""Detect: every tile's mask, reduced to its runs, its components and its seam."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from tessellar.engine.shelf import shelf_of
from tessellar.kernels.components import Linker, tile_components
from tessellar.kernels.network.finder import CalibratedNetworkFinder
from tessellar.kernels.smooth_clip import CalibratedFinder
from tessellar.model import ByteArray, FloatArray, Patch, Source, Steps, UnitResult
from tessellar.tiling.grid import Grid


@dataclass(frozen=True, slots=True, eq=False)
class DetectStage:
    """Find the detected voxels of every tile and link them inside it.

    Attributes
    ----------
    source
        The cube.
    finder, linker
        What detects and what links.
    grid
        The tiles.
    shelf
        Bytes of decoded voxels that a process may keep for neighbouring tiles.
    """

    source: Source
    finder: CalibratedFinder | CalibratedNetworkFinder
    linker: Linker
    grid: Grid
    fingerprint: str
    shelf: int = 0

    name = "detect"

    @property
    def n_units(self) -> int:
        """Number of tiles."""
        return len(self.grid)

    def worker(self) -> Steps:
        """Return what does one tile."""
        shelf = shelf_of(f"{self.name} {self.fingerprint}", self.source, self.grid, self.shelf)
        return Steps(shelf.read, partial(self._detect, self.finder.prepare(self.source.meta)))

    def _detect(self, finder: Callable[[Patch], ByteArray], unit: int, voxels: FloatArray) -> UnitResult:
        tile = self.grid[unit]
        mask = finder(Patch(voxels, tile.read, tile.core))
        payload = tile_components(mask, tile.core, self.grid.shape, self.linker)
        return UnitResult(payload, tile.core.size, voxels.nbytes)
