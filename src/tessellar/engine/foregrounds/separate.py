"""The second pass: what is smooth is taken out of the spectrum of each pixel, and the rest is written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

import numpy as np

from tessellar.engine.blas import keep_to_one_blas_thread
from tessellar.engine.convert import ResumableSink
from tessellar.engine.verify import DIGEST
from tessellar.kernels.foregrounds.channel_sums import channel_sums
from tessellar.kernels.foregrounds.project import Projection
from tessellar.model import FloatArray, Payload, Source, Steps, UnitResult

FOREGROUND_DIGEST = "foreground_digest"
MAX_MAPS = 16  # modes whose maps are kept


@dataclass(frozen=True, slots=True, eq=False)
class SeparateStage:
    """Clean the pixels of every piece of a sink; a piece holds the whole spectrum of its pixels.

    What a unit gives back are the digests of what it wrote, sums by channel of input and residual, so that the
    spectra of both are known without reading either again, and its part of the maps of the modes.

    Attributes
    ----------
    source
        The cube.
    projection
        What is taken out.
    sink
        Where the residual goes.
    foreground
        Where what was taken out goes, cut like the sink; None to write the residual alone.
    purpose
        Name of the stage.
    """

    source: Source
    projection: Projection
    sink: ResumableSink
    fingerprint: str
    foreground: ResumableSink | None = None
    purpose: str = "separate"

    @property
    def name(self) -> str:
        """``separate``, or another purpose."""
        return self.purpose

    @property
    def n_units(self) -> int:
        """One unit for each piece of the sink."""
        return len(self.sink.pieces)

    @property
    def n_maps(self) -> int:
        """Of how many modes the maps are kept."""
        basis = self.projection.operator.basis
        return 0 if basis is None or basis.shape[1] > MAX_MAPS else basis.shape[1]

    def worker(self) -> Steps:
        """Return what cleans one piece."""
        keep_to_one_blas_thread()
        return Steps(self._read, self._clean, self._write)

    def _read(self, unit: int) -> FloatArray:
        return self.source.read(self.sink.pieces[unit])

    def _clean(self, unit: int, voxels: FloatArray) -> UnitResult:  # noqa: ARG002  # all pieces are alike
        smooth = self.foreground is not None
        parts = self.projection.separate(voxels, foreground=smooth, amplitudes=self.n_maps > 0)
        residual = cast("FloatArray", parts.residual)
        payload: Payload = {"input": channel_sums(voxels), "residual": channel_sums(residual)}
        if parts.amplitudes is not None:
            payload["maps"] = parts.amplitudes
        output = np.stack([residual, cast("FloatArray", parts.foreground)]) if smooth else residual
        return UnitResult(payload, voxels.size, voxels.nbytes, output=output)

    def _write(self, unit: int, output: FloatArray) -> Payload:
        if self.foreground is None:
            return {DIGEST: np.frombuffer(self.sink.write(unit, output), np.uint8)}
        residual, smooth = output
        return {
            DIGEST: np.frombuffer(self.sink.write(unit, residual), np.uint8),
            FOREGROUND_DIGEST: np.frombuffer(self.foreground.write(unit, smooth), np.uint8),
        }

    def maps(self, partials: Iterable[tuple[int, Payload]]) -> FloatArray:
        """Return the maps of the modes, float32 array (mode, l, m); NaN where a piece failed."""
        _, nx, ny = self.source.meta.shape
        maps = np.full((self.n_maps, nx, ny), np.nan, np.float32)
        for unit, payload in partials:
            if "maps" in payload:
                _, along_l, along_m = self.sink.pieces[unit].slices()
                maps[:, along_l, along_m] = payload["maps"]
        return maps
