"""Maps of the whole field: the moments of all sources of the catalogue together, made strip by strip of the sky."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from tessellar.engine.abreast import with_voxels
from tessellar.engine.find.source_runs import SourceRuns
from tessellar.engine.find.windows import windows_around
from tessellar.io.heading import Heading
from tessellar.io.map_fits import image_into, map_header
from tessellar.io.publish import atomic_files, make_folder
from tessellar.kernels.detect import POSITIVE
from tessellar.kernels.moments import MOMENTS, MomentMaps, MomentSums, SpectralScale
from tessellar.kernels.noise import NoiseModel
from tessellar.kernels.runs import RunTable
from tessellar.model import CubeMeta, Payload, Source, UnitResult, Work
from tessellar.tiling.box import Box, Shape

STRIP_PIXELS = 2**19
STRIP_ROWS = 128
KINDS = {"mom0": "float32", "mom1": "float64", "mom2": "float32", "chan": "int32", "snr": "float32"}
"""Type of the pixels of each map; float32 would round a frequency of 1.4 GHz to 128 Hz."""

_UNKNOWN = {"mom0": np.nan, "mom1": np.nan, "mom2": np.nan, "chan": -1, "snr": np.nan}
_WORDS = {
    "mom0": "moment 0: integrated flux",
    "mom1": "moment 1: flux-weighted spectral coordinate",
    "mom2": "moment 2: standard deviation along frequency",
    "chan": "number of channels in the mask",
    "snr": "moment 0 over its noise",
}


@dataclass(frozen=True, slots=True, eq=False)
class MapStage:
    """Sum the detected voxels of a strip of the sky over all channels: some rows along m, all pixels along l.

    A strip is contiguous in a FITS image, and it is all that a worker holds. Its result is empty where no source
    is, else one array (m, l) for each map.
    """

    source: Source
    noise: NoiseModel
    runs: SourceRuns
    fingerprint: str

    name = "maps"

    @property
    def n_units(self) -> int:
        """Number of strips."""
        shape = self.source.meta.shape
        return -(-shape[2] // strip_rows(shape))

    def worker(self) -> Work:
        """Return the function that makes one strip."""
        return _Strips(self)


def strip_rows(shape: Shape) -> int:
    """Return how many rows along m a strip has, but for the last: a function of the cube's shape alone."""
    return max(1, min(STRIP_ROWS, STRIP_PIXELS // shape[1]))


def strip_box(shape: Shape, unit: int) -> Box:
    """Return the box of a strip, with all channels."""
    rows = strip_rows(shape)
    return Box((0, 0, unit * rows), (shape[0], shape[1], min((unit + 1) * rows, shape[2])))


class _Strips:
    """Makes strips; keeps the runs of the last few tiles at hand."""

    def __init__(self, stage: MapStage) -> None:
        self._stage = stage
        self._runs = stage.runs.open()
        self._scale = SpectralScale.of(stage.source.meta)

    def __call__(self, unit: int) -> UnitResult:
        start = began = time.perf_counter()
        stage = self._stage
        box = strip_box(stage.source.meta.shape, unit)
        sums = MomentSums(box, self._scale)
        reading, n_voxels = 0.0, 0
        for (window, runs, sums.sign), voxels in with_voxels(stage.source, self._windows(box), itemgetter(0)):
            reading += time.perf_counter() - began
            n_voxels += voxels.size
            sums.add(voxels, window, runs, stage.noise.sigma(window))
            began = time.perf_counter()
        payload: Payload = {}
        if n_voxels:
            payload = {name: np.ascontiguousarray(image.T) for name, image in sums.maps().items()}
        seconds = time.perf_counter() - start
        return UnitResult(payload, n_voxels, 4 * n_voxels, reading, max(seconds - reading, 0.0))

    def _windows(self, box: Box) -> Iterator[tuple[Box, RunTable, float]]:
        """Yield windows with the runs in them, and the sign of their sources."""
        for runs, rows in self._runs.of_box(box):
            sign = 1.0 if self._runs.sign_of(int(rows[0])) == POSITIVE else -1.0
            for window, inside in windows_around(runs):
                yield window, inside, sign


def write_maps(
    folder: Path, meta: CubeMeta, strips: Iterable[tuple[int, Payload]], failed: Collection[int] = ()
) -> None:
    """Write the maps ``mom0.fits``, ``mom1.fits``, ``mom2.fits``, ``chan.fits`` and ``snr.fits``, one strip at a time.

    They appear together.

    Parameters
    ----------
    folder
        Where; made if it is not there.
    meta
        The cube.
    strips
        What `MapStage` gave back, ascending.
    failed
        Strips that were given up: NaN, and -1 in ``chan``, which the card ``BLANK`` then says.

    Raises
    ------
    OutputError
        The disk is full or cannot be written.
    """
    make_folder(folder)
    whole = Box.of_shape(meta.shape)
    scale = SpectralScale.of(meta)
    with atomic_files(folder) as draft_of, ExitStack() as stack:
        append = {
            name: stack.enter_context(
                image_into(
                    stack.enter_context(draft_of(f"{name}.fits").open("wb")),
                    moment_header(name, meta, whole, scale, blanks=bool(failed)),
                    KINDS[name],
                    (meta.shape[2], meta.shape[1]),
                )
            )
            for name in MOMENTS
        }
        _append_strips(append, meta.shape, scale, _in_order(strips, failed))


def moment_header(
    name: str, meta: CubeMeta, box: Box, scale: SpectralScale, *, blanks: bool = False, **cards: str
) -> Heading:
    """Return the header of one of the maps of the sky in a box of the cube."""
    unit = {"mom0": scale.flux_unit, "mom1": scale.unit, "mom2": scale.unit}.get(name, "")
    header = map_header(meta, box, unit, BTYPE=_WORDS[name], **cards)
    if blanks and name == "chan":
        header["BLANK"] = _UNKNOWN["chan"]
    return header


def _in_order(strips: Iterable[tuple[int, Payload]], failed: Collection[int]) -> Iterator[Payload | None]:
    """Yield the strips in order, None for those that were given up."""
    expected = 0
    for unit, payload in strips:
        for _ in range(expected, unit):
            yield None
        yield payload
        expected = unit + 1
    for _ in (unit for unit in failed if unit >= expected):
        yield None


def _append_strips(
    append: dict[str, Callable[[Any], None]],
    shape: Shape,
    scale: SpectralScale,
    strips: Iterator[Payload | None],
) -> None:
    for unit, payload in enumerate(strips):
        box = strip_box(shape, unit)
        nothing: MomentMaps = {} if payload else MomentSums(box, scale).maps()
        for name in MOMENTS:
            if payload is None:
                append[name](np.full((box.shape[2], box.shape[1]), _UNKNOWN[name], KINDS[name]))
            else:
                append[name](payload[name] if payload else nothing[name].T)
