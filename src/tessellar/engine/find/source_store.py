"""The sources of a run as its workers see them, mapped from disk: their table, and the runs of each side by side.

What a tile found lies in the order of the cube, and sources in the order of their ids are scattered over all tiles: to
look for the runs of each source in its tiles would cost the number of sources times the runs of a tile. So the runs
are sorted once, tile after tile, each to its source.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tessellar.engine.find.layers import Layer, fetch_runs
from tessellar.engine.partials import PartialStore
from tessellar.engine.stitch import Sources
from tessellar.io.publish import atomic_file, make_folder
from tessellar.kernels.runs import RunTable, merge_touching
from tessellar.model import IntArray

_TABLE = ("table", "piece_tile", "piece_label", "piece_source")
_RUNS, _STARTS = "runs.npy", "starts.npy"


def save_sources(sources: Sources, folder: Path, partials: PartialStore, layers: Sequence[Layer]) -> None:
    """Write sources and their runs for the workers, one array a file; one tile at a time is held.

    Parameters
    ----------
    sources
        The sources, row by row.
    folder
        Where; made if need be.
    partials, layers
        Where the stages left the runs. A tile that was given up has none.
    """
    make_folder(folder)  # and the disk is not waited for: a resumed run saves them anew
    for name in _TABLE:
        save_array(folder / f"{name}.npy", getattr(sources, name))
    starts = np.zeros(len(sources) + 1, np.int64)
    for _, rows in tile_runs(sources, partials, layers):
        found, count = np.unique(rows, return_counts=True)
        starts[1 + found] += count
    starts = np.cumsum(starts)
    save_array(folder / _STARTS, starts)
    free = starts[:-1].copy()
    with array_on_disk(folder / _RUNS, (int(starts[-1]), 4), np.int32) as made:
        for runs, rows in tile_runs(sources, partials, layers):
            order = np.argsort(rows, kind="stable")
            found, first, count = np.unique(rows[order], return_index=True, return_counts=True)
            place = np.repeat(free[found] - first, count) + np.arange(len(order))
            made[place] = runs[order]
            free[found] += count


def load_sources(folder: Path) -> Sources:
    """Map the table that `save_sources` wrote; the workers of a machine share one copy."""
    return Sources(*(mapped_array(folder / f"{name}.npy") for name in _TABLE))


class RunsBySource:
    """The runs of each source, mapped from disk.

    Parameters
    ----------
    folder
        Where `save_sources` wrote.
    """

    def __init__(self, folder: Path) -> None:
        self._runs, self._starts = mapped_array(folder / _RUNS), mapped_array(folder / _STARTS)

    def of(self, row: int) -> RunTable:
        """Return the runs of a source in the order of the cube, whole again where tiles had cut them."""
        first, last = self._starts[row : row + 2].tolist()
        return merge_touching(self._runs[first:last].copy())


def tile_runs(
    sources: Sources, partials: PartialStore, layers: Sequence[Layer]
) -> Iterator[tuple[RunTable, IntArray]]:
    """Yield the runs of each tile that has some of the sources, and the row of each; others are left out."""
    if not len(sources.piece_tile):
        return
    order = np.argsort(sources.piece_tile, kind="stable")
    tiles, begins = np.unique(sources.piece_tile[order], return_index=True)
    for tile, own in zip(tiles.tolist(), np.split(order, begins[1:]), strict=True):
        yield runs_of_tile(partials, layers, tile, sources.piece_label[own], sources.piece_source[own])


def runs_of_tile(
    partials: PartialStore, layers: Sequence[Layer], tile: int, label: IntArray, row: IntArray
) -> tuple[RunTable, IntArray]:
    """Return the runs of a tile with some labels, and the row that each label stands for; none if it was given up."""
    try:
        runs, labels = fetch_runs(partials, layers, tile)
    except KeyError:
        return np.empty((0, 4), np.int32), np.empty(0, np.int64)
    row_of = np.full(labels.max(initial=-1) + 1, -1, np.int64)
    row_of[label] = row
    rows = row_of[labels]
    return runs[rows >= 0], rows[rows >= 0]


def save_array(path: Path, array: npt.NDArray[Any]) -> None:
    """Write an array for the workers; a resumed run does it anew, so the disk is not waited for."""
    with atomic_file(path, durable=False) as draft:
        np.save(draft, array)


@contextmanager
def array_on_disk(path: Path, shape: tuple[int, ...], kind: Any) -> Iterator[npt.NDArray[Any]]:
    """Give an array that is to be filled, for the workers to map; the memory does not grow with it."""
    with atomic_file(path, durable=False) as draft:
        if not prod(shape):
            np.save(draft, np.empty(shape, kind))  # nothing cannot be mapped
            yield np.empty(shape, kind)
            return
        made = np.lib.format.open_memmap(draft, "w+", kind, shape)
        yield made
        made.flush()  # for workers on other machines


def mapped_array(path: Path) -> npt.NDArray[Any]:
    """Map an array that `save_array` wrote."""
    array: npt.NDArray[Any] = np.load(path, mmap_mode="r")
    return np.asarray(array) if array.size else np.array(array)  # nothing cannot be mapped
