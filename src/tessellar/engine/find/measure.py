"""Measure: the catalogue row of every source, from the voxels of its own bounding box."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tessellar.engine.abreast import with_voxels
from tessellar.engine.find.early_rows import SavedEarlyRows
from tessellar.engine.find.measuring import Part, SourceMeasurer, source_box
from tessellar.engine.find.source_store import RunsBySource, load_sources
from tessellar.engine.recent import reader_of
from tessellar.kernels.correlation import Correlation
from tessellar.kernels.detect import POSITIVE
from tessellar.kernels.measure import MEASURED
from tessellar.kernels.noise import NoiseModel
from tessellar.model import FloatArray, Payload, Source, UnitResult, Work

SOURCES_PER_UNIT = 32


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
        The merged sources and their runs, as `tessellar.engine.find.source_store.save_sources` wrote them, and the
        rows that tiles have measured, as `tessellar.engine.find.early_rows.save_early_rows` did.
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
    """Measures groups of sources, but for those that a tile has measured."""

    def __init__(self, stage: MeasureStage) -> None:
        self._reader = reader_of(stage.source, stage.recent)
        self._sources, self._runs = load_sources(stage.sources_folder), RunsBySource(stage.sources_folder)
        self._early = SavedEarlyRows(stage.sources_folder)
        self._measurer = SourceMeasurer(stage.source.meta, stage.noise, stage.correlation, stage.sign)

    def __call__(self, unit: int) -> UnitResult:
        start = time.perf_counter()
        self._reading, self._n_voxels = 0.0, 0
        first = unit * SOURCES_PER_UNIT
        numbers = range(first, min(first + SOURCES_PER_UNIT, len(self._sources)))
        measured = {row: early for row in numbers if (early := self._early.of(row)) is not None}
        left = [row for row in numbers if row not in measured]
        for row, parts in groupby(self._voxels(left), key=lambda part: part[0]):
            box, windows = source_box(self._sources.table[row]), ((part, voxels) for _, part, voxels in parts)
            measured[row] = self._measurer.measure(box, self._runs.of(row), windows)
        gathered = [measured[row] for row in numbers]
        columns = np.array([one.row for one in gathered]).T
        payload: Payload = {name: np.ascontiguousarray(columns[k]) for k, name in enumerate(MEASURED)}
        payload["sky_row"] = np.repeat(np.array(numbers), [one.sky_index.size for one in gathered])
        payload["sky_index"] = np.concatenate([one.sky_index for one in gathered])
        payload["sky_value"] = np.concatenate([one.sky_value for one in gathered])
        seconds = time.perf_counter() - start
        return UnitResult(
            payload, self._n_voxels, 4 * self._n_voxels, self._reading, max(seconds - self._reading, 0.0)
        )

    def _voxels(self, rows: Iterable[int]) -> Iterator[tuple[int, Part, FloatArray]]:
        """Yield all parts of sources with their voxels, and take the time."""
        wanted = (
            (row, part) for row in rows for part in self._measurer.parts(source_box(self._sources.table[row]))
        )
        asked = time.perf_counter()
        for (row, part), voxels in with_voxels(self._reader, wanted, lambda one: one[1].window):
            self._reading += time.perf_counter() - asked
            self._n_voxels += voxels.size
            yield row, part, voxels
            asked = time.perf_counter()
        self._reading += time.perf_counter() - asked


def gather(partials: Iterable[tuple[int, Payload]]) -> Payload:
    """Return the measured columns of all sources, in the order of the merged table."""
    columns: dict[str, list[npt.NDArray[np.float64]]] = {name: [np.empty(0)] for name in MEASURED}
    for _, payload in partials:
        for name in MEASURED:
            columns[name].append(payload[name])
    return {name: np.concatenate(parts) for name, parts in columns.items()}
