"""Calibrate: the noise of channels and sky cells, then the noise that is left at each smoothing scale."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter

import numpy as np
import numpy.typing as npt

from tessellar.engine.abreast import Reader, units_at_once, with_voxels
from tessellar.engine.recent import reader_of
from tessellar.errors import InputError
from tessellar.kernels.channel_noise import part_sigmas
from tessellar.kernels.noise import NoiseModel, separate
from tessellar.kernels.noise_lattice import NoiseLattice
from tessellar.kernels.scale_noise import SampleBlocks
from tessellar.kernels.smooth_clip import CalibratedFinder, SmoothAndClip
from tessellar.model import (
    FloatArray,
    IntArray,
    Order,
    Patch,
    Payload,
    Source,
    Steps,
    UnitResult,
    Work,
    is_by_chunk,
)
from tessellar.tiling.box import Box
from tessellar.tiling.grid import Tile


@dataclass(frozen=True, slots=True, eq=False)
class NoiseStage:
    """Measure the noise of the sampled voxels of every lattice cell in every channel."""

    source: Source
    fingerprint: str
    whole: bool = False
    purpose: str = "noise"

    @property
    def name(self) -> str:
        """``noise`` or another purpose, and ``noise-whole`` when cells are looked at as a whole."""
        return f"{self.purpose}-whole" if self.whole else self.purpose

    @property
    def lattice(self) -> NoiseLattice:
        """Where the cube is sampled."""
        return NoiseLattice(self.source.meta.shape, self.whole)

    @property
    def n_units(self) -> int:
        """Number of units."""
        return len(self.lattice)

    def worker(self) -> Work:
        """Return the function that does one unit."""
        return self._measure

    def _measure(self, unit: int) -> UnitResult:
        lattice = self.lattice
        cells = lattice.unit_cells(unit)
        sigma = np.empty((len(lattice.channels(unit)), len(cells)), np.float32)
        reading = kernel = 0.0
        n_voxels = n_bytes = 0
        has_data = np.zeros(len(lattice.channels(unit)), np.bool_)
        start = time.perf_counter()
        reader = _SampleReader(self.source, lattice, unit)
        for (strip, strip_cells), found in with_voxels(reader, lattice.strips(unit), itemgetter(0)):
            voxels = np.ascontiguousarray(found)
            middle = time.perf_counter()
            for cell in strip_cells:
                sample = lattice.sample(unit, cell).relative_to(strip.start)
                sigma[:, cells.index(cell)], known = part_sigmas(voxels, sample.start[1:], sample.stop[1:])
                n_voxels += sample.size
                has_data |= known
            reading += middle - start
            start = time.perf_counter()
            kernel += start - middle
            n_bytes += reader.n_bytes(strip)
        payload: Payload = {"sigma": sigma, "has_data": has_data}
        return UnitResult(payload, n_voxels, n_bytes, reading, kernel)

    def reduce(self, partials: Iterable[tuple[int, Payload]]) -> NoiseModel | None:
        """Return the noise of the cube from the units' results, None when all that was looked at is blank.

        The channels of a unit that could not be read take the noise of the nearest channel, so that what can be
        read of them is searched.
        """
        sigmas, read, has_data = self.gather(partials)
        return separate(self.lattice, sigmas, read & ~has_data) if has_data.any() else None

    def gather(
        self, partials: Iterable[tuple[int, Payload]]
    ) -> tuple[FloatArray, npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Return what the units measured.

        Returns
        -------
        tuple
            Noise, float32 array (frequency, cells along l, cells along m), NaN where it is not known; and which
            channels were read and which have data, bool arrays (frequency).
        """
        lattice = self.lattice
        sigmas = np.full((lattice.shape[0], *lattice.cells), np.nan, np.float32)
        read, has_data = np.zeros((2, lattice.shape[0]), np.bool_)
        for unit, payload in partials:
            channels = slice(lattice.channels(unit).start, lattice.channels(unit).stop)
            read[channels] = True
            has_data[channels] |= payload["has_data"]
            for i, cell in enumerate(lattice.unit_cells(unit)):
                sigmas[channels, cell[0], cell[1]] = payload["sigma"][:, i]
        return sigmas, read, has_data


class _SampleReader:
    """Reads the strips of a unit: whole from a file, and of a cube in chunks the samples alone.

    Parameters
    ----------
    source
        The cube.
    lattice, unit
        Where it is sampled.
    """

    def __init__(self, source: Source, lattice: NoiseLattice, unit: int) -> None:
        self._source = source
        self._samples = {
            strip: [lattice.sample(unit, cell) for cell in cells] for strip, cells in lattice.strips(unit)
        }

    @property
    def at_once(self) -> int | None:
        """How many strips are worth reading at the same time."""
        found: int | None = getattr(self._source, "at_once", None)
        return found

    def read(self, strip: Box) -> FloatArray:
        """Return a strip, float32 array (frequency, l, m); what lies between samples may hold anything."""
        if not is_by_chunk(self._source):
            return self._source.read(strip)
        voxels: FloatArray = np.empty(strip.shape, np.float32)
        self._source.fill([Order(sample, ((strip, voxels),)) for sample in self._samples[strip]])
        return voxels

    def n_bytes(self, strip: Box) -> int:
        """Return the bytes of voxels that are read for a strip."""
        boxes = self._samples[strip] if is_by_chunk(self._source) else [strip]
        return 4 * sum(box.size for box in boxes)


@dataclass(frozen=True, slots=True, eq=False)
class ScaleStage:
    """Count the negative values of every smoothing scale in the sampled blocks.

    Attributes
    ----------
    source
        The cube.
    finder, noise
        How it is smoothed, and its noise.
    recent
        Bytes of decoded voxels that a worker may keep for other blocks.
    """

    source: Source
    finder: SmoothAndClip
    noise: NoiseModel
    fingerprint: str
    recent: int = 0

    name = "scales"

    @property
    def blocks(self) -> SampleBlocks:
        """The sampled blocks."""
        meta = self.source.meta
        return SampleBlocks.in_cells(meta.shape, self.finder.halo(meta))

    @property
    def n_units(self) -> int:
        """Number of blocks."""
        return len(self.blocks)

    def worker(self) -> Steps:
        """Return what does one block; those with successive numbers lie side by side."""
        blocks = self.blocks
        tiles = [blocks[number] for number in blocks.by_place]
        reader = reader_of(self.source, self.recent)
        read, count = partial(self._read, reader, tiles), partial(self._count, tiles)
        return Steps(read, count, at_once=units_at_once(self.source))

    def _read(self, reader: Reader, tiles: Sequence[Tile], unit: int) -> FloatArray:
        return reader.read(tiles[unit].read)

    def _count(self, tiles: Sequence[Tile], unit: int, voxels: FloatArray) -> UnitResult:
        tile = tiles[unit]
        counts = self.finder.count_scales(Patch(voxels, tile.read, tile.core), self.noise, self.blocks.step)
        return UnitResult({"counts": counts}, tile.core.size, voxels.nbytes)

    def reduce(self, partials: Iterable[tuple[int, Payload]]) -> CalibratedFinder:
        """Return the finder that knows the noise of its scales."""
        total: IntArray | None = None
        for _, payload in partials:
            total = payload["counts"] if total is None else total + payload["counts"]
        if total is None:
            raise InputError("no block of the cube could be read, so the noise of the scales is unknown.")
        return self.finder.calibrated(self.noise, total)
