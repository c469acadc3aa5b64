"""What the driver makes of the masks that a stage has changed: the table of their sources, and where they lie now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from tessellar.engine.find.layers import Detections, Layer, merged
from tessellar.engine.stitch import Sources
from tessellar.flags import DEBLENDED, NEIGHBOUR, TILE_FAILED
from tessellar.kernels.components import FIRST, N_PIX, X_MAX, X_MIN, Y_MAX, Y_MIN, Z_MAX, Z_MIN
from tessellar.model import IntArray, Payload
from tessellar.tiling.box import Halo
from tessellar.tiling.grid import Grid

_LOW, _HIGH = [Z_MIN, X_MIN, Y_MIN], [Z_MAX, X_MAX, Y_MAX]
_ONE_AROUND = Halo.symmetric((1, 1, 1))


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """The parts of all sources that hold several galaxies, sorted by id.

    Attributes
    ----------
    sources
        The parts; their pieces are numbered by unit of the deblend stage.
    parents
        Rows of the sources that they are parts of, in any order.
    n_left
        How many sources were too large to be looked at.
    """

    sources: Sources
    parents: IntArray
    n_left: int


def gather_parts(partials: Iterable[tuple[int, Payload]]) -> Parts:
    """Return the parts that the deblend stage found."""
    tables, parents = [np.empty((0, 8), np.int64)], [np.empty(0, np.int64)]
    units, labels = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    n_left = 0
    for unit, payload in partials:
        count = len(payload["table"])
        tables.append(payload["table"])
        parents.append(payload["parents"])
        units.append(np.full(count, unit, np.int64))
        labels.append(np.arange(count))
        n_left += len(payload["left"])
    table = np.concatenate(tables)
    order = np.argsort(table[:, FIRST], kind="stable")
    unit_of, label_of = np.concatenate(units)[order], np.concatenate(labels)[order]
    parts = Sources(table[order], unit_of, label_of, np.arange(len(table)))
    return Parts(parts, np.concatenate(parents), n_left)


def with_parts(detections: Detections, parts: Parts, layer: Layer, unknown: Sequence[int]) -> Detections:
    """Return the sources with their parts in place of those that have several.

    Parameters
    ----------
    detections
        The sources.
    parts
        The parts.
    layer
        Where they lie.
    unknown
        Rows of sources that could not be looked at: they stay whole, and a flag says so.
    """
    whole = np.setdiff1d(np.arange(len(detections)), parts.parents)
    known = np.where(np.isin(whole, unknown), TILE_FAILED.bit, 0) | detections.flags[whole]
    rest = replace(detections.select(whole), flags=known)
    flags = np.full(len(parts.sources), DEBLENDED.bit, np.int64)
    return merged(rest, Detections(parts.sources, (layer,), flags))[0]


def near_blocks(detections: Detections, grid: Grid, failed: Iterable[int], reach: Halo) -> IntArray:
    """Return the rows of the sources that blocks which were given up would have changed, int64 array."""
    near = np.zeros(len(detections), np.bool_)
    low, high = detections.sources.table[:, _LOW], detections.sources.table[:, _HIGH]
    for unit in failed:
        zone = grid[unit].core.grow(reach).grow(_ONE_AROUND)
        near |= ((low < np.array(zone.stop)) & (high >= np.array(zone.start))).all(axis=1)
    return np.flatnonzero(near)


def with_grown_masks(
    detections: Detections, partials: Iterable[tuple[int, Payload]], layer: Layer, left: IntArray
) -> Detections:
    """Return the sources with grown masks.

    Parameters
    ----------
    detections
        The sources as they were.
    partials
        What the last pass of the dilate stage made of their masks, block by block.
    layer
        Where that lies.
    left
        Rows of sources that stay as they were, since a block near them was given up; a flag says so.
    """
    table, flags = detections.sources.table.copy(), detections.flags.copy()
    changes = np.ones(len(table), np.bool_)
    changes[left] = False
    table[changes, N_PIX] = 0
    units, rows = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for unit, payload in partials:
        if not payload:
            continue
        used = changes[payload["rows"]]
        row, part = payload["rows"][used], payload["table"][used]
        _widen(table, row, part)
        flags[row[payload["touches"][used]]] |= NEIGHBOUR.bit
        units.append(np.full(len(row), unit, np.int64))
        rows.append(row)
    flags[left] |= TILE_FAILED.bit
    pieces = _pieces(table, np.concatenate(units), np.concatenate(rows), detections.sources, layer, changes)
    return replace(detections, sources=pieces, layers=(layer, *detections.layers), flags=flags)


def _widen(table: IntArray, row: IntArray, part: IntArray) -> None:
    """Add what a block holds of some sources to their rows."""
    table[row, N_PIX] += part[:, N_PIX]
    for column in _LOW:
        table[row, column] = np.minimum(table[row, column], part[:, column])
    for column in _HIGH:
        table[row, column] = np.maximum(table[row, column], part[:, column])


def _pieces(
    table: IntArray,
    units: IntArray,
    rows: IntArray,
    before: Sources,
    layer: Layer,
    changes: npt.NDArray[np.bool_],
) -> Sources:
    """Return the sources whose pieces are blocks, where their label is their row, or those of before."""
    stays = ~changes[before.piece_source]
    tile = np.concatenate([units, before.piece_tile[stays] + layer.n_pieces])
    label = np.concatenate([rows, before.piece_label[stays]])
    row = np.concatenate([rows, before.piece_source[stays]])
    order = np.lexsort((label, tile, row))
    return Sources(table, tile[order], label[order], row[order])
