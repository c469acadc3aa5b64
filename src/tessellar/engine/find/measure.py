"""Measure: the catalogue row of every source, from the voxels of its own bounding box."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tessellar.engine.abreast import with_voxels
from tessellar.engine.find.skymap import SkyMap
from tessellar.engine.find.source_store import RunsBySource, load_sources
from tessellar.engine.recent import reader_of
from tessellar.kernels.components import X_MAX, X_MIN, Y_MAX, Y_MIN, Z_MAX, Z_MIN
from tessellar.kernels.correlation import Correlation
from tessellar.kernels.detect import POSITIVE
from tessellar.kernels.flux_scale import FluxScale
from tessellar.kernels.gathering import Gathering, Surroundings
from tessellar.kernels.measure import MEASURED
from tessellar.kernels.moments import SpectralScale
from tessellar.kernels.noise import NoiseModel
from tessellar.kernels.runs import RunTable
from tessellar.model import DoubleArray, FloatArray, IntArray, Payload, Source, UnitResult, Work
from tessellar.tiling.box import Box, Halo

SOURCES_PER_UNIT = 32
WINDOW_VOXELS = 2**20  # a source is read in windows of at most about this many voxels
_ONE_AROUND = Halo.symmetric((1, 1, 1))


@dataclass(frozen=True, slots=True, eq=False)
class MeasureStage:
    """Measure the sources of one sign, a few rows of the merged table at a time.

    Attributes
    ----------
    source, noise, correlation
        The cube, its noise, and how that of neighbouring voxels goes together.
    sign
        ``POSITIVE``, or ``NEGATIVE`` for the detections that tell how many of the positive ones are false.
    sources_folder
        The merged sources and their runs, as `tessellar.engine.find.source_store.save_sources` wrote them.
    again
        Whether this is the second look, at sources that were found reliable by the first, with their grown masks.
    recent
        Bytes of decoded voxels that a worker may keep for other sources.
    """

    source: Source
    noise: NoiseModel
    correlation: Correlation
    sign: int
    n_sources: int
    sources_folder: Path
    fingerprint: str
    again: bool = False
    recent: int = 0

    @property
    def name(self) -> str:
        """``measure``, ``measure-negative`` for negative detections, or ``measure-grown`` for the second look."""
        if self.again:
            return "measure-grown"
        return "measure" if self.sign == POSITIVE else "measure-negative"

    @property
    def n_units(self) -> int:
        """Number of groups of sources."""
        return -(-self.n_sources // SOURCES_PER_UNIT)

    def worker(self) -> Work:
        """Return the function that measures one group of sources."""
        return _Measurer(self)


@dataclass(frozen=True, slots=True)
class _Part:
    """What is read of a source at a time.

    Attributes
    ----------
    row
        Number of the source.
    strip
        The strip of the sky that begins with it, if one does.
    window, core
        What to read, and what to add.
    """

    row: int
    strip: Box | None
    window: Box
    core: Box


class _Measurer:
    """Measures groups of sources."""

    def __init__(self, stage: MeasureStage) -> None:
        self._stage, self._reader = stage, reader_of(stage.source, stage.recent)
        self._sources, self._runs = load_sources(stage.sources_folder), RunsBySource(stage.sources_folder)
        meta, sky = stage.source.meta, SkyMap(stage.source.meta.shape)
        scale, widths = FluxScale.of(meta), SpectralScale.of(meta).widths
        self._around = Surroundings(meta.shape, scale, widths, stage.noise, stage.correlation, sky.step)
        self._sign, self._map_width = 1.0 if stage.sign == POSITIVE else -1.0, sky.map_shape[1]

    def __call__(self, unit: int) -> UnitResult:
        start = time.perf_counter()
        self._reading, self._n_voxels, self._asked = 0.0, 0, start
        first = unit * SOURCES_PER_UNIT
        numbers = range(first, min(first + SOURCES_PER_UNIT, len(self._sources)))
        parts = with_voxels(self._reader, self._parts(numbers), attrgetter("window"))
        rows = groupby(parts, key=lambda part: part[0].row)
        gathered = [self._measure(row, of_row) for row, of_row in rows]
        columns = np.array([row for row, _, _ in gathered]).T
        payload: Payload = {name: np.ascontiguousarray(columns[k]) for k, name in enumerate(MEASURED)}
        payload["sky_row"] = np.repeat(np.array(numbers), [index.size for _, index, _ in gathered])
        payload["sky_index"] = np.concatenate([index for _, index, _ in gathered])
        payload["sky_value"] = np.concatenate([value for _, _, value in gathered])
        seconds = time.perf_counter() - start
        return UnitResult(
            payload, self._n_voxels, 4 * self._n_voxels, self._reading, max(seconds - self._reading, 0.0)
        )

    def _parts(self, rows: Iterable[int]) -> Iterator[_Part]:
        """Yield what is read of sources, one after the other."""
        shape = self._stage.source.meta.shape
        for row in rows:
            for strip in _strips(source_box(self._sources.table[row])):
                for number, (window, core) in enumerate(_windows(strip, shape)):
                    yield _Part(row, strip if number == 0 else None, window, core)

    def _measure(
        self, row: int, parts: Iterable[tuple[_Part, FloatArray]]
    ) -> tuple[DoubleArray, IntArray, DoubleArray]:
        """Return the row of a source, and the pixels of the coarse sky map that it lights up, with its flux there."""
        box, runs = source_box(self._sources.table[row]), self._runs.of(row)
        gathering = Gathering(box, self._sign, self._around)
        for part, voxels in parts:
            self._reading += time.perf_counter() - self._asked
            self._n_voxels += voxels.size
            if part.strip is not None:
                gathering.begin(part.strip)
            gathering.add(voxels, part.window, runs if part.core == box else _runs_in(runs, part.core))
            self._asked = time.perf_counter()
        self._reading += (
            time.perf_counter() - self._asked
        )  # for the end of a row shows when the next one is read
        x, y, value = gathering.coarse_sky()
        found = gathering.row(runs), x * self._map_width + y, value
        self._asked = time.perf_counter()
        return found


def source_box(row: IntArray) -> Box:
    """Return the bounding box of a row of the merged table."""
    return Box(
        (int(row[Z_MIN]), int(row[X_MIN]), int(row[Y_MIN])),
        (int(row[Z_MAX]) + 1, int(row[X_MAX]) + 1, int(row[Y_MAX]) + 1),
    )


def _strips(box: Box) -> Iterator[Box]:
    """Cut a bounding box into strips of the sky of bounded size, each with all channels, in ascending order along l."""
    rows = max(1, min(box.shape[1], WINDOW_VOXELS // box.shape[2]))
    for x in range(box.start[1], box.stop[1], rows):
        stop = (box.stop[0], min(x + rows, box.stop[1]), box.stop[2])
        yield Box((box.start[0], x, box.start[2]), stop)


def _windows(strip: Box, shape: tuple[int, int, int]) -> Iterator[tuple[Box, Box]]:
    """Cut a strip into windows of bounded size: what to read, and what to add, channel after channel."""
    z, x, y = strip.shape
    channels, cube = max(1, min(z, WINDOW_VOXELS // (x * y))), Box.of_shape(shape)
    for first in range(strip.start[0], strip.stop[0], channels):
        last = min(first + channels, strip.stop[0])
        core = Box((first, *strip.start[1:]), (last, *strip.stop[1:]))
        yield core.grow(_ONE_AROUND).clip(cube), core


def _runs_in(runs: RunTable, core: Box) -> RunTable:
    """Return the runs in a window's core; cores span a source's whole width along m."""
    z, x = runs[:, 0], runs[:, 1]
    inside = (z >= core.start[0]) & (z < core.stop[0]) & (x >= core.start[1]) & (x < core.stop[1])
    return runs[inside]


def gather(partials: Iterable[tuple[int, Payload]]) -> Payload:
    """Return the measured columns of all sources, in the order of the merged table."""
    columns: dict[str, list[npt.NDArray[np.float64]]] = {name: [np.empty(0)] for name in MEASURED}
    for _, payload in partials:
        for name in MEASURED:
            columns[name].append(payload[name])
    return {name: np.concatenate(parts) for name, parts in columns.items()}
