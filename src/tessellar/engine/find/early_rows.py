"""Rows of sources that were measured while their tile was searched, so that nothing of them is read again.

A source that lies in one tile, as far as its neighbouring voxels, is complete there. Its row is the one that the
measure stage would make, to the bit, so it does not matter which sources have one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tessellar.engine.find.layers import DETECT, Layer, first_pieces
from tessellar.engine.find.measuring import Measured, SourceMeasurer, reach_of, source_box
from tessellar.engine.find.source_store import array_on_disk, mapped_array, save_array
from tessellar.engine.partial_file import EARLY
from tessellar.engine.partials import PartialStore
from tessellar.engine.stitch import Sources
from tessellar.kernels.components import SIGNS
from tessellar.kernels.correlation import Correlation
from tessellar.kernels.measure import MEASURED
from tessellar.kernels.noise import NoiseModel
from tessellar.kernels.runs import RunTable, merge_touching
from tessellar.model import CubeMeta, DoubleArray, FloatArray, IntArray, Payload
from tessellar.tiling.grid import Tile

_LABEL, _ROW, _COUNT, _INDEX, _VALUE = (
    f"{EARLY}{name}" for name in ("label", "row", "count", "index", "value")
)


@dataclass(frozen=True, slots=True, eq=False)
class EarlyRows:
    """What is needed to measure sources in a tile.

    Attributes
    ----------
    noise, correlation
        Of the cube, and how the noise of neighbouring voxels goes together.
    """

    noise: NoiseModel
    correlation: Correlation

    def worker(self, meta: CubeMeta) -> TileMeasurer:
        """Return what measures in tiles of a cube."""
        return TileMeasurer(meta, self.noise, self.correlation)


class TileMeasurer:
    """Measures the complete components of tiles.

    Parameters
    ----------
    meta, noise, correlation
        As for `SourceMeasurer`.
    """

    def __init__(self, meta: CubeMeta, noise: NoiseModel, correlation: Correlation) -> None:
        self._shape = meta.shape
        self._by_sign = {sign: SourceMeasurer(meta, noise, correlation, sign) for sign in SIGNS}

    def rows(self, payload: Payload, tile: Tile, voxels: FloatArray) -> Payload:
        """Return the rows of what is complete in a tile, to be added to what the tile hands on.

        Parameters
        ----------
        payload
            As `tessellar.kernels.components.tile_components` returned it.
        tile
            The tile.
        voxels
            What it reads, float32 array (frequency, l, m).
        """
        return {
            name: array
            for sign in SIGNS
            for name, array in self._of_sign(sign, payload, tile, voxels).items()
        }

    def _of_sign(self, sign: int, payload: Payload, tile: Tile, voxels: FloatArray) -> Payload:
        labels, found = [], []
        for label, runs in _complete(sign, payload):
            box = source_box(payload[f"components{sign}"][label])
            if not tile.read.contains(reach_of(box, self._shape)):
                continue
            measurer = self._by_sign[sign]
            parts = (
                (part, voxels[part.window.relative_to(tile.read.start).slices()])
                for part in measurer.parts(box)
            )
            labels.append(label)
            found.append(measurer.measure(box, runs, parts))
        return {
            f"{_LABEL}{sign}": np.array(labels, np.int64),
            f"{_ROW}{sign}": np.array([one.row for one in found]).reshape(-1, len(MEASURED)),
            f"{_COUNT}{sign}": np.array([one.sky_index.size for one in found], np.int64),
            f"{_INDEX}{sign}": np.concatenate([np.empty(0, np.int64), *(one.sky_index for one in found)]),
            f"{_VALUE}{sign}": np.concatenate([np.empty(0), *(one.sky_value for one in found)]),
        }


def _complete(sign: int, payload: Payload) -> Iterator[tuple[int, RunTable]]:
    """Yield the components that end in a tile, with their runs in the order of the cube."""
    complete = np.flatnonzero(~payload[f"open{sign}"])
    labels, runs = payload[f"labels{sign}"], payload[f"runs{sign}"]
    order = np.argsort(labels, kind="stable")
    first, stop = (np.searchsorted(labels[order], complete, side=side) for side in ("left", "right"))
    for label, a, b in zip(complete.tolist(), first.tolist(), stop.tolist(), strict=True):
        yield label, merge_touching(runs[order[a:b]])


def save_early_rows(sources: Sources, folder: Path, partials: PartialStore, layers: Sequence[Layer]) -> None:
    """Write the rows that tiles measured of some sources, for the workers; one tile at a time is held.

    Parameters
    ----------
    sources, partials, layers
        As for `tessellar.engine.find.source_store.save_sources`. Sources of several pieces, and those whose voxels
        are no longer what a tile found, have none.
    folder
        Where; it exists.
    """
    nothing = np.empty(0, np.int64)
    found = [(early.source, early.n_pixels) for early in _early(sources, partials, layers)]
    source, n_pixels = map(np.concatenate, zip((nothing, nothing), *found, strict=True))
    order = np.argsort(source)
    starts = np.cumsum([0, *n_pixels[order]])
    save_array(folder / "early_source.npy", source[order])
    save_array(folder / "early_starts.npy", starts)
    places, n_sky = np.argsort(order), (int(starts[-1]),)
    with (
        array_on_disk(folder / "early_row.npy", (len(source), len(MEASURED)), np.float64) as row,
        array_on_disk(folder / "early_index.npy", n_sky, np.int64) as index,
        array_on_disk(folder / "early_value.npy", n_sky, np.float64) as value,
    ):
        done = 0
        for early in _early(sources, partials, layers):
            here = places[done : done + len(early.source)]
            done += len(here)
            row[here] = early.row
            begins = np.cumsum(early.n_pixels) - early.n_pixels
            sky = np.repeat(starts[here] - begins, early.n_pixels) + np.arange(len(early.sky_index))
            index[sky], value[sky] = early.sky_index, early.sky_value


class SavedEarlyRows:
    """The rows that `save_early_rows` wrote, mapped from disk.

    Parameters
    ----------
    folder
        Where.
    """

    def __init__(self, folder: Path) -> None:
        self._source, self._row, self._starts, self._index, self._value = (
            mapped_array(folder / f"early_{name}.npy")
            for name in ("source", "row", "starts", "index", "value")
        )

    def of(self, source: int) -> Measured | None:
        """Return what was measured of a source, given its row in the merged table; None where nothing was."""
        at = int(np.searchsorted(self._source, source))
        if at == len(self._source) or self._source[at] != source:
            return None
        first, stop = self._starts[at : at + 2].tolist()
        return Measured(self._row[at], self._index[first:stop], self._value[first:stop])


class _Early(NamedTuple):
    """What some tiles measured: which source, its row, and its pixels of the sky map, source after source."""

    source: IntArray
    row: DoubleArray
    n_pixels: IntArray
    sky_index: IntArray
    sky_value: DoubleArray


def _early(sources: Sources, partials: PartialStore, layers: Sequence[Layer]) -> Iterator[_Early]:
    """Yield what each tile measured of the sources that are still one piece of it."""
    pieces = np.flatnonzero(np.bincount(sources.piece_source)[sources.piece_source] == 1)
    if not len(pieces):
        return
    pieces = pieces[np.argsort(sources.piece_tile[pieces], kind="stable")]
    tiles, begins = np.unique(sources.piece_tile[pieces], return_index=True)
    firsts = first_pieces(layers)
    for tile, own in zip(tiles.tolist(), np.split(pieces, begins[1:]), strict=True):
        number = int(np.searchsorted(firsts, tile, side="right")) - 1
        if layers[number].stage == DETECT:
            early = _of_tile(partials, layers[number], tile - firsts[number])
            if early is not None:
                yield _chosen(early, sources.piece_label[own], sources.piece_source[own])


def _of_tile(partials: PartialStore, layer: Layer, tile: int) -> _Early | None:
    """Return what a tile measured, with its labels in place of the sources; None where nothing is known of it."""
    try:
        payload = partials.fetch(layer.stage, tile)
    except KeyError:
        return None
    names = [f"{name}{layer.sign}" for name in (_LABEL, _ROW, _COUNT, _INDEX, _VALUE)]
    return _Early(*(payload[name] for name in names)) if names[0] in payload else None


def _chosen(early: _Early, labels: IntArray, sources: IntArray) -> _Early:
    """Return what was measured of components with some labels, which are those of these sources."""
    source_of = np.full(max(labels.max(), early.source.max(initial=-1)) + 1, -1, np.int64)
    source_of[labels] = sources
    source = source_of[early.source]
    kept = source >= 0
    sky = np.repeat(kept, early.n_pixels)
    return _Early(
        source[kept], early.row[kept], early.n_pixels[kept], early.sky_index[sky], early.sky_value[sky]
    )
