"""A cube with its sign changed: absorption becomes what the finder looks for."""

from __future__ import annotations

from dataclasses import dataclass

from tessellar.model import CubeMeta, FloatArray, Source
from tessellar.tiling.box import Box, Shape


@dataclass(frozen=True, slots=True, eq=False)
class InvertedSource:
    """A cube of which every voxel is negated."""

    source: Source

    @property
    def meta(self) -> CubeMeta:
        """That of the cube."""
        return self.source.meta

    @property
    def identity(self) -> str:
        """That of the cube, and a word."""
        return f"{self.source.identity} inverted"

    @property
    def chunks(self) -> Shape | None:
        """Those of the cube."""
        return self.source.chunks

    @property
    def stored_bytes(self) -> int:
        """Bytes that the cube takes where it is stored."""
        return self.source.stored_bytes

    def read(self, box: Box) -> FloatArray:
        """Return the voxels of a box with their sign changed, float32 array (frequency, l, m)."""
        return -self.source.read(box)
