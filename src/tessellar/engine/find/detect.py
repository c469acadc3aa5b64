"""Detect: every tile's mask, reduced to its runs, its components and its seam."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from tessellar.engine.devices import device_of_worker
from tessellar.engine.find.early_rows import EarlyRows, TileMeasurer
from tessellar.engine.find.layers import DETECT
from tessellar.engine.shelf import Shelf, shelf_of
from tessellar.kernels.components import Linker, tile_components
from tessellar.kernels.detected import DetectedVoxels
from tessellar.kernels.devices import CPU
from tessellar.kernels.network.finder import CalibratedNetworkFinder
from tessellar.kernels.smooth_clip import CalibratedFinder
from tessellar.kernels.smooth_clip_device import DeviceFinder, Loaded
from tessellar.model import ByteArray, FloatArray, Patch, Source, Steps, UnitResult
from tessellar.tiling.grid import Grid, Tile


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
    device
        Where the finder works.
    shelf
        Bytes of decoded voxels that a process may keep for neighbouring tiles.
    early
        What sources are measured with as soon as they are found, on the CPU; None where they are changed before, or
        measured on something else than is searched.
    """

    source: Source
    finder: CalibratedFinder | CalibratedNetworkFinder
    linker: Linker
    grid: Grid
    fingerprint: str
    device: str = CPU
    shelf: int = 0
    early: EarlyRows | None = None

    name = DETECT

    @property
    def n_units(self) -> int:
        """Number of tiles."""
        return len(self.grid)

    def worker(self) -> Steps:
        """Return what does one tile."""
        shelf = shelf_of(f"{self.name} {self.fingerprint}", self.source, self.grid, self.shelf)
        finder = self.finder.prepare(self.source.meta, device_of_worker(self.device))
        if isinstance(finder, DeviceFinder):
            upload, detect = partial(self._upload, finder, shelf), partial(self._detect_there, finder)
            return Steps(upload, detect, on_device=True)
        measurer = None if self.early is None else self.early.worker(self.source.meta)
        return Steps(shelf.read, partial(self._detect, finder, measurer), on_device=self.device != CPU)

    def _detect(
        self,
        finder: Callable[[Patch], ByteArray],
        measurer: TileMeasurer | None,
        unit: int,
        voxels: FloatArray,
    ) -> UnitResult:
        tile = self.grid[unit]
        result = self._linked(tile, finder(Patch(voxels, tile.read, tile.core)), voxels.nbytes)
        if measurer is not None:
            result.payload.update(measurer.rows(result.payload, tile, voxels))
        return result

    def _upload(self, finder: DeviceFinder, shelf: Shelf, unit: int) -> Loaded:
        return finder.upload(shelf.read(unit))

    def _detect_there(self, finder: DeviceFinder, unit: int, loaded: Loaded) -> UnitResult:
        tile = self.grid[unit]
        return self._linked(tile, finder.mask(loaded, tile.read, tile.core), loaded.nbytes)

    def _linked(self, tile: Tile, mask: ByteArray | DetectedVoxels, n_bytes: int) -> UnitResult:
        payload = tile_components(mask, tile.core, self.grid.shape, self.linker)
        return UnitResult(payload, tile.core.size, n_bytes)
