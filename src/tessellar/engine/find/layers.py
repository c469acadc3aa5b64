"""Where the voxels of detections lie: in the results of the detect stage, or of a stage that changed them since.

Every stage that leaves runs of voxels is a layer of numbered pieces: tiles of a grid, or groups of sources. The pieces
of several layers are numbered through, so that sources of one table may come from different layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tessellar.engine.partials import PartialStore
from tessellar.engine.stitch import Sources
from tessellar.kernels.components import FIRST
from tessellar.kernels.runs import RunTable
from tessellar.model import IntArray
from tessellar.tiling.grid import Grid

DETECT = "detect"  # the stage that leaves the first layer


@dataclass(frozen=True, slots=True)
class Layer:
    """The runs that one stage left.

    Attributes
    ----------
    stage
        Its name.
    sign
        ``POSITIVE`` or ``NEGATIVE``.
    n_pieces
        How many pieces it has, which are its units.
    grid
        The boxes of its pieces; None where a piece is a group of sources, wherever they lie.
    """

    stage: str
    sign: int
    n_pieces: int
    grid: Grid | None = None

    @classmethod
    def of_grid(cls, stage: str, sign: int, grid: Grid) -> Layer:
        """Return the layer of a stage whose units are the tiles of a grid."""
        return cls(stage, sign, len(grid), grid)


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """Sources, and where their voxels lie.

    Attributes
    ----------
    sources
        The sources; ``piece_tile`` counts through the pieces of all layers.
    layers
        Where the pieces lie, in the order in which they are counted.
    flags
        What is known of the sources already, int64 array (n): bits of the ``flag`` column.
    """

    sources: Sources
    layers: tuple[Layer, ...]
    flags: IntArray

    def __len__(self) -> int:
        return len(self.sources)

    @property
    def ids(self) -> IntArray:
        """The ids of the sources, ascending."""
        return self.sources.table[:, FIRST]

    def select(self, rows: IntArray) -> Detections:
        """Return some of the sources, ``rows`` ascending."""
        return Detections(self.sources.select(rows), self.layers, self.flags[rows])

    @classmethod
    def of_tiles(cls, sources: Sources, sign: int, grid: Grid) -> Detections:
        """Return the sources that were made of what the detect stage found in the tiles of a grid."""
        return cls(sources, (Layer.of_grid(DETECT, sign, grid),), np.zeros(len(sources), np.int64))


def first_pieces(layers: Sequence[Layer]) -> list[int]:
    """Return the number of the first piece of each layer."""
    return [sum(layer.n_pieces for layer in layers[:number]) for number in range(len(layers))]


def fetch_runs(partials: PartialStore, layers: Sequence[Layer], piece: int) -> tuple[RunTable, IntArray]:
    """Return the runs of a piece and their labels in it.

    Raises
    ------
    KeyError
        The piece was given up, so nothing is known of it.
    """
    firsts = first_pieces(layers)
    number = int(np.searchsorted(firsts, piece, side="right")) - 1
    layer = layers[number]
    payload = partials.fetch(layer.stage, piece - firsts[number])
    return payload[f"runs{layer.sign}"], payload[f"labels{layer.sign}"]


def merged(first: Detections, second: Detections) -> tuple[Detections, IntArray]:
    """Return two tables of sources as one, sorted by id, and which rows of the two, one after the other, make it.

    Of two sources with the same id, which begin at the same voxel, only that of the first table stays.
    """
    a, b = first.sources, second.sources
    shift = sum(layer.n_pieces for layer in first.layers)
    ids = np.concatenate([first.ids, second.ids])
    rows = np.unique(ids, return_index=True)[1].astype(np.int64)
    number = np.full(len(ids), -1, np.int64)
    number[rows] = np.arange(len(rows))
    tile = np.concatenate([a.piece_tile, b.piece_tile + shift])
    label = np.concatenate([a.piece_label, b.piece_label])
    source = number[np.concatenate([a.piece_source, b.piece_source + len(a)])]
    order = np.argsort(source, kind="stable")
    order = order[source[order] >= 0]
    table = np.concatenate([a.table, b.table])[rows]
    both = Sources(table, tile[order], label[order], source[order])
    flags = np.concatenate([first.flags, second.flags])[rows]
    return Detections(both, (*first.layers, *second.layers), flags), rows
