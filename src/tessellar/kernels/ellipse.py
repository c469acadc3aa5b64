"""The ellipse that has the second moments of what lies on the sky."""

from __future__ import annotations

import math

from tessellar.compiled import compiled_part


@compiled_part
def ellipse(
    weight: float, wx: float, wy: float, wxx: float, wyy: float, wxy: float
) -> tuple[float, float, float]:
    """Return the ellipse of weighted points on the sky, NaN without weight.

    Parameters
    ----------
    weight, wx, wy, wxx, wyy, wxy
        Sums of the weights, and of the weights times x, y, x², y² and x y, where x and y are pixels along l and m.

    Returns
    -------
    tuple of float
        Twice the standard deviation along the major and the minor axis, pixels, and the angle of the major axis,
        degrees anticlockwise from the m axis in the pixel frame, between -90 and 90.
    """
    if not weight > 0.0:
        return math.nan, math.nan, math.nan
    x, y = wx / weight, wy / weight
    xx, yy, xy = wxx / weight - x * x, wyy / weight - y * y, wxy / weight - x * y
    mean, difference = 0.5 * (xx + yy), 0.5 * (xx - yy)
    spread = math.hypot(difference, xy)
    angle = 0.5 * math.degrees(math.atan2(2.0 * xy, xx - yy))  # of the major axis, from l towards m
    major, minor = 2.0 * math.sqrt(max(mean + spread, 0.0)), 2.0 * math.sqrt(max(mean - spread, 0.0))
    return major, minor, angle - 90.0 if angle > 0.0 else angle + 90.0
