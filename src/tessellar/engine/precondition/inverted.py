"""A cube with its sign changed: absorption becomes what the finder looks for."""

from __future__ import annotations

from dataclasses import dataclass

from tessellar.engine.precondition.view import View
from tessellar.model import FloatArray, Source
from tessellar.tiling.box import Box


@dataclass(frozen=True, slots=True, eq=False)
class InvertedSource(View):
    """A cube of which every voxel is negated."""

    source: Source

    @property
    def identity(self) -> str:
        """That of the cube, and a word."""
        return f"{self.source.identity} inverted"

    def read(self, box: Box) -> FloatArray:
        """Return the voxels of a box with their sign changed, float32 array (frequency, l, m)."""
        return -self.source.read(box)
