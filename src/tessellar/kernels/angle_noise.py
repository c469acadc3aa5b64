"""How far noise turns a source: the errors of its kinematic axis and of the major axis of its ellipse.

Both axes follow from moments of the voxels, and noise adds to a moment what the voxels' noise, times their distance
from the axis, sums up to. In each channel the voxels are taken for a Gaussian patch with the second moments that they
have, in noise whose correlation is a Gaussian too: then the sums over pairs of voxels have a closed form. Where a
patch ends sharply within a few beams, errors are up to a fifth too large for that.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from tessellar.kernels.correlation import Correlation
from tessellar.kernels.ellipse import Ellipse
from tessellar.kernels.position_velocity import ChannelCentres, KinematicAxis
from tessellar.model import DoubleArray

UNKNOWN = {"ell_pa": 180.0 / math.sqrt(12.0), "kin_pa": 360.0 / math.sqrt(12.0)}
"""The spread of angles of which nothing is known, degrees."""


def kinematic_error(
    centres: ChannelCentres, axis: KinematicAxis, variance: DoubleArray, correlation: Correlation
) -> float:
    """Return the error of a kinematic axis from the noise inside the mask, degrees; NaN where it is not known.

    Parameters
    ----------
    centres
        Where the source is in every channel.
    axis
        Its axis.
    variance
        Of the flux of each channel, float64 array (frequency).
    correlation
        Of the noise.
    """
    if not axis.known:
        return math.nan
    bright = centres.bright
    flux, x, y, _ = centres.sums[bright].T
    step_x, step_y = axis.direction
    place_x, place_y = x / flux, y / flux
    along = (place_x - axis.x) * step_x + (place_y - axis.y) * step_y
    across = _offsets(centres, (place_x, place_y), (-step_y, step_x), bright, correlation)
    lever = float((flux * along * along).sum())
    return _degrees(float((variance[bright] * along * along * across).sum()), lever)


def ellipse_error(
    centres: ChannelCentres, shape: Ellipse, variance: DoubleArray, correlation: Correlation
) -> float:
    """Return the error of the angle of an ellipse from the noise inside the mask, degrees; NaN where it has none.

    Parameters as for `kinematic_error`; ``shape`` is the ellipse.
    """
    flux = float(centres.sums[:, 0].sum())
    there = centres.sums[:, 3] > 0.0
    if not (flux > 0.0 and math.isfinite(shape.pa)):
        return math.nan
    centre = float(centres.sums[:, 1].sum()) / flux, float(centres.sums[:, 2].sum()) / flux
    sine, cosine = math.sin(math.radians(shape.pa)), math.cos(math.radians(shape.pa))
    along, across = (
        _offsets(centres, centre, axis, there, correlation) for axis in ((-sine, cosine), (cosine, sine))
    )
    lever = 0.25 * flux * (shape.major**2 - shape.minor**2)
    return _degrees(float((variance[there] * along * across).sum()), lever)


def _offsets(
    centres: ChannelCentres,
    origin: tuple[DoubleArray | float, DoubleArray | float],
    axis: tuple[float, float],
    chosen: npt.NDArray[np.bool_],
    correlation: Correlation,
) -> DoubleArray:
    """Return by what the variance of a channel's flux grows when voxels count with their offset along an axis.

    For a Gaussian patch of second moment q in noise whose correlation has the second moment c that is
    4 q² / (4 q + c), and the square of the patch's own offset.
    """
    weight = centres.sums[chosen, 3]
    x, y, xx, yy, xy = centres.spread[chosen].T / weight
    u, v = axis
    away = (x - origin[0]) * u + (y - origin[1]) * v
    own = u * u * (xx - x * x) + v * v * (yy - y * y) + 2.0 * u * v * (xy - x * y)
    own = np.maximum(own, 1.0 / 12.0)  # one row of voxels is as wide as a voxel
    noise = correlation.covariance
    together = u * u * noise[0] + 2.0 * u * v * noise[1] + v * v * noise[2]
    return np.asarray(away * away + 4.0 * own * own / (4.0 * own + together), dtype=np.float64)


def _degrees(variance: float, lever: float) -> float:
    """Return an angle from the variance of a moment and what a small turn adds to that moment."""
    if not lever > 0.0:
        return math.inf
    return math.degrees(math.sqrt(max(variance, 0.0)) / lever)
