"""Runs of the finder with their products, for the tests of mask, maps and cubelets."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from memory_cube import meta_of

import tessellar as ts
from tessellar.engine.executors import make_executor
from tessellar.engine.executors.serial import SerialExecutor
from tessellar.engine.find.calibrate import NoiseStage
from tessellar.engine.find.correlate import CorrelationStage
from tessellar.engine.find.folder import PARTIALS
from tessellar.engine.find.layers import Layer
from tessellar.engine.find.pipeline import FindRun
from tessellar.engine.find.product_files import ProductRun
from tessellar.engine.find.recipes import Recipes
from tessellar.engine.partials import PartialStore
from tessellar.engine.stitch import stitch
from tessellar.kernels.components import FIRST, Linker
from tessellar.kernels.detect import POSITIVE
from tessellar.kernels.smooth_clip import SmoothAndClip
from tessellar.model import CubeMeta, Source
from tessellar.tiling.box import Shape

LINKER = Linker(min_size_xy=2, min_size_z=2)
FINDER = SmoothAndClip(kernels_xy=(0, 3), kernels_z=(0, 3), threshold=5.0)


def sky(shape: Shape, seed: int = 0) -> np.ndarray:
    """Noise with a bar over many tiles, two sources at edges, and two that share pixels of the sky."""
    rng = np.random.default_rng(seed)
    cube = rng.normal(size=shape).astype(np.float32)
    nz, nx, ny = shape
    cube[3:9, 4 : nx - 6, 5:9] += 9
    cube[: nz // 4, nx - 5 :, ny - 7 : ny - 2] += 12
    cube[nz - 5 :, :4, ny // 2 : ny // 2 + 6] += 10
    cube[12:16, 20:27, 20:26] += 15
    cube[20:24, 22:30, 18:24] += 11
    return cube


def find(source: Source, folder: Path, tile: Shape | None = None, linker: Linker = LINKER) -> ProductRun:
    """Find the sources of a cube with one thread, and return what their products are made from."""
    tile = tile or source.meta.shape
    plan = ts.plan(source, FINDER, executor="serial", tile=tile)
    folder.mkdir(exist_ok=True)
    found = FindRun(source, Recipes(FINDER, linker), plan, folder, SerialExecutor()).run()
    partials = PartialStore(folder / PARTIALS)
    noise = NoiseStage(source, "").reduce(partials.units("noise"))
    assert noise is not None
    sources = stitch(partials.units("detect"), POSITIVE, linker)
    assert sources.table[:, FIRST].tolist() == list(found.table["id"])
    return ProductRun(
        source,
        noise,
        sources,
        found.table,
        (Layer.of_grid("detect", POSITIVE, plan.grid),),
        partials,
        folder,
        SerialExecutor(),
        "fingerprint",
        correlation=CorrelationStage(source, "").reduce(partials.units("correlation")),
    )


@contextmanager
def done_by(run: ProductRun, executor: str, **changes: Any) -> Iterator[ProductRun]:
    """Give a run whose products another executor makes."""
    with make_executor(executor, 2) as pool:
        yield replace(run, executor=pool, **changes)


def digests(folder: Path) -> dict[str, str]:
    """Return a hash of every file below a folder, by its name there."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def product_digests(folder: Path) -> dict[str, str]:
    """Return a hash of every file of the products."""
    return {
        f"{name}/{file}": digest
        for name in ("mask.zarr", "maps", "cubelets")
        for file, digest in digests(folder / name).items()
    }


def bare(meta: CubeMeta) -> CubeMeta:
    """Return a cube without coordinates, beam and unit."""
    return replace(
        meta_of(meta.shape, unit="", beams=(), header="", wcs_header="", pixel_size=None),
        spectral=replace(
            meta.spectral, kind="channel", unit="", values=tuple(map(float, range(meta.shape[0])))
        ),
    )


def column(run: ProductRun, name: str) -> np.ndarray:
    """Return a column of the catalogue as bare numbers, int64 where they are whole."""
    values = np.asarray(getattr(run.table[name], "value", run.table[name]), dtype=np.float64)
    return values.astype(np.int64) if name.endswith(("_min", "_max", "n_pix", "id")) else values
