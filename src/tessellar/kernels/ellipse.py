"""The ellipse that has the second moments of what lies on the sky."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ellipse:
    """An ellipse in the pixel frame.

    Attributes
    ----------
    major, minor
        Twice the standard deviation along the axes, pixels.
    pa
        Angle of the major axis, degrees anticlockwise from the m axis, between -90 and 90.
    """

    major: float
    minor: float
    pa: float


UNKNOWN = Ellipse(math.nan, math.nan, math.nan)


def ellipse(sums: tuple[float, float, float, float, float, float]) -> Ellipse:
    """Return the ellipse of weighted points on the sky, NaN without weight.

    Parameters
    ----------
    sums
        Of the weights, and of the weights times x, y, x², y² and x y, where x and y are pixels along l and m.
    """
    weight, wx, wy, wxx, wyy, wxy = sums
    if not weight > 0:
        return UNKNOWN
    x, y = wx / weight, wy / weight
    xx, yy, xy = wxx / weight - x * x, wyy / weight - y * y, wxy / weight - x * y
    mean, difference = 0.5 * (xx + yy), 0.5 * (xx - yy)
    spread = math.hypot(difference, xy)
    angle = 0.5 * math.degrees(math.atan2(2.0 * xy, xx - yy))  # of the major axis, from l towards m
    return Ellipse(
        2.0 * math.sqrt(max(mean + spread, 0.0)),
        2.0 * math.sqrt(max(mean - spread, 0.0)),
        angle - 90.0 if angle > 0 else angle + 90.0,
    )
