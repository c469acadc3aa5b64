"""A cube that says of every voxel of another one whether it is flagged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tessellar.engine.precondition.view import View
from tessellar.engine.precondition.weighed import Companion
from tessellar.model import FloatArray, Source
from tessellar.tiling.box import Box


@dataclass(frozen=True, slots=True, eq=False)
class FlagCubeSource(View):
    """A cube that is blank where its flags are neither 0 nor blank.

    Attributes
    ----------
    source
        The cube.
    flags
        The same voxels as those of the cube, or one channel of them for all.
    """

    source: Source
    flags: Companion

    @property
    def identity(self) -> str:
        """That of the cube and of its flags."""
        return f"{self.source.identity} flagged by ({self.flags.source.identity})"

    def read(self, box: Box) -> FloatArray:
        """Return the voxels of a box, float32 array (frequency, l, m), NaN = blank or flagged."""
        voxels = self.source.read(box).copy()
        flags = self.flags.read(box)
        np.copyto(voxels, np.float32(np.nan), where=(flags != 0) & ~np.isnan(flags))
        return voxels
