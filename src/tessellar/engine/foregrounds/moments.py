"""The first pass: how the channels vary together over all pixels of the sky, and the maps of their leading modes."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from tessellar.engine.blas import keep_to_one_blas_thread
from tessellar.engine.foregrounds.lattice import SkyRows
from tessellar.engine.partials import PartialStore
from tessellar.errors import InputError
from tessellar.kernels.foregrounds.fill import fill_blanks, scaled_log_frequency
from tessellar.kernels.foregrounds.moments import SpectralMoments
from tessellar.kernels.foregrounds.project import Projection
from tessellar.model import DoubleArray, FloatArray, IntArray, Payload, Source, UnitResult, Work


@dataclass(frozen=True, slots=True, eq=False)
class MomentsStage:
    """Sum the spectra and their products over rows of the sky, blanks filled by a smooth fit to their pixel.

    Attributes
    ----------
    source
        The cube.
    frequencies
        Hz, float64 array (frequency).
    centre
        The spectrum about which is summed, float64 array (frequency).
    fill_degree
        Of the polynomials that fill blanks.
    purpose
        Name of the stage.
    """

    source: Source
    frequencies: DoubleArray
    centre: DoubleArray
    fill_degree: int
    fingerprint: str
    purpose: str = "moments"

    @property
    def name(self) -> str:
        """``moments``, or another purpose."""
        return self.purpose

    @property
    def rows(self) -> SkyRows:
        """The units."""
        n_channels = self.source.meta.shape[0]
        return SkyRows.for_partials(self.source.meta.shape, 4 * n_channels * (n_channels + 5))

    @property
    def n_units(self) -> int:
        """Number of units."""
        return len(self.rows)

    def worker(self) -> Work:
        """Return the function that does one unit."""
        keep_to_one_blas_thread()
        return self._sum

    def _sum(self, unit: int) -> UnitResult:
        start, reading, n_voxels = time.perf_counter(), 0.0, 0
        x = scaled_log_frequency(self.frequencies)
        moments = SpectralMoments.nothing(self.centre)
        good: IntArray = np.zeros(len(x), np.int64)
        for box in self.rows.blocks(unit):
            began = time.perf_counter()
            voxels = self.source.read(box).reshape(len(x), -1)
            reading += time.perf_counter() - began
            n_voxels += voxels.size
            good += np.isfinite(voxels).sum(axis=1)
            filled = fill_blanks(voxels, x, degree=self.fill_degree)
            moments = moments.merge(SpectralMoments.of_block(filled, self.centre))
        payload: Payload = {**moments.payload(), "good": good}
        seconds = time.perf_counter() - start
        return UnitResult(payload, n_voxels, 4 * n_voxels, reading, seconds - reading)

    def reduce(self, partials: PartialStore) -> tuple[SpectralMoments, IntArray]:
        """Return the sums over the whole sky, and how many voxels of each channel hold data.

        Raises
        ------
        InputError
            There is no pixel whose spectrum is known well enough.
        """
        moments = SpectralMoments.nothing(self.centre)
        good: IntArray = np.zeros(len(self.centre), np.int64)
        for _, payload in partials.units(self):
            moments = moments.merge(SpectralMoments.from_payload(payload))
            good += payload["good"]
        if moments.n_pixels < 2:
            raise InputError(
                f"{self.source.meta.name} has {moments.n_pixels} pixels with enough channels that hold data, and at "
                f"least 2 are needed: {4 * (self.fill_degree + 1)} channels of a pixel must not be blank."
            )
        return moments, good


@dataclass(frozen=True, slots=True, eq=False)
class ComponentsStage:
    """Project rows of the sky onto modes: the maps of the components, without the rest of the cube.

    Attributes
    ----------
    source
        The cube.
    projection
        Whose amplitudes the maps show.
    """

    source: Source
    projection: Projection
    fingerprint: str
    purpose: str = "components"

    @property
    def name(self) -> str:
        """``components``, or another purpose."""
        return self.purpose

    @property
    def n_maps(self) -> int:
        """How many modes there are."""
        basis = self.projection.operator.basis
        return 0 if basis is None else basis.shape[1]

    @property
    def rows(self) -> SkyRows:
        """The units."""
        return SkyRows(self.source.meta.shape)

    @property
    def n_units(self) -> int:
        """Number of units."""
        return len(self.rows)

    def worker(self) -> Work:
        """Return the function that does one unit."""
        keep_to_one_blas_thread()
        return self._project

    def _project(self, unit: int) -> UnitResult:
        start, reading, n_voxels, parts = time.perf_counter(), 0.0, 0, []
        for box in self.rows.blocks(unit):
            began = time.perf_counter()
            voxels = self.source.read(box)
            reading += time.perf_counter() - began
            n_voxels += voxels.size
            parts.append(self.projection.amplitudes(voxels))
        payload: Payload = {"maps": np.concatenate(parts, axis=1)}
        seconds = time.perf_counter() - start
        return UnitResult(payload, n_voxels, 4 * n_voxels, reading, seconds - reading)

    def reduce(self, partials: PartialStore) -> FloatArray:
        """Return the maps, float32 array (mode, l, m); NaN where a pixel has too few voxels or was not read."""
        _, nx, ny = self.source.meta.shape
        maps = np.full((self.n_maps, nx, ny), np.nan, np.float32)
        for unit, payload in partials.units(self):
            rows = self.rows.box(unit)
            maps[:, :, rows.start[2] : rows.stop[2]] = payload["maps"]
        return maps
