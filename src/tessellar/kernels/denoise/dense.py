"""What a denoiser is: a recipe that gives every voxel of a patch's core a new value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from tessellar.model import CubeMeta, FloatArray, MemoryUse, Patch
from tessellar.tiling.box import Halo, Shape

Denoise: TypeAlias = Callable[[Patch, FloatArray], FloatArray]
"""Takes a patch and the noise of its voxels, and returns float32 array (output, frequency, l, m) of its core."""


class DenseKernel(Protocol):
    """A recipe that gives every voxel of a patch's core a new value; it opens no file and knows no executor.

    Its settings are its fields, and its ``repr`` tells all that a result depends on (weights by their hash). The
    value of a voxel must not depend on tile, order, worker or executor.
    """

    @property
    def name(self) -> str:
        """The word of the command line for it."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """``("denoised",)`` or ``("denoised", "uncertainty")``."""

    def halo(self, meta: CubeMeta) -> Halo:
        """Return what must be read around a core."""

    def memory(self, shape: Shape) -> MemoryUse:
        """Return the bytes that it needs for a patch of this shape, beyond the patch and its noise."""

    def prepare(self, meta: CubeMeta, device: str) -> Denoise:
        """Load and compile what is needed, once a worker, and return what does one patch.

        What is returned takes the patch (NaN = blank) and the noise of its voxels, float32 array (frequency, l, m) of
        the read box in the cube's unit, 0 or NaN where it is unknown; it returns float32 array (output, frequency, l,
        m) of the core in the cube's unit, NaN where blank.
        """
