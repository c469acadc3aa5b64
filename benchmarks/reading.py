"""How fast voxels come from FITS and Zarr: tiles with their halos, and the same tiles without."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.results import Result
from benchmarks.storage import read_through_shelf
from tessellar import api
from tessellar.engine.shelf_plan import SHELF_BYTES
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
    source = api.open_cube(bench.zarr)
    halo = SmoothAndClip().halo(source.meta)
    yield _read(bench, "Zarr, tiles with halos, chunks kept as find does", source, halo, SHELF_BYTES)


def _both(bench: Bench, word: str, path: Path) -> Iterator[Result]:
    source = api.open_cube(path)
    yield _read(bench, f"{word}, tiles with halos", source, SmoothAndClip().halo(source.meta))
    yield _read(bench, f"{word}, tiles without halos", source, NO_HALO)


def _read(bench: Bench, name: str, source: Source, halo: Halo, room: int = 0) -> Result:
    grid = Grid(source.meta.shape, bench.size.tile, halo)
    n_voxels = sum(tile.read.size for tile in grid)
    facts = {"halo_overhead": n_voxels / sum(tile.core.size for tile in grid), "n_tiles": len(grid)}
    return Result(name, bench.time(read_through_shelf(source, grid, room)), FLOAT * n_voxels, "byte", facts)
