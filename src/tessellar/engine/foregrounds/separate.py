"""The second pass: what is smooth is taken out of the spectrum of each pixel, and the rest is written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

import numpy as np

from tessellar.engine.blas import keep_to_one_blas_thread
from tessellar.engine.convert import ResumableSink
from tessellar.engine.verify import DIGEST
from tessellar.errors import UsageError
from tessellar.kernels.foregrounds.channel_sums import channel_sums
from tessellar.kernels.foregrounds.network import SkyNetwork, network_inputs
from tessellar.kernels.foregrounds.project import Projection
from tessellar.model import FloatArray, Payload, Source, Steps, UnitResult
from tessellar.tiling.box import Box, Halo

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
    network
        What works on what is left, or None.
    purpose
        Name of the stage.
    """

    source: Source
    projection: Projection
    sink: ResumableSink
    fingerprint: str
    foreground: ResumableSink | None = None
    network: SkyNetwork | None = None
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
        return self.source.read(self._read_box(unit))

    def _read_box(self, unit: int) -> Box:
        """Return what is read of the cube for a piece: the piece, and around it what a network sees."""
        if self.network is None:
            return self.sink.pieces[unit]
        halo = Halo.symmetric((0, *self.network.halo))
        return self.sink.pieces[unit].grow(halo).clip(Box.of_shape(self.source.meta.shape))

    def _clean(self, unit: int, voxels: FloatArray) -> UnitResult:
        core = self.sink.pieces[unit].relative_to(self._read_box(unit).start).slices()
        own = np.ascontiguousarray(voxels[core])
        payload: Payload = {"input": channel_sums(own)}
        parts = self.projection.separate(
            voxels,
            foreground=self.foreground is not None,
            amplitudes=self.n_maps > 0,
            out=self._place_of(voxels),
        )
        residual = cast("FloatArray", parts.residual)
        if self.network is not None:
            residual = self._by_network(voxels, residual)
        clean = np.ascontiguousarray(residual[core])
        payload["residual"] = channel_sums(clean)
        if parts.amplitudes is not None:
            payload["maps"] = np.ascontiguousarray(parts.amplitudes[(slice(None), *core[1:])])
        return UnitResult(
            payload, own.size, voxels.nbytes, output=self._output(clean, own, parts.foreground, core)
        )

    def _place_of(self, voxels: FloatArray) -> FloatArray | None:
        """Return where the residual may go: in place of the voxels, unless these are needed, or part of others."""
        mine = voxels.flags.owndata and voxels.flags.writeable and voxels.flags.c_contiguous
        return voxels if mine and self.network is None else None

    def _output(
        self, clean: FloatArray, own: FloatArray, smooth: FloatArray | None, core: tuple[slice, ...]
    ) -> FloatArray:
        """Return what is written: the residual, or residual and foreground, which add up to the cube."""
        if self.foreground is None:
            return clean
        taken = own - clean if self.network is not None else cast("FloatArray", smooth)[core]
        return np.stack([clean, taken])

    def _by_network(self, voxels: FloatArray, residual: FloatArray) -> FloatArray:
        """Return what a network makes of a piece; blank voxels stay blank."""
        network = cast("SkyNetwork", self.network)
        found = np.asarray(network(network_inputs(voxels, residual)), dtype=np.float32)
        if found.shape != residual.shape:
            raise UsageError(
                f"The network gave an array of shape {found.shape} for a piece of {residual.shape} voxels; needed is "
                "one value for each voxel of its inputs, (frequency, l, m)."
            )
        return np.where(np.isfinite(residual), found, np.float32(np.nan))

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
