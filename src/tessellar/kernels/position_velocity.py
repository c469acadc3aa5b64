"""Position-velocity slices: the cube along the axis on which a source's velocity changes.

The axis is the straight line that lies nearest to the source's centre in every channel, each weighted by its flux
(orthogonal regression, as in SoFiA; Westmeier et al. 2021, MNRAS 506, 3962). It points to the end of the higher
channels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from tessellar.compiled import compiled, compiled_part
from tessellar.kernels.runs import RunTable
from tessellar.model import DoubleArray, FloatArray, IntArray
from tessellar.tiling.box import Box

_SIGNIFICANT = 3.0  # times its noise: the flux that a channel needs to say where the source is
_TINY = float(np.finfo(np.float64).tiny)


@dataclass(slots=True, eq=False)
class ChannelCentres:
    """Where a source is in every channel: flux and its first moments over the voxels of its sign.

    Attributes
    ----------
    box
        The box around the source; positions count from its corner.
    sign
        +1 or -1.
    sums
        float64 array (frequency, 4): flux, flux times l, flux times m, and variance of the noise.
    spread
        float64 array (frequency, 5): variance of the noise times l, m, l², m² and l m.
    """

    box: Box
    sign: float = 1.0
    sums: DoubleArray = field(init=False)
    spread: DoubleArray = field(init=False)

    def __post_init__(self) -> None:
        self.sums, self.spread = np.zeros((self.box.shape[0], 4)), np.zeros((self.box.shape[0], 5))

    def add(self, voxels: FloatArray, window: Box, runs: RunTable, sigma: FloatArray) -> None:
        """Add the voxels of some runs; parameters as for `tessellar.kernels.moments.MomentSums.add`."""
        origin, corner = np.array(window.start, np.int64), np.array(self.box.start, np.int64)
        _add_runs(voxels, origin, corner, runs, sigma, self.sign, self.sums, self.spread)

    def axis(self) -> KinematicAxis:
        """Return the axis; along m where fewer than two channels are bright enough to tell it."""
        x, y, pa, known = line_of_centres(self.sums)
        return KinematicAxis(x, y, pa, known=bool(known))


@dataclass(frozen=True, slots=True)
class KinematicAxis:
    """A line across a box of the sky.

    Attributes
    ----------
    x, y
        A point of it, pixels from the corner of the box along l and m.
    pa
        Degrees anticlockwise from the m axis in the pixel frame, towards the end of the higher channels.
    known
        Whether the source tells it.
    """

    x: float
    y: float
    pa: float
    known: bool = True

    @property
    def direction(self) -> tuple[float, float]:
        """Step of one pixel along l and m."""
        return -math.sin(math.radians(self.pa)), math.cos(math.radians(self.pa))

    def offsets(self, shape: tuple[int, int]) -> IntArray:
        """Return the pixels along the axis, from the point, that reach across a sky of this shape."""
        reach = math.ceil(math.hypot(*shape))
        steps = np.arange(-reach, reach + 1)
        x, y = self._positions(steps)
        inside = (x >= 0) & (x <= shape[0] - 1) & (y >= 0) & (y <= shape[1] - 1)
        return steps[inside] if inside.any() else steps[reach : reach + 1]

    def slice(self, voxels: FloatArray, offsets: IntArray) -> FloatArray:
        """Return voxels along the axis, float32 array (frequency, offset), bilinear between pixels.

        Parameters
        ----------
        voxels
            float32 array (frequency, l, m) of all pixels of the box of the sky.
        offsets
            From `offsets`.
        """
        x, y = (np.clip(p, 0, n - 1) for p, n in zip(self._positions(offsets), voxels.shape[1:], strict=True))
        i, j = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
        u, v = x - i, y - j
        right, up = np.minimum(i + 1, voxels.shape[1] - 1), np.minimum(j + 1, voxels.shape[2] - 1)
        corners = (
            (i, j, (1 - u) * (1 - v)),
            (i, up, (1 - u) * v),
            (right, j, u * (1 - v)),
            (right, up, u * v),
        )
        made = np.zeros((voxels.shape[0], offsets.size))
        for a, b, weight in corners:
            used = weight > 0  # a blank corner that has no weight blanks nothing
            made[:, used] += voxels[:, a[used], b[used]] * weight[used]
        return made.astype(np.float32)

    def _positions(self, offsets: IntArray) -> tuple[DoubleArray, DoubleArray]:
        steps = offsets.astype(np.float64)
        step_x, step_y = self.direction
        return self.x + steps * step_x, self.y + steps * step_y


@compiled_part
def stands_out(flux: float, variance: float) -> bool:
    """Return whether a channel is bright enough to say where the source is."""
    return bool(flux > 0.0 and flux > _SIGNIFICANT * math.sqrt(variance))


@compiled
def line_of_centres(sums: DoubleArray) -> tuple[float, float, float, bool]:
    """Return the attributes of the `KinematicAxis` of a source from the sums of its `ChannelCentres`."""
    whole, x, y = np.float64(0.0), np.float64(0.0), np.float64(0.0)
    bright, weight, middle = 0, np.float64(0.0), np.float64(0.0)
    for k in range(sums.shape[0]):
        flux = sums[k, 0]
        whole += flux
        x += sums[k, 1]
        y += sums[k, 2]
        if stands_out(flux, sums[k, 3]):
            bright += 1
            weight += flux
            middle += flux * k
    if whole < _TINY:
        whole = np.float64(_TINY)
    x, y = x / whole, y / whole
    if bright < 2:
        return x, y, 0.0, False
    middle /= weight
    xx, yy, xy, rise_x, rise_y = 0.0, 0.0, 0.0, 0.0, 0.0
    for k in range(sums.shape[0]):
        flux = sums[k, 0]
        if stands_out(flux, sums[k, 3]):
            dx, dy = sums[k, 1] / flux - x, sums[k, 2] / flux - y
            xx += flux * dx * dx
            yy += flux * dy * dy
            xy += flux * dx * dy
            rise_x += flux * dx * (k - middle)
            rise_y += flux * dy * (k - middle)
    angle = 0.5 * math.atan2(2.0 * xy, xx - yy)
    rises = rise_x * math.cos(angle) + rise_y * math.sin(angle) >= 0.0
    turn = math.degrees(angle) - 90.0 + (0.0 if rises else 180.0)
    return x, y, turn % 360.0, xx + yy > 0.0


@compiled
def _add_runs(
    voxels: FloatArray,
    origin: IntArray,
    corner: IntArray,
    runs: RunTable,
    sigma: FloatArray,
    sign: float,
    sums: DoubleArray,
    spread: DoubleArray,
) -> None:
    for r in range(runs.shape[0]):
        z, x = np.int64(runs[r, 0]), np.int64(runs[r, 1])
        a, b, k = z - origin[0], x - origin[1], z - corner[0]
        for y in range(runs[r, 2], runs[r, 3]):
            c = y - origin[2]
            w = sign * np.float64(voxels[a, b, c])
            if not w > 0.0:
                continue
            noise = np.float64(sigma[a, b, c])
            variance, dx, dy = noise * noise, np.float64(x - corner[1]), np.float64(y - corner[2])
            sums[k, 0] += w
            sums[k, 1] += w * dx
            sums[k, 2] += w * dy
            sums[k, 3] += variance
            spread[k, 0] += variance * dx
            spread[k, 1] += variance * dy
            spread[k, 2] += variance * dx * dx
            spread[k, 3] += variance * dy * dy
            spread[k, 4] += variance * dx * dy
