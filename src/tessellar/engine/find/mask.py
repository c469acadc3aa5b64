"""The mask of the catalogue's sources as a cube of labels, made shard by shard from runs: no voxel is read."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tessellar.engine.find.source_runs import SourceRuns
from tessellar.engine.verify import DIGEST
from tessellar.io.mask_zarr import MaskSink
from tessellar.kernels.label_cube import paint
from tessellar.model import UnitResult, Work


@dataclass(frozen=True, slots=True, eq=False)
class MaskStage:
    """Write every shard of the mask; what a unit gives back is the digest of its shard.

    Attributes
    ----------
    runs
        The voxels of the sources.
    sink
        The store; begun before the stage runs, published afterwards.
    """

    runs: SourceRuns
    sink: MaskSink
    fingerprint: str

    name = "mask"

    @property
    def n_units(self) -> int:
        """One unit for each shard."""
        return len(self.sink.pieces)

    def worker(self) -> Work:
        """Return the function that writes one shard."""
        return _writer(self)


def _writer(stage: MaskStage) -> Callable[[int], UnitResult]:
    runs_of = stage.runs.open()

    def write(unit: int) -> UnitResult:
        start = time.perf_counter()
        box = stage.sink.pieces[unit]
        labels, chunks = None, []
        for runs, rows in runs_of.of_box(box):
            labels = np.zeros(box.shape, np.int32) if labels is None else labels
            paint(labels, box, runs, rows + 1)
            chunks.append(stage.sink.chunks_with(unit, runs))
        with_sources = np.unique(np.concatenate(chunks)).tolist() if chunks else ()
        painted = time.perf_counter()
        digest = np.frombuffer(stage.sink.write(unit, labels, with_sources), np.uint8)
        return UnitResult(
            {DIGEST: digest}, seconds_kernel=painted - start, seconds_write=time.perf_counter() - painted
        )

    return write
