"""Stitching: components of many tiles become sources by the rule that linked voxels inside each tile.

Two voxels in different tiles can only be neighbours when both lie within the linking radius of a shared face. Those
are the seam runs that every tile hands on; linking them again, in the coordinates of the cube, finds every contact
across faces, edges and corners. Sums are integers, ids are the smallest voxel index, rows are sorted by id: nothing
remembers how the cube was cut.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from tessellar.kernels.components import FIRST, N_PIX, X_MAX, X_MIN, Y_MAX, Y_MIN, Z_MAX, Z_MIN, Linker
from tessellar.kernels.runs import link_runs, number_groups
from tessellar.model import IntArray, Payload

_MINIMA = (FIRST, Z_MIN, X_MIN, Y_MIN)
_MAXIMA = (Z_MAX, X_MAX, Y_MAX)


@dataclass(frozen=True, slots=True, eq=False)
class Sources:
    """The sources of a cube, one row each, sorted by id.

    Attributes
    ----------
    table
        int64 array (n, 8): smallest voxel index (the id), number of voxels, and inclusive bounds along
        frequency, l and m; columns as in `tessellar.kernels.components`.
    piece_tile, piece_label, piece_source
        int64 arrays (pieces): the tile, the label within it and the row of every component, sorted by row.
    """

    table: IntArray
    piece_tile: IntArray
    piece_label: IntArray
    piece_source: IntArray

    def __len__(self) -> int:
        return len(self.table)

    def pieces(self, row: int) -> tuple[IntArray, IntArray]:
        """Return the tiles and the labels that make up a source."""
        start, stop = np.searchsorted(self.piece_source, [row, row + 1])
        return self.piece_tile[start:stop], self.piece_label[start:stop]

    def select(self, rows: IntArray) -> Sources:
        """Return some of the sources, ``rows`` ascending."""
        number = np.full(len(self), -1, np.int64)
        number[rows] = np.arange(len(rows))
        chosen = number[self.piece_source] >= 0
        return Sources(
            self.table[rows],
            self.piece_tile[chosen],
            self.piece_label[chosen],
            number[self.piece_source[chosen]],
        )


def stitch(partials: Iterable[tuple[int, Payload]], sign: int, linker: Linker) -> Sources:
    """Merge the components of all tiles and cut the sources by size and fill.

    Parameters
    ----------
    partials
        Tile ids with what `tessellar.kernels.components.tile_components` returned, in any order.
    sign
        ``POSITIVE`` or ``NEGATIVE``.
    linker
        Linking radii and cuts.
    """
    components: list[IntArray] = [np.empty((0, 8), np.int64)]
    tiles: list[IntArray] = [np.empty(0, np.int64)]
    labels: list[IntArray] = [np.empty(0, np.int64)]
    seam_runs = [np.empty((0, 4), np.int32)]
    seam_nodes: list[IntArray] = [np.empty(0, np.int64)]
    base = 0
    for tile, payload in partials:
        table = payload[f"components{sign}"]
        seam = payload[f"seam{sign}"]
        components.append(table)
        tiles.append(np.full(len(table), tile, np.int64))
        labels.append(np.arange(len(table), dtype=np.int64))
        seam_runs.append(payload[f"runs{sign}"][seam])
        seam_nodes.append(payload[f"labels{sign}"][seam] + base)
        base += len(table)
    group, n_groups = _join_seams(np.concatenate(seam_runs), np.concatenate(seam_nodes), base, linker)
    merged = _merge(np.concatenate(components), group, n_groups)
    return _select(merged, linker, group, np.concatenate(tiles), np.concatenate(labels))


def _join_seams(
    runs: np.ndarray[tuple[int, int], np.dtype[np.int32]], nodes: IntArray, n: int, linker: Linker
) -> tuple[IntArray, int]:
    """Return the group of every component, joined wherever seam runs are neighbours."""
    order = np.lexsort((runs[:, 2], runs[:, 1], runs[:, 0]))
    group = np.arange(n, dtype=np.int64)
    link_runs(runs[order], nodes[order], linker.link.offsets(), group)
    return group, int(number_groups(group))


def _merge(components: IntArray, group: IntArray, n: int) -> IntArray:
    """Return the component table of the groups: counts add, bounds widen."""
    merged = np.empty((n, 8), np.int64)
    merged[:, N_PIX] = 0
    np.add.at(merged[:, N_PIX], group, components[:, N_PIX])
    for column in _MINIMA:
        merged[:, column] = np.iinfo(np.int64).max
        np.minimum.at(merged[:, column], group, components[:, column])
    for column in _MAXIMA:
        merged[:, column] = -1
        np.maximum.at(merged[:, column], group, components[:, column])
    return merged


def _select(merged: IntArray, linker: Linker, group: IntArray, tiles: IntArray, labels: IntArray) -> Sources:
    """Cut the groups by size and fill, order them by id, and list the pieces of each."""
    kept = np.flatnonzero(linker.accepts(merged))
    kept = kept[np.argsort(merged[kept, FIRST])]
    row = np.full(len(merged), -1, np.int64)
    row[kept] = np.arange(len(kept))
    piece_source = row[group] if len(group) else np.empty(0, np.int64)
    chosen = np.flatnonzero(piece_source >= 0)
    chosen = chosen[np.lexsort((labels[chosen], tiles[chosen], piece_source[chosen]))]
    return Sources(merged[kept], tiles[chosen], labels[chosen], piece_source[chosen])
