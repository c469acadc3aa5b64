"""One source measured from the windows that its bounding box is cut into, wherever their voxels come from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from tessellar.engine.find.skymap import SkyMap
from tessellar.kernels.components import X_MAX, X_MIN, Y_MAX, Y_MIN, Z_MAX, Z_MIN
from tessellar.kernels.correlation import Correlation
from tessellar.kernels.detect import POSITIVE
from tessellar.kernels.flux_scale import FluxScale
from tessellar.kernels.gathering import Gathering, Surroundings
from tessellar.kernels.moments import SpectralScale
from tessellar.kernels.noise import NoiseModel
from tessellar.kernels.runs import RunTable
from tessellar.model import CubeMeta, DoubleArray, FloatArray, IntArray
from tessellar.tiling.box import Box, Halo, Shape

WINDOW_VOXELS = 2**20  # a source is read in windows of at most about this many voxels
_ONE_AROUND = Halo.symmetric((1, 1, 1))


@dataclass(frozen=True, slots=True)
class Part:
    """What is read of a source at a time.

    Attributes
    ----------
    strip
        The strip of the sky that begins with it, if one does.
    window, core
        What to read, and what to add.
    """

    strip: Box | None
    window: Box
    core: Box


class Measured(NamedTuple):
    """What was measured of a source.

    Attributes
    ----------
    row
        float64 array in the order of `tessellar.kernels.measure.MEASURED`.
    sky_index, sky_value
        The pixels of the coarse sky map that it lights up, and its flux there.
    """

    row: DoubleArray
    sky_index: IntArray
    sky_value: DoubleArray


class SourceMeasurer:
    """Measures the sources of one sign: the bits of a row depend on the voxels of the source alone.

    Parameters
    ----------
    meta
        Of the cube.
    noise, correlation
        Its noise, and how that of neighbouring voxels goes together.
    sign
        ``POSITIVE`` or ``NEGATIVE``.
    """

    def __init__(self, meta: CubeMeta, noise: NoiseModel, correlation: Correlation, sign: int) -> None:
        self._shape, sky = meta.shape, SkyMap(meta.shape)
        scale, widths = FluxScale.of(meta), SpectralScale.of(meta).widths
        self._around = Surroundings(meta.shape, scale, widths, noise, correlation, sky.step)
        self._sign, self._map_width = 1.0 if sign == POSITIVE else -1.0, sky.map_shape[1]

    def parts(self, box: Box) -> Iterator[Part]:
        """Yield what is to be read of a source, given its bounding box."""
        for strip in _strips(box):
            for number, (window, core) in enumerate(_windows(strip, self._shape)):
                yield Part(strip if number == 0 else None, window, core)

    def measure(self, box: Box, runs: RunTable, parts: Iterable[tuple[Part, FloatArray]]) -> Measured:
        """Measure a source.

        Parameters
        ----------
        box
            Its bounding box.
        runs
            Its voxels, sorted.
        parts
            All of `parts`, in order, each with the voxels of its window, float32 array (frequency, l, m).
        """
        gathering = Gathering(box, self._sign, self._around)
        for part, voxels in parts:
            if part.strip is not None:
                gathering.begin(part.strip)
            gathering.add(voxels, part.window, runs if part.core == box else _runs_in(runs, part.core))
        x, y, value = gathering.coarse_sky()
        return Measured(gathering.row(runs), x * self._map_width + y, value)


def source_box(row: IntArray) -> Box:
    """Return the bounding box of a row of a table of components or sources."""
    return Box(
        (int(row[Z_MIN]), int(row[X_MIN]), int(row[Y_MIN])),
        (int(row[Z_MAX]) + 1, int(row[X_MAX]) + 1, int(row[Y_MAX]) + 1),
    )


def reach_of(box: Box, shape: Shape) -> Box:
    """Return what the windows of a source lie in: its bounding box and a voxel around, inside the cube."""
    return box.grow(_ONE_AROUND).clip(Box.of_shape(shape))


def _strips(box: Box) -> Iterator[Box]:
    """Cut a bounding box into strips of the sky of bounded size, each with all channels, in ascending order along l."""
    rows = max(1, min(box.shape[1], WINDOW_VOXELS // box.shape[2]))
    for x in range(box.start[1], box.stop[1], rows):
        stop = (box.stop[0], min(x + rows, box.stop[1]), box.stop[2])
        yield Box((box.start[0], x, box.start[2]), stop)


def _windows(strip: Box, shape: Shape) -> Iterator[tuple[Box, Box]]:
    """Cut a strip into windows of bounded size: what to read, and what to add, channel after channel."""
    z, x, y = strip.shape
    channels = max(1, min(z, WINDOW_VOXELS // (x * y)))
    for first in range(strip.start[0], strip.stop[0], channels):
        last = min(first + channels, strip.stop[0])
        core = Box((first, *strip.start[1:]), (last, *strip.stop[1:]))
        yield reach_of(core, shape), core


def _runs_in(runs: RunTable, core: Box) -> RunTable:
    """Return the runs in a window's core; cores span a source's whole width along m."""
    z, x = runs[:, 0], runs[:, 1]
    inside = (z >= core.start[0]) & (z < core.stop[0]) & (x >= core.start[1]) & (x < core.stop[1])
    return runs[inside]
