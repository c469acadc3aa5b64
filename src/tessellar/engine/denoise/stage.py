"""The dense pass: every piece of the output is read with its halo, denoised, and written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from tessellar.engine.convert import ResumableSink
from tessellar.engine.denoise.calibrate import Calibrated
from tessellar.engine.denoise.peaks import Peaks, brightest, merged
from tessellar.engine.devices import device_of_worker
from tessellar.engine.shelf import shelf_of
from tessellar.engine.verify import DIGEST
from tessellar.errors import InputError
from tessellar.kernels.denoise.dense import Denoise
from tessellar.kernels.devices import CPU, torch_name
from tessellar.model import FloatArray, Patch, Payload, Source, Steps, UnitResult
from tessellar.tiling.grid import Grid

UNCERTAINTY_DIGEST = "uncertainty_digest"


@dataclass(frozen=True, slots=True, eq=False)
class DenoiseStage:
    """Denoise every piece of a sink.

    What a unit gives back are the digests of what it wrote, how many voxels hold data before and after, and the
    brightest voxels of the result.

    Attributes
    ----------
    source
        The cube.
    known
        The kernel, and the noise of the cube.
    sink
        Where the result goes.
    device
        Where the kernel works.
    uncertainty
        Where the kernel's second output goes, cut like the sink; None to write the first alone.
    shelf
        Bytes of decoded voxels that a process may keep for neighbouring pieces.
    """

    source: Source
    known: Calibrated
    sink: ResumableSink
    fingerprint: str
    device: str = CPU
    uncertainty: ResumableSink | None = None
    shelf: int = 0

    name = "denoise"

    @property
    def n_units(self) -> int:
        """One unit for each piece of the sink."""
        return len(self.sink.pieces)

    def worker(self) -> Steps:
        """Return what denoises one piece."""
        denoise = self.known.kernel.prepare(self.source.meta, torch_name(device_of_worker(self.device)))

        def compute(unit: int, voxels: FloatArray) -> UnitResult:
            return self._denoise(denoise, unit, voxels)

        shelf = shelf_of(f"{self.name} {self.fingerprint}", self.source, self._grid, self.shelf)
        return Steps(shelf.read, compute, self._write, on_device=self.device != CPU)

    @property
    def _grid(self) -> Grid:
        meta = self.source.meta
        return Grid(meta.shape, self.sink.pieces[0].shape, self.known.kernel.halo(meta))

    def _denoise(self, denoise: Denoise, unit: int, voxels: FloatArray) -> UnitResult:
        core, read = self.sink.pieces[unit], self._grid[unit].read
        noise = self.known.noise.of_voxels(read)
        output = denoise(Patch(voxels, read, core), noise)
        _check(output, (len(self.known.kernel.outputs), *core.shape), self.known.kernel.name)
        inside = core.relative_to(read.start).slices()
        good = [np.isfinite(voxels[inside]).sum(), np.isfinite(output[0]).sum()]
        payload: Payload = {"good": np.array(good, np.int64)}
        payload |= brightest(output[0], noise[inside], core.start)
        kept = output if self.uncertainty is not None else output[:1]
        return UnitResult(payload, core.size, voxels.nbytes, output=np.ascontiguousarray(kept))

    def _write(self, unit: int, output: FloatArray) -> Payload:
        written: Payload = {DIGEST: np.frombuffer(self.sink.write(unit, output[0]), np.uint8)}
        if self.uncertainty is not None:
            digest = self.uncertainty.write(unit, output[1])
            written[UNCERTAINTY_DIGEST] = np.frombuffer(digest, np.uint8)
        return written

    def reduce(self, partials: Iterable[tuple[int, Payload]]) -> tuple[int, int, Peaks]:
        """Return how many voxels hold data before and after, and where the brightest ones of the result are."""
        payloads = [payload for _, payload in partials]
        good = np.zeros(2, np.int64)
        for payload in payloads:
            good += payload["good"]
        return int(good[0]), int(good[1]), merged(payloads)


def _check(output: FloatArray, shape: tuple[int, ...], name: str) -> None:
    if output.shape != shape or output.dtype != np.float32:
        raise InputError(
            f"the kernel {name} gave {output.dtype} {output.shape} for a piece, needed is float32 {shape} (output, "
            "frequency, l, m). Mend the kernel."
        )
