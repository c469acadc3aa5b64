"""Windows around detected voxels: boxes of bounded size, so that a source of any size is read piece by piece."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tessellar.engine.find.measuring import WINDOW_VOXELS
from tessellar.kernels.runs import RunTable
from tessellar.tiling.box import Box

CELL = 32  # pixels along l and along m; cells are anchored to the cube, as the chunks of its storage are
_GAP = 8  # channels without a run that are read along rather than cut at


def windows_around(runs: RunTable) -> Iterator[tuple[Box, RunTable]]:
    """Yield boxes with the runs that lie in them: cell after cell of the sky, in each by ascending channel.

    Parameters
    ----------
    runs
        Sorted runs; those that reach into several cells are cut. Any one pixel of the sky sees its voxels in the order
        of their channels.
    """
    pieces = _cut_at_cells(runs)
    cells = np.stack([pieces[:, 1] // CELL, pieces[:, 2] // CELL])
    order = np.lexsort((cells[1], cells[0]))
    begins = np.flatnonzero(np.diff(cells[:, order], axis=1, prepend=-1).any(axis=0))
    for inside in np.split(pieces[order], begins[1:]):
        for first, last in _stretches(inside):
            part = inside[first:last]
            yield _box(part), part


def _cut_at_cells(runs: RunTable) -> RunTable:
    """Return the runs cut where cells end along m, in the same order."""
    first, last = runs[:, 2] // CELL, (runs[:, 3] - 1) // CELL
    counts = last - first + 1
    pieces = np.repeat(runs, counts, axis=0)
    begins = np.cumsum(counts) - counts
    cell = np.repeat(first - begins, counts) + np.arange(len(pieces), dtype=runs.dtype)
    pieces[:, 2] = np.maximum(pieces[:, 2], cell * CELL)
    pieces[:, 3] = np.minimum(pieces[:, 3], (cell + 1) * CELL)
    return pieces


def _stretches(runs: RunTable) -> Iterator[tuple[int, int]]:
    """Yield intervals of a sorted table of runs, each with few empty channels and a box of bounded size."""
    box = _box(runs)
    depth = max(1, WINDOW_VOXELS // (box.shape[1] * box.shape[2]))
    channels, begins = np.unique(runs[:, 0], return_index=True)
    first = 0
    for k in range(1, len(channels)):
        far = channels[k] - channels[k - 1] > _GAP
        if far or channels[k] - runs[first, 0] >= depth:
            yield first, int(begins[k])
            first = int(begins[k])
    yield first, len(runs)


def _box(runs: RunTable) -> Box:
    z, x, y, _ = (int(n) for n in runs.min(axis=0))
    z_last, x_last, _, y_stop = (int(n) for n in runs.max(axis=0))
    return Box((z, x, y), (z_last + 1, x_last + 1, y_stop))
