"""How much memory a run gives to the shelves of its processes."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from tessellar.tiling.box import Shape
from tessellar.tiling.grid import Grid

SHELF_BYTES = 128 * 2**20  # of a process, where nobody says how much memory there is
_SHARE = 0.5  # of the memory that the tiles leave, where somebody said how much there is
_IN_ONE_PROCESS = ("serial", "threads")


@dataclass(frozen=True, slots=True)
class ShelfPlan:
    """Bytes of the shelf of each process, and of all that share the memory."""

    each: int
    all_processes: int


def shelf_for(
    grid: Grid,
    chunks: Shape | None,
    executor: str,
    workers: int,
    left: int,
    *,
    is_given: bool,
    remote: bool = False,
) -> ShelfPlan:
    """Return what the shelves of a run are given: what is useful, as far as there is memory.

    Parameters
    ----------
    grid, chunks
        The tiles, and what storage decodes as one piece.
    executor, workers
        Who works; threads share a shelf.
    left
        Bytes that the tiles in work leave of the memory.
    is_given
        Whether somebody asked for that much; otherwise shelves stay moderate.
    remote
        Whether the memory is that of one worker.
    """
    together = executor in _IN_ONE_PROCESS
    processes = 1 if together or remote else workers
    limit = max(SHELF_BYTES, int(_SHARE * left)) if is_given else SHELF_BYTES
    useful = useful_bytes(grid, chunks, workers if together else 1)
    each = max(0, min(useful, limit, left // processes))
    return ShelfPlan(each, each * processes)


def useful_bytes(grid: Grid, chunks: Shape | None, workers: int) -> int:
    """Return the bytes with which a process of so many workers decodes no chunk twice; 0 where nothing is shared.

    Parameters
    ----------
    grid
        The tiles, in whose order they are read.
    chunks
        What storage decodes as one piece; None if any box is as good.
    workers
        Those that sweep through the grid side by side.
    """
    if chunks is None:
        return 0
    shared, reach = [], []
    for axis in range(3):
        c, several = chunks[axis], grid.counts[axis] > 1
        halos = (grid.halo.before[axis], grid.halo.after[axis])
        shared.append(sum(-(-halo // c) * c for halo in halos) if several else 0)
        reach.append(min(grid.shape[axis], grid.core[axis] + shared[axis]))
    plane = shared[0] * prod(grid.shape[1:])
    row = reach[0] * shared[1] * grid.shape[2]
    column = reach[0] * reach[1] * shared[2]
    return 4 * (plane + workers * (row + column))
