"""The patch that a network is shown of a candidate: its voxels in units of the noise, turned, scaled and binned.

Every value is a sum over voxels of the candidate's own box in one order, so that it has the same bits wherever tiles
begin and whatever else is looked at.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from tessellar.compiled import compiled
from tessellar.kernels.look.frame import PATCH, Frame
from tessellar.kernels.network.normalise import in_units_of_noise
from tessellar.model import FloatArray
from tessellar.tiling.box import Box

CHANNELS = 2
"""What a patch shows: voxels over their noise, and the share of the candidate's mask."""


def patch_of(
    frame: Frame, box: Box, voxels: FloatArray, noise: FloatArray, mask: npt.NDArray[np.bool_]
) -> FloatArray:
    """Return the patch of a candidate, float32 array (2, 32, 24, 24): what is shown, frequency, along, across.

    Parameters
    ----------
    frame
        From where it is looked at.
    box
        What ``frame.box`` gave for the cube; what lies beyond it counts as zero.
    voxels
        float32 array (frequency, l, m) of the box; NaN = blank, counts as zero.
    noise
        Of each voxel, float32 array of the same shape and unit; 0 or NaN = unknown, counts as zero.
    mask
        Voxels of the candidate, bool array of the same shape.
    """
    patch = np.zeros((CHANNELS, *PATCH), np.float32)
    if box.empty:
        return patch
    shown = (in_units_of_noise(voxels, noise), np.ascontiguousarray(mask, dtype=np.float32))
    places = (
        box.start[0] - frame.first_channel,
        frame.centre[1] - box.start[1],
        frame.centre[2] - box.start[2],
    )
    for values, out, power in zip(shown, patch, (0.5, 1.0), strict=True):
        _fill(out, values, *places, frame.channels, frame.beams, frame.step, frame.turn, power)
    return patch


@compiled
def _fill(
    out: FloatArray,
    values: FloatArray,
    late: int,
    x0: float,
    y0: float,
    channels: int,
    beams: int,
    step: float,
    turn: float,
    power: float,
) -> None:
    """Fill a patch: sums of channels over their number to some power, means of bilinear values between pixels."""
    depth, width, height = out.shape
    sine, cosine = math.sin(turn), math.cos(turn)
    fine = step / beams
    for i in range(width):
        for j in range(height):
            for part in range(beams * beams):
                along = (i + 0.5 - 0.5 * width) * step + (part // beams + 0.5 - 0.5 * beams) * fine
                across = (j + 0.5 - 0.5 * height) * step + (part % beams + 0.5 - 0.5 * beams) * fine
                x = x0 - along * sine - across * cosine
                y = y0 + along * cosine - across * sine
                left, low = math.floor(x), math.floor(y)
                right, up = x - left, y - low
                for a in range(2):
                    for b in range(2):
                        column, line = int(left) + a, int(low) + b
                        if column < 0 or line < 0 or column >= values.shape[1] or line >= values.shape[2]:
                            continue
                        share = (right if a else 1.0 - right) * (up if b else 1.0 - up)
                        for z in range(values.shape[0]):
                            out[(z + late) // channels, i, j] += np.float32(share * values[z, column, line])
    scale = np.float32(1.0 / (beams * beams * float(channels) ** power))
    for k in range(depth):
        for i in range(width):
            for j in range(height):
                out[k, i, j] *= scale
