"""A patch of made-up sky in memory with its noise, its calibrated finder and its mask: what kernels work on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

from tessellar.engine.conveyor import passages
from tessellar.engine.find.calibrate import NoiseStage, ScaleStage
from tessellar.kernels.noise import NoiseModel
from tessellar.kernels.smooth_clip import CalibratedFinder, SmoothAndClip
from tessellar.model import ByteArray, CubeMeta, FloatArray, Patch, Payload, Source, Stage
from tessellar.simulate.hi import HiSky
from tessellar.tiling.box import Box, Shape


@dataclass(frozen=True, slots=True, eq=False)
class SkyPatch:
    """A whole small cube in memory, which is a source too.

    Attributes
    ----------
    voxels
        float32 array (frequency, l, m), Jy/beam.
    meta
        Its description.
    """

    voxels: FloatArray
    meta: CubeMeta

    identity = "a patch in memory"
    chunks = None

    @property
    def stored_bytes(self) -> int:
        """Bytes in memory."""
        return self.voxels.nbytes

    @property
    def box(self) -> Box:
        """All of it."""
        return Box.of_shape(self.voxels.shape)

    def read(self, box: Box) -> FloatArray:
        """Return a copy of a box, as reading from a disk does."""
        return np.ascontiguousarray(self.voxels[box.slices()])

    def cut(self, read: Box, core: Box) -> Patch:
        """Return the patch of a tile."""
        return Patch(self.read(read), read, core)


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A patch, and what the stages before a kernel make of it."""

    sky: SkyPatch
    noise: NoiseModel
    finder: CalibratedFinder
    mask: ByteArray


@cache
def prepare(shape: Shape, n_sources: int | None) -> Prepared:
    """Simulate a patch, calibrate the finder on it and detect, once for each shape."""
    made_up = HiSky(shape, seed=2, n_sources=n_sources)
    sky = SkyPatch(made_up.read(Box.of_shape(shape)), made_up.meta)
    finder = calibrated_on(sky)
    return Prepared(sky, finder.noise, finder, finder(Patch(sky.voxels, sky.box, sky.box)))


def calibrated_on(source: Source) -> CalibratedFinder:
    """Return the finder with its defaults and the noise of a cube."""
    noise_stage = NoiseStage(source, "benchmark")
    noise = noise_stage.reduce(_results(noise_stage))
    if noise is None:
        raise ValueError("the simulated cube is blank")
    scale_stage = ScaleStage(source, SmoothAndClip(), noise, "benchmark")
    return scale_stage.reduce(_results(scale_stage))


def _results(stage: Stage) -> Iterator[tuple[int, Payload]]:
    line = passages(stage.worker(), range(stage.n_units), room=0)
    return ((passage.unit, passage.value.payload) for passage in line)
