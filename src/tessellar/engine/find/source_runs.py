"""Which voxels belong to which row of the catalogue: the runs that stages left, under the sources they became."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tessellar.engine.find.layers import Layer, first_pieces
from tessellar.engine.find.source_store import RunsBySource, load_sources, runs_of_tile, save_sources
from tessellar.engine.partials import PartialStore
from tessellar.engine.stitch import Sources
from tessellar.kernels.components import X_MAX, X_MIN, Y_MAX, Y_MIN, Z_MAX, Z_MIN
from tessellar.kernels.runs import RunTable
from tessellar.model import IntArray
from tessellar.tiling.box import Box

CACHED_TILES = 16


@dataclass(frozen=True, slots=True, eq=False)
class SourceRuns:
    """Where the voxels of the catalogue's sources are to be had; it pickles small.

    Attributes
    ----------
    sources_folder
        The sources of the catalogue, row by row, as `tessellar.engine.find.source_store.save_sources` wrote them.
    partials, layers
        Where the stages left their runs.
    """

    sources_folder: Path
    partials: PartialStore
    layers: tuple[Layer, ...]

    def save(self, sources: Sources) -> None:
        """Write the sources for the workers."""
        save_sources(sources, self.sources_folder, self.partials, self.layers)

    def open(self) -> OpenRuns:
        """Read the sources; once per worker."""
        return OpenRuns(self)


class OpenRuns:
    """The runs of the catalogue's sources, tile by tile; the last few tiles are kept at hand.

    Attributes
    ----------
    sources
        The sources, in the order of the catalogue.
    """

    def __init__(self, where: SourceRuns) -> None:
        self._where = where
        self.sources, self._by_source = load_sources(where.sources_folder), RunsBySource(where.sources_folder)
        self._first = first_pieces(where.layers)
        order = np.argsort(self.sources.piece_tile, kind="stable")
        self._tile = self.sources.piece_tile[order]
        self._label = self.sources.piece_label[order]
        self._row = self.sources.piece_source[order]
        self._kept: OrderedDict[int, tuple[RunTable, IntArray]] = OrderedDict()

    def sign_of(self, row: int) -> int:
        """Return whether a source is ``POSITIVE`` or ``NEGATIVE``."""
        at = np.searchsorted(self.sources.piece_source, row)
        layer = int(np.searchsorted(self._first, self.sources.piece_tile[at], side="right")) - 1
        return self._where.layers[layer].sign

    def of_tile(self, tile: int) -> tuple[RunTable, IntArray]:
        """Return the runs of a tile, sorted, and the row of the catalogue that each belongs to; others are left out.

        A tile that was given up has none.
        """
        if tile not in self._kept:
            self._kept[tile] = self._fetch(tile)
            if len(self._kept) > CACHED_TILES:
                self._kept.popitem(last=False)
        self._kept.move_to_end(tile)
        return self._kept[tile]

    def of_box(self, box: Box) -> Iterator[tuple[RunTable, IntArray]]:
        """Yield the runs inside a box, cut at its faces, with their rows: all of one sign at a time.

        The layers come last one first, since what is painted last is seen, and their pieces in order. In a layer of
        tiles any one pixel of the sky sees its voxels in the order of its channels, in one of groups of sources those
        of each source in that order.
        """
        for layer, first in reversed(list(zip(self._where.layers, self._first, strict=True))):
            for tile in self._touching(layer, first, box):
                runs, rows = self.of_tile(tile)
                inside = slice(*np.searchsorted(runs[:, 0], [box.start[0], box.stop[0]]))
                cut, within = cut_runs(runs[inside], box)
                if len(cut):
                    yield cut, rows[inside][within]

    def _touching(self, layer: Layer, first: int, box: Box) -> list[int]:
        """Return the pieces of a layer that may have voxels in a box, ascending."""
        if layer.grid is not None:
            return [first + tile for tile in layer.grid.touching(box)]
        begin, end = np.searchsorted(self._tile, [first, first + layer.n_pieces])
        table = self.sources.table[self._row[begin:end]]
        low, high = table[:, [Z_MIN, X_MIN, Y_MIN]], table[:, [Z_MAX, X_MAX, Y_MAX]]
        touches = ((low < np.array(box.stop)) & (high >= np.array(box.start))).all(axis=1)
        pieces: list[int] = np.unique(self._tile[begin:end][touches]).tolist()
        return pieces

    def of_source(self, row: int) -> RunTable:
        """Return the runs of a row of the catalogue in the order of the cube, whole again where tiles had cut them."""
        return self._by_source.of(row)

    def _fetch(self, tile: int) -> tuple[RunTable, IntArray]:
        first, last = np.searchsorted(self._tile, [tile, tile + 1])
        if first == last:
            return np.empty((0, 4), np.int32), np.empty(0, np.int64)
        label, row = self._label[first:last], self._row[first:last]
        return runs_of_tile(self._where.partials, self._where.layers, tile, label, row)


def cut_runs(runs: RunTable, box: Box) -> tuple[RunTable, IntArray]:
    """Return the parts of runs inside a box along l and m, and which runs they are parts of."""
    (_, x0, y0), (_, x1, y1) = box.start, box.stop
    touches = (runs[:, 1] >= x0) & (runs[:, 1] < x1) & (runs[:, 2] < y1) & (runs[:, 3] > y0)
    within = np.flatnonzero(touches)
    cut = runs[within]
    cut[:, 2], cut[:, 3] = np.maximum(cut[:, 2], y0), np.minimum(cut[:, 3], y1)
    return cut, within
