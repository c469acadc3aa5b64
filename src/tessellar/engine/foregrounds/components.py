"""Maps of modes: how strong each of them is in every pixel of the sky, without the rest of the cube."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from tessellar.engine.blas import keep_to_one_blas_thread
from tessellar.engine.foregrounds.lattice import SkyRows
from tessellar.engine.partials import PartialStore
from tessellar.kernels.foregrounds.project import Projection
from tessellar.model import FloatArray, Payload, Source, UnitResult, Work


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
