"""Beam and channels of a cube, the units in which candidates of any survey look alike."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tessellar.model import GAUSSIAN_AREA, CubeMeta

_SPEED_OF_LIGHT = 299_792_458.0  # m/s
_NO_BEAM = 3.0  # pixels, of a cube whose beam nobody knows


@dataclass(frozen=True, slots=True)
class Scale:
    """Beam and channels of a cube.

    Attributes
    ----------
    beam
        Full width of the round beam of the same area at half maximum, pixels; 3 where there is none.
    width
        Of a channel, in the unit of the spectral axis.
    speed
        The same in m/s in the middle of the band; 0 where the axis is neither frequency nor velocity.
    """

    beam: float
    width: float
    speed: float

    @classmethod
    def of(cls, meta: CubeMeta) -> Scale:
        """Return the scale of a cube."""
        areas, axis = meta.beam_areas(), meta.spectral
        area = 0.0 if areas is None else float(areas.mean())
        width = float(np.median(np.abs(axis.widths())))
        width = width if math.isfinite(width) and width > 0 else 1.0
        middle = axis.values[len(axis.values) // 2] if axis.values else 0.0
        speed = {"Hz": _SPEED_OF_LIGHT * width / middle if middle > 0 else 0.0, "m/s": width}
        beam = math.sqrt(area / GAUSSIAN_AREA) if area > 1.0 else _NO_BEAM
        return cls(beam, width, speed.get(axis.unit, 0.0))
