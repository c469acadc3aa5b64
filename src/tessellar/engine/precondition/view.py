"""What every view of a cube has in common: it looks like the cube, and only its voxels and its identity differ."""

from __future__ import annotations

from tessellar.model import CubeMeta, Source
from tessellar.tiling.box import Shape


class View:
    """A cube whose voxels are changed while they are read.

    A view has the cube as ``source``, and says itself what its ``identity`` is and how to ``read`` it.
    """

    __slots__ = ()
    source: Source

    @property
    def meta(self) -> CubeMeta:
        """What is known of the cube."""
        return self.source.meta

    @property
    def chunks(self) -> Shape | None:
        """The box of voxels that storage reads as one piece."""
        return self.source.chunks

    @property
    def stored_bytes(self) -> int:
        """Bytes that the cube takes where it is stored."""
        return self.source.stored_bytes
