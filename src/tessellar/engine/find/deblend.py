"""Deblend: the parts of sources that hold several galaxies, a few rows of the merged table at a time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tessellar.engine.find.measure import SOURCES_PER_UNIT
from tessellar.engine.find.measuring import source_box
from tessellar.engine.find.source_runs import SourceRuns
from tessellar.kernels.components import N_PIX, Linker, sum_components
from tessellar.kernels.deblend import FEWEST_VOXELS, MOST_VOXELS, Deblending, HillScale
from tessellar.kernels.detect import POSITIVE
from tessellar.kernels.runs import RunTable, run_voxels
from tessellar.kernels.watershed import hills, parts_as_runs
from tessellar.model import FloatArray, IntArray, Patch, Payload, Source, UnitResult, Work
from tessellar.tiling.box import Box
from tessellar.tiling.grid import Grid

WINDOW = (64, 64, 64)


@dataclass(frozen=True, slots=True, eq=False)
class DeblendStage:
    """Look for the hills of each source; what a unit gives back are the parts of those that have several.

    Attributes
    ----------
    source
        The cube.
    recipe
        When a hill is a source of its own.
    scale
        The smoothing scale on which hills are looked for.
    linker
        Which voxels are neighbours.
    runs
        The voxels of the sources.
    sign
        ``POSITIVE`` or ``NEGATIVE``.
    n_sources
        How many sources there are.
    """

    source: Source
    recipe: Deblending
    scale: HillScale
    linker: Linker
    runs: SourceRuns
    sign: int
    n_sources: int
    fingerprint: str

    @property
    def name(self) -> str:
        """``deblend``, or ``deblend-negative``."""
        return "deblend" if self.sign == POSITIVE else "deblend-negative"

    @property
    def n_units(self) -> int:
        """Number of groups of sources."""
        return -(-self.n_sources // SOURCES_PER_UNIT)

    def worker(self) -> Work:
        """Return the function that looks at one group of sources."""
        return _Deblender(self)


class _Deblender:
    """Looks at groups of sources; keeps the runs of the last few tiles at hand."""

    def __init__(self, stage: DeblendStage) -> None:
        self._stage = stage
        self._runs = stage.runs.open()
        self._shape = stage.source.meta.shape

    def __call__(self, unit: int) -> UnitResult:
        start = time.perf_counter()
        self._reading, self._n_voxels = 0.0, 0
        first = unit * SOURCES_PER_UNIT
        runs, labels = [np.empty((0, 4), np.int32)], [np.empty(0, np.int64)]
        parents: list[int] = []
        left: list[int] = []
        for row in range(first, min(first + SOURCES_PER_UNIT, self._stage.n_sources)):
            n_pix = int(self._runs.sources.table[row, N_PIX])
            if n_pix > MOST_VOXELS:
                left.append(row)
            elif n_pix >= 2 * FEWEST_VOXELS:
                parts, part = self._parts(row)
                names, number = np.unique(part, return_inverse=True)
                if len(names) > 1:
                    runs.append(parts)
                    labels.append(number.astype(np.int64) + len(parents))
                    parents += [row] * len(names)
        seconds = time.perf_counter() - start
        payload = self._payload(np.concatenate(runs), np.concatenate(labels), parents, left)
        return UnitResult(
            payload, self._n_voxels, 4 * self._n_voxels, self._reading, max(seconds - self._reading, 0.0)
        )

    def _payload(self, runs: RunTable, labels: IntArray, parents: list[int], left: list[int]) -> Payload:
        order = np.lexsort((runs[:, 2], runs[:, 1], runs[:, 0]))
        sign = self._stage.sign
        return {
            f"runs{sign}": runs[order],
            f"labels{sign}": labels[order],
            "table": sum_components(runs, labels, len(parents), self._shape),
            "parents": np.array(parents, np.int64),
            "left": np.array(left, np.int64),
        }

    def _parts(self, row: int) -> tuple[RunTable, IntArray]:
        """Return the runs of the parts of a source, and the part of each."""
        runs = self._runs.of_source(row)
        z, x, y = run_voxels(runs)
        sky = self._shape[1:]
        place = (z * sky[0] + x) * sky[1] + y
        value = self._values(row, runs, (z, x, y))
        recipe, linker = self._stage.recipe, self._stage.linker
        hill = hills(
            place, value, np.argsort(-value, kind="stable"), sky, linker.radius_z, linker.radius_xy,
            recipe.prominence, recipe.contrast, max(FEWEST_VOXELS, linker.min_pixels),
        )  # fmt: skip
        return parts_as_runs(place, hill, sky)

    def _values(self, row: int, runs: RunTable, voxels: tuple[IntArray, IntArray, IntArray]) -> FloatArray:
        """Return the smoothed voxels of a source in units of their noise, of positive sign."""
        z, x, y = voxels
        value = np.zeros(len(z), np.float32)
        scale, source = self._stage.scale, self._stage.source
        for core in self._windows(row, runs):
            read = core.grow(scale.halo).clip(Box.of_shape(self._shape))
            began = time.perf_counter()
            data = source.read(read)
            self._reading += time.perf_counter() - began
            self._n_voxels += data.size
            smooth = scale(Patch(data, read, core))
            (z0, x0, y0), (z1, x1, y1) = core.start, core.stop
            first, last = np.searchsorted(z, [z0, z1])
            a, b, c = z[first:last], x[first:last], y[first:last]
            here = np.flatnonzero((b >= x0) & (b < x1) & (c >= y0) & (c < y1))
            value[first + here] = smooth[a[here] - z0, b[here] - x0, c[here] - y0]
        return value if self._stage.sign == POSITIVE else -value

    def _windows(self, row: int, runs: RunTable) -> Iterator[Box]:
        """Yield the windows of a source's bounding box that hold some of it."""
        box = source_box(self._runs.sources.table[row])
        for piece in Grid(box.shape, WINDOW):
            core = piece.core.shift(box.start)
            (z0, x0, y0), (z1, x1, y1) = core.start, core.stop
            first, last = np.searchsorted(runs[:, 0], [z0, z1])
            inside = runs[first:last]
            on_sky = (inside[:, 1] >= x0) & (inside[:, 1] < x1) & (inside[:, 2] < y1) & (inside[:, 3] > y0)
            if on_sky.any():
                yield core
