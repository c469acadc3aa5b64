"""Choosing the tile: the box that reads the fewest voxels twice among those that fit the memory."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from math import prod

from tessellar.errors import DeviceMemoryError, MemoryBudgetError
from tessellar.tiling.box import Halo, Shape
from tessellar.tiling.grid import Grid

TILES_PER_SLOT = 4
_CUTS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 64, 96, 128, 192, 256, 512, 1024)
_STEP: Shape = (16, 32, 32)  # the grain of tiles where storage has none


def read_overhead(core: Shape, halo: Halo, shape: Shape, chunks: Shape | None = None) -> float:
    """Return how many voxels a tile reads for each one it owns, whole chunks where storage has them."""
    ratio = 1.0
    for axis in range(3):
        if core[axis] >= shape[axis]:
            continue
        before, after = halo.before[axis], halo.after[axis]
        if chunks is not None:
            before, after = (
                -(-before // chunks[axis]) * chunks[axis],
                -(-after // chunks[axis]) * chunks[axis],
            )
        ratio *= (core[axis] + before + after) / core[axis]
    return ratio


def read_shape(core: Shape, halo: Halo, shape: Shape) -> Shape:
    """Return the largest box that a tile with this core reads."""
    z, x, y = (min(n, c + b + a) for n, c, b, a in zip(shape, core, halo.before, halo.after, strict=True))
    return (z, x, y)


def choose_tile(
    shape: Shape,
    halo: Halo,
    *,
    unit_bytes: Callable[[Shape], int],
    budget: int,
    slots: int,
    sharing: int | None = None,
    chunks: Shape | None = None,
    fits: Callable[[Shape], bool] = lambda _: True,
    computed: Callable[[Shape], float] = lambda _: 1.0,
) -> Shape:
    """Return the core that minimises what is read twice, within the memory, with work for every slot.

    Parameters
    ----------
    shape
        Shape of the cube.
    halo
        What a tile reads around its core.
    unit_bytes
        Bytes that one tile in work needs, as a function of the shape it reads.
    budget
        Bytes for the tiles in work that share it.
    slots
        Tiles in work at the same time; at least four tiles are made for each, where the cube is large enough.
    sharing
        How many of them share the budget; all of them when None.
    chunks
        What storage reads as one piece; cores are multiples of it.
    fits
        Whether the device has room for tiles that read so much.
    computed
        Voxels that the kernel computes for each one of a core, beside those that it must read.

    Raises
    ------
    MemoryBudgetError
        When even the smallest tile is too large.
    DeviceMemoryError
        When it is too large for the device alone.
    """
    grain = [_grain(c, s) for c, s in zip(chunks or _STEP, _STEP, strict=True)]
    along_z, along_x, along_y = (_even_cuts(n, g) for n, g in zip(shape, grain, strict=True))
    wanted = TILES_PER_SLOT * slots
    sharing = sharing or slots
    best: tuple[tuple[bool, float, float], Shape] | None = None
    # of tiles that are as good, the one that is longer along l is met first: neighbours in a FITS file
    for z, y, x in itertools.product(along_z, along_y, along_x):
        core = (z, x, y)
        read = read_shape(core, halo, shape)
        if unit_bytes(read) * sharing > budget or not fits(read):
            continue
        n_tiles = prod(-(-n // c) for n, c in zip(shape, core, strict=True))
        overhead = read_overhead(core, halo, shape) * read_overhead(core, halo, shape, chunks)
        overhead *= computed(core)
        busy = n_tiles >= wanted
        # enough tiles first, then the least overhead, then the most even shape; too few tiles: the most tiles
        key = (not busy, round(overhead, 6) if busy else -n_tiles, overhead)
        if best is None or key < best[0]:
            best = (key, core)
    if best is None:
        smallest = (along_z[0], along_x[0], along_y[0])
        needed = unit_bytes(read_shape(smallest, halo, shape)) * sharing
        if needed <= budget:
            raise DeviceMemoryError(
                f"the smallest tile {_words(smallest)} does not fit the memory of the device with {sharing} tiles in "
                "work. Use fewer --workers, smaller kernels, or --device cpu."
            )
        raise MemoryBudgetError(
            f"the smallest tile {_words(smallest)} needs {_mib(needed)} for {sharing} tiles in work, and "
            f"{_mib(budget)} are left for them. Use a larger --memory, fewer --workers or smaller kernels."
        )
    return best[1]


def _grain(chunk: int, step: int) -> int:
    """Return a multiple of the chunk that is about as long as the step, or longer."""
    return -(-step // chunk) * chunk


def _even_cuts(n: int, grain: int) -> list[int]:
    """Return the lengths that cut an axis into nearly equal multiples of the grain, ascending."""
    return sorted({min(n, grain)} | {min(n, -(-n // (k * grain)) * grain) for k in _CUTS})


def _words(shape: Shape) -> str:
    return "x".join(map(str, shape))


def _mib(count: int) -> str:
    return f"{count / 2**20:.0f} MiB" if count >= 0 else f"none (short of {-count / 2**20:.0f} MiB)"


def sum_read(grid: Grid) -> int:
    """Return how many voxels all tiles of a grid read; the axes are independent, so no tile is visited."""
    total = 1
    for n, core, before, after in zip(grid.shape, grid.core, grid.halo.before, grid.halo.after, strict=True):
        total *= sum(min(n, a + core + after) - max(0, a - before) for a in range(0, n, core))
    return total
