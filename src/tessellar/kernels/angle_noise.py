"""How far noise turns a source: the errors of its kinematic axis and of the major axis of its ellipse.

Both axes follow from moments of the voxels, and noise adds to a moment what the voxels' noise, times their distance
from the axis, sums up to. In each channel the voxels are taken for a Gaussian patch with the second moments that they
have, in noise whose correlation is a Gaussian too: then the sums over pairs of voxels have a closed form. Where a
patch ends sharply within a few beams, errors are up to a fifth too large for that.
"""

from __future__ import annotations

import math

from tessellar.compiled import compiled_part
from tessellar.kernels.position_velocity import stands_out
from tessellar.model import DoubleArray

UNKNOWN = {"ell_pa": 180.0 / math.sqrt(12.0), "kin_pa": 360.0 / math.sqrt(12.0)}
"""The spread of angles of which nothing is known, degrees."""

_ONE_ROW = 1.0 / 12.0  # one row of voxels is as wide as a voxel


@compiled_part
def kinematic_error(
    sums: DoubleArray,
    spread: DoubleArray,
    axis: tuple[float, float, float, bool],
    variance: DoubleArray,
    correlation: DoubleArray,
) -> float:
    """Return the error of a kinematic axis from the noise inside the mask, degrees; NaN where it is not known.

    Parameters
    ----------
    sums, spread
        Of the `tessellar.kernels.position_velocity.ChannelCentres`.
    axis
        From `tessellar.kernels.position_velocity.line_of_centres`.
    variance
        Of the flux of each channel, float64 array (frequency).
    correlation
        Second moments of that of the noise: along l, across, along m, pixels squared.
    """
    x, y, pa, known = axis
    if not known:
        return math.nan
    step_x, step_y = -math.sin(math.radians(pa)), math.cos(math.radians(pa))
    lever, noise = 0.0, 0.0
    for k in range(sums.shape[0]):
        flux = sums[k, 0]
        if stands_out(flux, sums[k, 3]):
            place_x, place_y = sums[k, 1] / flux, sums[k, 2] / flux
            along = (place_x - x) * step_x + (place_y - y) * step_y
            across = _offset(sums[k, 3], spread[k], place_x, place_y, -step_y, step_x, correlation)
            lever += flux * along * along
            noise += variance[k] * along * along * across
    return _degrees(noise, lever)


@compiled_part
def ellipse_error(
    sums: DoubleArray,
    spread: DoubleArray,
    shape: tuple[float, float, float],
    variance: DoubleArray,
    correlation: DoubleArray,
) -> float:
    """Return the error of the angle of an ellipse from the noise inside the mask, degrees; NaN where it has none.

    Parameters as for `kinematic_error`; ``shape`` is from `tessellar.kernels.ellipse.ellipse`.
    """
    major, minor, pa = shape
    flux, x, y = 0.0, 0.0, 0.0
    for k in range(sums.shape[0]):
        flux += sums[k, 0]
        x += sums[k, 1]
        y += sums[k, 2]
    if not (flux > 0.0 and math.isfinite(pa)):
        return math.nan
    x, y = x / flux, y / flux
    sine, cosine = math.sin(math.radians(pa)), math.cos(math.radians(pa))
    noise = 0.0
    for k in range(sums.shape[0]):
        if sums[k, 3] > 0.0:
            along = _offset(sums[k, 3], spread[k], x, y, -sine, cosine, correlation)
            across = _offset(sums[k, 3], spread[k], x, y, cosine, sine, correlation)
            noise += variance[k] * along * across
    return _degrees(noise, 0.25 * flux * (major * major - minor * minor))


@compiled_part
def _offset(
    weight: float,
    spread: DoubleArray,
    origin_x: float,
    origin_y: float,
    u: float,
    v: float,
    correlation: DoubleArray,
) -> float:
    """Return by what the variance of a channel's flux grows when voxels count with their offset along an axis (u, v).

    For a Gaussian patch of second moment q in noise whose correlation has the second moment c that is
    4 q² / (4 q + c), and the square of the patch's own offset.
    """
    x, y = spread[0] / weight, spread[1] / weight
    xx, yy, xy = spread[2] / weight - x * x, spread[3] / weight - y * y, spread[4] / weight - x * y
    away = (x - origin_x) * u + (y - origin_y) * v
    own = max(float(u * u * xx + v * v * yy + 2.0 * u * v * xy), _ONE_ROW)
    together = u * u * correlation[0] + 2.0 * u * v * correlation[1] + v * v * correlation[2]
    return float(away * away + 4.0 * own * own / (4.0 * own + together))


@compiled_part
def _degrees(variance: float, lever: float) -> float:
    """Return an angle from the variance of a moment and what a small turn adds to that moment."""
    if not lever > 0.0:
        return math.inf
    return math.degrees(math.sqrt(max(variance, 0.0)) / lever)
