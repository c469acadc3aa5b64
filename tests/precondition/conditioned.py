"""Runs over small cubes with preconditioning, for its tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from memory_cube import MemorySource, meta_of

import tessellar as ts
from tessellar.engine.executors.serial import SerialExecutor
from tessellar.engine.partials import PartialStore
from tessellar.engine.precondition.prepare import Prepared, prepare
from tessellar.engine.precondition.recipe import Preconditioning
from tessellar.engine.precondition.stages import condition
from tessellar.engine.run import run_stage
from tessellar.io.wcs import sky_position
from tessellar.kernels.components import Linker
from tessellar.kernels.smooth_clip import SmoothAndClip
from tessellar.model import FloatArray, Source
from tessellar.tiling.box import Shape

FINDER = SmoothAndClip(kernels_xy=(0, 3), kernels_z=(0, 3))
LINKER = Linker(min_size_xy=2, min_size_z=2)
SHAPE = (24, 48, 40)


def sky(shape: Shape = SHAPE, seed: int = 1) -> FloatArray:
    """Return noise with three sources of emission and one of absorption, float32 array (frequency, l, m)."""
    voxels = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    voxels[8:16, 20:28, 16:24] += 9
    voxels[3:9, 38:44, 4:10] += 8
    voxels[14:20, 4:10, 28:34] += 8
    voxels[4:10, 6:12, 6:12] -= 8
    return voxels


def cube(voxels: FloatArray, **changes: object) -> MemorySource:
    """Return an array as a cube with sky coordinates."""
    return MemorySource(voxels, meta_of(voxels.shape, **changes))


def find(source: Source, recipe: Preconditioning | None = None, **running: object) -> ts.Run:
    """Find the sources of a cube, with one thread, in one tile and without a report where nothing else is said."""
    products = ts.Products(report=False) if "out" in running else None
    asked = {
        "executor": "serial", "linker": LINKER, "preconditioning": recipe, "products": products, **running
    }  # fmt: skip
    return ts.find_sources(source, FINDER, **asked)


def catalogue_bytes(source: Source, recipe: Preconditioning | None = None, **running: object) -> bytes:
    """Return the catalogue of a run as bytes."""
    with TemporaryDirectory() as folder:
        find(source, recipe, out=folder, **running)
        return (Path(folder) / "catalogue.ecsv").read_bytes()


def degrees(x: float, y: float) -> str:
    """Return the sky position of a pixel as a line of a catalogue."""
    place = sky_position(cube(sky()).meta, [x], [y], [0.0])
    return f"{place['ra'][0]:.10f} {place['dec'][0]:.10f}\n"


def conditioned(voxels: np.ndarray, recipe: Preconditioning, folder: Path) -> Prepared:
    """Return a cube after the stages that come before its search; their results go into a folder."""
    partials = PartialStore(folder)

    def do(stage: object) -> object:
        return run_stage(stage, executor=SerialExecutor(), partials=partials)

    return condition(prepare(cube(voxels), recipe), recipe, do, partials)


def places(run: ts.Run) -> list[tuple[int, int, int]]:
    """Return the pixels that the centres of the sources lie in: x, y, z; ours lie between two of them."""
    table = run.catalogue
    return sorted(tuple(int(getattr(row[name], "value", row[name])) for name in "xyz") for row in table)


def column(run: ts.Run, name: str) -> Sequence[float]:
    """Return a column as bare numbers."""
    return np.asarray(getattr(run.catalogue[name], "value", run.catalogue[name])).tolist()
