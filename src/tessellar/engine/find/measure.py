"""Measure: the catalogue row of every source, from the voxels of its own bounding box."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tessellar.engine.find.skymap import SkyMap
from tessellar.engine.find.source_store import RunsBySource, load_sources
from tessellar.engine.recent import Recent
from tessellar.kernels.components import X_MAX, X_MIN, Y_MAX, Y_MIN, Z_MAX, Z_MIN
from tessellar.kernels.correlation import Correlation
from tessellar.kernels.detect import POSITIVE
from tessellar.kernels.flux_scale import FluxScale
from tessellar.kernels.gathering import Gathering, Surroundings
from tessellar.kernels.measure import MEASURED
from tessellar.kernels.moments import SpectralScale
from tessellar.kernels.noise import NoiseModel
from tessellar.kernels.runs import RunTable
from tessellar.model import DoubleArray, IntArray, Payload, Source, UnitResult, Work
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


class _Measurer:
    """Measures groups of sources."""

    def __init__(self, stage: MeasureStage) -> None:
        self._stage, self._recent = stage, Recent(stage.source, stage.recent)
        self._sources, self._runs = load_sources(stage.sources_folder), RunsBySource(stage.sources_folder)
        meta, sky = stage.source.meta, SkyMap(stage.source.meta.shape)
        scale, widths = FluxScale.of(meta), SpectralScale.of(meta).widths
        self._around = Surroundings(meta.shape, scale, widths, stage.noise, stage.correlation, sky.step)
        self._sign, self._map_width = 1.0 if stage.sign == POSITIVE else -1.0, sky.map_shape[1]

    def __call__(self, unit: int) -> UnitResult:
        start = time.perf_counter()
        self._reading, self._n_voxels = 0.0, 0
        first = unit * SOURCES_PER_UNIT
        numbers = range(first, min(first + SOURCES_PER_UNIT, len(self._sources)))
        gathered = [self._measure(row) for row in numbers]
        columns = np.array([row for row, _, _ in gathered]).T
        payload: Payload = {name: np.ascontiguousarray(columns[k]) for k, name in enumerate(MEASURED)}
        payload["sky_row"] = np.repeat(np.array(numbers), [index.size for _, index, _ in gathered])
        payload["sky_index"] = np.concatenate([index for _, index, _ in gathered])
        payload["sky_value"] = np.concatenate([value for _, _, value in gathered])
        seconds = time.perf_counter() - start
        return UnitResult(
            payload, self._n_voxels, 4 * self._n_voxels, self._reading, max(seconds - self._reading, 0.0)
        )

    def _measure(self, row: int) -> tuple[DoubleArray, IntArray, DoubleArray]:
        """Return the row of a source, and the pixels of the coarse sky map that it lights up, with its flux there."""
        shape = self._stage.source.meta.shape
        box, runs = source_box(self._sources.table[row]), self._runs.of(row)
        gathering = Gathering(box, self._sign, self._around)
        for strip in _strips(box):
            gathering.begin(strip)
            for window, core in _windows(strip, shape):
                start = time.perf_counter()
                voxels = self._recent.read(window)
                self._reading += time.perf_counter() - start
                self._n_voxels += voxels.size
                gathering.add(voxels, window, runs if core == box else _runs_in(runs, core))
        x, y, value = gathering.coarse_sky()
        return gathering.row(runs), x * self._map_width + y, value


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
