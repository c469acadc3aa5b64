"""Cubelets: for each of some sources a small cube around it, its mask, moment maps, spectrum and slice."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from functools import partial
from typing import IO, Any

import numpy as np

from tessellar.engine.find.cubelet_files import CubeletFiles
from tessellar.engine.find.maps import KINDS, moment_header
from tessellar.engine.find.measuring import WINDOW_VOXELS
from tessellar.engine.find.source_runs import SourceRuns
from tessellar.engine.verify import DIGEST
from tessellar.io.map_fits import cube_header, image_into, slice_header, write_image
from tessellar.io.spectrum_text import spectrum_text
from tessellar.kernels.correlation import Correlation
from tessellar.kernels.detect import POSITIVE
from tessellar.kernels.flux_scale import FluxScale
from tessellar.kernels.label_cube import paint
from tessellar.kernels.moments import MOMENTS, MomentSums, SpectralScale
from tessellar.kernels.noise import NoiseModel
from tessellar.kernels.position_velocity import ChannelCentres, KinematicAxis
from tessellar.kernels.runs import RunTable
from tessellar.kernels.spectrum import SpectrumSums, spectrum
from tessellar.kernels.sum_noise import sum_noise
from tessellar.model import FloatArray, Source, UnitResult, Work
from tessellar.tiling.box import Box

OpenedProduct = Callable[[str], AbstractContextManager[IO[bytes]]]
"""Opens a file of the source at hand, by its product."""


@dataclass(frozen=True, slots=True, eq=False)
class CubeletStage:
    """Write the files of one source after the other; what a unit gives back is their digests.

    A worker holds a slab of channels of one source and maps of its sky, however large the source is.

    Attributes
    ----------
    source, noise, correlation
        The cube, its noise, and how that of neighbouring voxels goes together.
    runs
        The voxels of the sources.
    sink
        The files.
    first_channel
        That of the whole cube at which the searched one begins.
    """

    source: Source
    noise: NoiseModel
    correlation: Correlation
    runs: SourceRuns
    sink: CubeletFiles
    fingerprint: str
    first_channel: int = 0

    name = "cubelets"

    @property
    def n_units(self) -> int:
        """One unit for each source, or for each pack of sources."""
        return len(self.sink.pieces)

    def worker(self) -> Work:
        """Return the function that writes the files of one source."""
        return _Cubelets(self)


class _Cubelets:
    """Writes cubelets; keeps the runs of the last few tiles at hand."""

    def __init__(self, stage: CubeletStage) -> None:
        self._stage = stage
        self._meta = stage.source.meta
        self._runs = stage.runs.open()
        self._scale, self._flux = SpectralScale.of(self._meta), FluxScale.of(self._meta)
        self._reading, self._n_voxels = 0.0, 0
        self._slab: tuple[Box, FloatArray] | None = None

    def __call__(self, unit: int) -> UnitResult:
        start, sink = time.perf_counter(), self._stage.sink
        self._reading, self._n_voxels = 0.0, 0
        with sink.writing(unit) as opened:
            for index in sink.sources(unit):
                self._source(index, partial(opened, index))
        digest = np.frombuffer(sink.digest(unit), np.uint8)
        writing = time.perf_counter() - start - self._reading
        n_bytes = 4 * self._n_voxels
        return UnitResult({DIGEST: digest}, self._n_voxels, n_bytes, self._reading, seconds_write=writing)

    def _source(self, index: int, opened: OpenedProduct) -> None:
        """Write the files of one source."""
        chosen, box = self._stage.sink.chosen, self._stage.sink.boxes[index]
        title, row = str(chosen.name[index]), int(chosen.row[index])
        sign = 1.0 if self._runs.sign_of(row) == POSITIVE else -1.0
        moments, line, centres = (
            MomentSums(box, self._scale, sign),
            SpectrumSums(box),
            ChannelCentres(box, sign),
        )
        runs = self._runs.of_source(row)
        self._cubes(opened, box, runs, title, (moments, line, centres))
        self._maps(opened, box, title, moments)
        with opened("spec") as file:
            file.write(self._spectrum(title, line, runs).encode())
        self._slice(opened, box, title, centres.axis())

    def _read(self, slab: Box) -> FloatArray:
        """Return the voxels of a slab; those of the last one are at hand, which for most sources is the whole box."""
        if self._slab is None or self._slab[0] != slab:
            began = time.perf_counter()
            self._slab = slab, self._stage.source.read(slab)
            self._reading += time.perf_counter() - began
            self._n_voxels += slab.size
        return self._slab[1]

    def _cubes(
        self,
        opened: OpenedProduct,
        box: Box,
        runs: RunTable,
        title: str,
        sums: tuple[MomentSums | SpectrumSums | ChannelCentres, ...],
    ) -> None:
        """Write cube and mask slab by slab, adding to the sums on the way."""
        with ExitStack() as stack:
            cube, mask = self._open_cubes(stack, opened, box, title)
            for slab in _slabs(box):
                voxels = self._read(slab)
                first, last = np.searchsorted(runs[:, 0], [slab.start[0], slab.stop[0]])
                inside = runs[first:last]
                sigma = self._stage.noise.sigma(slab)
                for one in sums:
                    one.add(voxels, slab, inside, sigma)
                cube(voxels.transpose(0, 2, 1))
                labels = np.zeros(slab.shape, np.int32)
                paint(labels, slab, inside, np.ones(len(inside), np.int64))
                mask(labels.transpose(0, 2, 1).astype(np.uint8))

    def _open_cubes(
        self, stack: ExitStack, opened: OpenedProduct, box: Box, title: str
    ) -> tuple[Callable[[Any], None], Callable[[Any], None]]:
        shape = (box.shape[0], box.shape[2], box.shape[1])
        header = cube_header(self._meta, box, self._meta.unit, OBJECT=title)
        mask_header = cube_header(self._meta, box, OBJECT=title, BTYPE="mask of the source")
        cube, mask = (stack.enter_context(opened(product)) for product in ("cube", "mask"))
        append = stack.enter_context(image_into(cube, header, "float32", shape))
        return append, stack.enter_context(image_into(mask, mask_header, "uint8", shape))

    def _maps(self, opened: OpenedProduct, box: Box, title: str, moments: MomentSums) -> None:
        maps = moments.maps()
        for name in MOMENTS:
            header = moment_header(name, self._meta, box, self._scale, OBJECT=title)
            with opened(name) as file:
                write_image(file, header, maps[name].T.astype(KINDS[name]))

    def _spectrum(self, title: str, line: SpectrumSums, runs: RunTable) -> str:
        stage, box = self._stage, line.box
        stretch = self._flux.stretch[box.start[0] : box.stop[0]]
        noise = sum_noise(runs, box, stage.noise, stage.correlation, stretch, (math.nan, math.nan))
        made, axis = spectrum(line, noise, self._flux, self._meta), self._meta.spectral
        return spectrum_text(
            name=title,
            channel=made.channel + stage.first_channel,
            value=made.value,
            flux=made.flux,
            pixels=made.pixels,
            noise=made.noise,
            kind=axis.kind,
            units=(axis.unit, made.unit),
        )

    def _slice(self, opened: OpenedProduct, box: Box, title: str, axis: KinematicAxis) -> None:
        """Write the position-velocity slice slab by slab."""
        offsets = axis.offsets((box.shape[1], box.shape[2]))
        header = slice_header(
            self._meta, box, self._meta.unit, first=int(offsets[0]), step=axis.direction,
            KIN_PA=axis.pa, KIN_X=axis.x, KIN_Y=axis.y, KIN_OK=axis.known, OBJECT=title,
        )  # fmt: skip
        header.comment("KIN_PA", "deg from the m axis, to the higher channels")
        for keyword in ("KIN_X", "KIN_Y"):
            header.comment(keyword, "pixel of the cubelet at offset 0, from 0")
        header.comment("KIN_OK", "whether the source tells the axis")
        shape = (box.shape[0], offsets.size)
        with opened("pv") as file, image_into(file, header, "float32", shape) as append:
            for slab in _slabs(box):
                append(axis.slice(self._read(slab), offsets))


def _slabs(box: Box) -> Iterator[Box]:
    """Yield the box in slabs of channels of bounded size, one channel at least."""
    depth = max(1, WINDOW_VOXELS // (box.shape[1] * box.shape[2]))
    for z in range(box.start[0], box.stop[0], depth):
        stop = (min(z + depth, box.stop[0]), box.stop[1], box.stop[2])
        yield Box((z, box.start[1], box.start[2]), stop)
