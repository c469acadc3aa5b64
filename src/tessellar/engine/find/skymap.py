"""The sky as the finder saw it: everything inside the mask summed along frequency, coarse enough to look at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from tessellar.model import FloatArray, IntArray, Payload
from tessellar.tiling.box import Shape

MAP_SIDE = 1024  # pixels along the longer side, at most


@dataclass(frozen=True, slots=True)
class SkyMap:
    """The pixels of a coarse sky map.

    Attributes
    ----------
    shape
        Shape of the cube.
    """

    shape: Shape

    @property
    def step(self) -> int:
        """Cube pixels per map pixel."""
        return -(-max(self.shape[1:]) // MAP_SIDE)

    @property
    def map_shape(self) -> tuple[int, int]:
        """Shape of the dense map (l, m)."""
        return (-(-self.shape[1] // self.step), -(-self.shape[2] // self.step))

    def dense(self, partials: Iterable[tuple[int, Payload]], kept: IntArray) -> FloatArray:
        """Return the map of the sums over the masks of some sources, float32 array (l, m).

        Parameters
        ----------
        partials
            Units with ``sky_index``, ``sky_value`` and ``sky_row``, the source that a value is of.
        kept
            Rows of the sources that belong on the map, ascending.
        """
        image = np.zeros(self.map_shape, np.float64)
        for _, payload in partials:
            shown = np.isin(payload["sky_row"], kept)
            np.add.at(image.ravel(), payload["sky_index"][shown], payload["sky_value"][shown])
        return image.astype(np.float32)
