"""A quick look at the voxels of a cube: noise and blank fraction of a few windows spread through it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from tessellar.model import Source
from tessellar.tiling.box import Box, Shape

WINDOW = (8, 48, 48)
PLACES = 3  # windows along each axis
MAD_TO_RMS = 1.4826  # of a Gaussian


@dataclass(frozen=True, slots=True)
class Sample:
    """What the windows hold.

    Attributes
    ----------
    voxels
        Number of voxels looked at.
    blank
        Fraction of them that is blank.
    rms
        Noise in the cube's unit, from the negative voxels alone because emission is positive; None where
        there are none.
    """

    voxels: int
    blank: float
    rms: float | None


def sample(source: Source) -> Sample:
    """Read a few windows of a cube, at most half a million voxels, and return what they hold."""
    seen = blank = 0
    negative = []
    for box in windows(source.meta.shape):
        voxels = source.read(box)
        seen += voxels.size
        blank += int(np.isnan(voxels).sum())
        negative.append(-voxels[voxels < 0])
    below = np.concatenate(negative)
    return Sample(seen, blank / seen, MAD_TO_RMS * float(np.median(below)) if below.size else None)


def windows(shape: Shape) -> Iterator[Box]:
    """Return disjoint boxes at the beginning, middle and end of every axis, or the whole of a short one."""
    axes = [_intervals(length, window) for length, window in zip(shape, WINDOW, strict=True)]
    for z, x, y in product(*axes):
        yield Box((z[0], x[0], y[0]), (z[1], x[1], y[1]))


def _intervals(length: int, window: int) -> list[tuple[int, int]]:
    if length <= PLACES * window:
        return [(0, length)]
    starts = [(length - window) * place // (PLACES - 1) for place in range(PLACES)]
    return [(start, start + window) for start in starts]
