"""How fast voxels come from FITS and Zarr: tiles with their halos, and the same tiles without."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.bench import Bench, Task
from benchmarks.results import Result
from tessellar import api
from tessellar.kernels.smooth_clip import SmoothAndClip
from tessellar.model import Source
from tessellar.tiling.box import NO_HALO, Halo
from tessellar.tiling.grid import Grid

FLOAT = 4


def fits(bench: Bench) -> Iterator[Result]:
    """Read all tiles of the FITS file, one after another."""
    yield from _both(bench, "FITS", bench.fits)


def zarr(bench: Bench) -> Iterator[Result]:
    """Read all tiles of the Zarr store, one after another; zarrs decodes with threads of its own."""
    yield from _both(bench, "Zarr", bench.zarr)


def _both(bench: Bench, word: str, path: Path) -> Iterator[Result]:
    source = api.open_cube(path)
    yield _read(bench, f"{word}, tiles with halos", source, SmoothAndClip().halo(source.meta))
    yield _read(bench, f"{word}, tiles without halos", source, NO_HALO)


def _read(bench: Bench, name: str, source: Source, halo: Halo) -> Result:
    grid = Grid(source.meta.shape, bench.size.tile, halo)
    n_voxels = sum(tile.read.size for tile in grid)
    facts = {"halo_overhead": n_voxels / sum(tile.core.size for tile in grid), "n_tiles": len(grid)}
    return Result(name, bench.time(_read_all(source, grid)), FLOAT * n_voxels, "byte", facts)


def _read_all(source: Source, grid: Grid) -> Task[float]:
    """Return the task whose harvest is the sum over one voxel of each tile, which noise makes unlike zero."""
    return Task(lambda: sum(abs(float(source.read(tile.read)[-1, -1, -1])) for tile in grid), float)
