"""From where a candidate is looked at: in units of the beam, its line across the patch, its axis along one side."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tessellar.model import Payload
from tessellar.tiling.box import Box, Shape

PATCH = (32, 24, 24)
"""Shape of what the network is shown: frequency, along the axis of the candidate, across it."""
_PER_BEAM = 3.0  # steps of the patch in a beam
_ROOM = 1.25  # how much farther than the candidate the patch reaches on the sky, at least


@dataclass(frozen=True, slots=True)
class Frame:
    """Where the patch of a candidate lies in the cube: a function of the candidate's own row.

    Attributes
    ----------
    centre
        Voxel ``(z, x, y)`` of the cube that its middle shows.
    turn
        Angle from the m axis towards lower l of the patch's second axis, radians; the higher channels of a turning
        disc lie at its upper end.
    beam
        Full width of the beam at half maximum, pixels.
    channels
        Channels in a step along frequency.
    beams
        Thirds of a beam in a step on the sky.
    """

    centre: tuple[float, float, float]
    turn: float
    beam: float
    channels: int
    beams: int

    @classmethod
    def around(
        cls, centre: tuple[float, float, float], turn: float, beam: float, width: float, radius: float
    ) -> Frame:
        """Return the frame for what is ``width`` channels wide and reaches ``radius`` pixels on the sky."""
        half_line, half_sky = PATCH[0] / 2.0, PATCH[1] / 2.0 * beam / _PER_BEAM
        channels = max(1, math.ceil(width / half_line))
        beams = max(1, math.ceil(_ROOM * radius / half_sky))
        return cls(centre, turn, beam, channels, beams)

    @property
    def step(self) -> float:
        """Pixels in a step on the sky."""
        return self.beams * self.beam / _PER_BEAM

    @property
    def first_channel(self) -> int:
        """Channel of the cube where the patch begins; it may lie before the first."""
        return math.floor(self.centre[0] + 0.5) - self.channels * PATCH[0] // 2

    def box(self, shape: Shape) -> Box:
        """Return the voxels of a cube of some shape that the patch is made of."""
        reach = self.step * math.hypot(PATCH[1], PATCH[2]) / 2.0 + 1.0
        z, (_, x, y) = self.first_channel, self.centre
        wanted = Box(
            (z, math.floor(x - reach), math.floor(y - reach)),
            (z + self.channels * PATCH[0], math.ceil(x + reach) + 1, math.ceil(y + reach) + 1),
        )
        return wanted.clip(Box.of_shape(shape))


def frame_of_row(columns: Payload, row: int, beam: float) -> Frame:
    """Return the frame of a row of the catalogue.

    Parameters
    ----------
    columns
        Measured columns, arrays (row): ``x y z kin_pa ell_pa`` and the bounding box.
    row
        Which.
    beam
        Full width of the beam at half maximum, pixels.
    """

    def value(name: str) -> float:
        return float(columns[name][row])

    angles = [value(name) for name in ("kin_pa", "ell_pa")]
    turn = next((angle for angle in angles if math.isfinite(angle)), 0.0)
    extent = [value(f"{axis}_max") - value(f"{axis}_min") + 1.0 for axis in "zxy"]
    centre = (value("z"), value("x"), value("y"))
    return Frame.around(centre, math.radians(turn), beam, extent[0], 0.5 * max(extent[1:]))
