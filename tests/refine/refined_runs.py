"""Runs of the finder whose masks are changed before they are measured, with all that they leave as digests."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from memory_cube import MemorySource, meta_of

import tessellar as ts
from tessellar.engine.find.product_files import Products
from tessellar.kernels.components import Linker
from tessellar.kernels.smooth_clip import SmoothAndClip
from tessellar.tiling.box import Shape

FINDER = SmoothAndClip(kernels_xy=(0, 3), kernels_z=(0, 3), threshold=4.0)
LINKER = Linker(min_size_xy=2, min_size_z=2)
PRODUCTS = Products(cubelets=3, margin=2, report=False)
RESULTS = ("catalogue.vot", "catalogue.parquet", "catalogue.ecsv", "skymap.npz")
TREES = ("mask.zarr", "maps", "cubelets")


def blob(cube: np.ndarray, centre: tuple[float, ...], width: tuple[float, ...], peak: float) -> None:
    """Add a Gaussian, its widths the standard deviations along the axes."""
    squares = [((np.arange(n) - c) / w) ** 2 for n, c, w in zip(cube.shape, centre, width, strict=True)]
    total = squares[0][:, None, None] + squares[1][None, :, None] + squares[2][None, None, :]
    cube += (peak * np.exp(-0.5 * total)).astype(np.float32)


def crowded(shape: Shape, seed: int) -> MemorySource:
    """Return noise with pairs of sources of either sign that touch, some at edges, and blank holes."""
    rng = np.random.default_rng(seed)
    cube = rng.normal(size=shape).astype(np.float32)
    for _ in range(rng.integers(3, 8)):
        centre = tuple(float(rng.uniform(0, n)) for n in shape)
        width = tuple(float(rng.uniform(1.0, 3.0)) for _ in shape)
        peak = float(rng.choice([-12.0, 8.0, 15.0, 30.0]))
        blob(cube, centre, width, peak)
        if rng.random() < 0.6:
            beside = tuple(c + float(rng.uniform(-4, 4)) * w for c, w in zip(centre, width, strict=True))
            blob(cube, beside, width, peak * float(rng.uniform(0.5, 1.0)))
    for _ in range(rng.integers(0, 4)):
        start = [int(rng.integers(0, n)) for n in shape]
        cube[tuple(slice(a, a + int(rng.integers(1, 4))) for a in start)] = np.nan
    return MemorySource(cube, meta_of(shape))


def digests(folder: Path) -> dict[str, str]:
    """Return a hash of every result of a run, by its name."""
    files = [folder / name for name in RESULTS]
    files += [path for tree in TREES for path in sorted((folder / tree).rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def refined(source: Any, folder: Path, tile: Shape | None = None, **changes: Any) -> ts.Run:
    """Find the sources of a cube, with one thread unless told otherwise."""
    asked = {"linker": LINKER, "products": PRODUCTS, "executor": "serial", **changes}
    return ts.find_sources(source, FINDER, tile=tile or source.meta.shape, out=folder, **asked)


def labels_of(folder: Path) -> np.ndarray:
    """Return the mask of a run: the row of the catalogue, from 1, that every voxel belongs to."""
    import zarr

    return np.asarray(zarr.open_array(folder / "mask.zarr" / "LABEL", mode="r"))[0, :, 0]
