"""How much more a measurement scatters than the noise inside its mask makes it, because noise decides where masks end.

Where noise is positive the mask of a source reaches farther out, and takes signal with it: what is measured moves the
way that the noise inside pushes it already, and farther. How far depends on how slowly the source fades at the rim,
which the share of its flux inside the mask tells. The numbers here were fitted to the deviations from the truth of 640
made-up galaxies, each alone and six times in fresh noise, found with thresholds of 4 and 5; they serve for nothing
else. ``docs/measuring.md`` tells what the errors achieve in other skies.
"""

from __future__ import annotations

LEAST_SHARE = 0.5  # below which a source tells too little for more
_LAWS = {
    "x": (1.7, 2.0),
    "y": (1.7, 2.0),
    "z": (1.4, 2.6),
    "w20": (1.3, 4.0),
    "w50": (1.0, 4.7),
    "wm50": (1.3, 4.4),
}


def edge_factor(name: str, share: float) -> float:
    """Return by what the error of a column from the noise inside its mask is to be multiplied.

    Parameters
    ----------
    name
        ``x``, ``y``, ``z``, ``w20``, ``w50`` or ``wm50``.
    share
        The part of the flux that is inside the mask, 0 to 1.
    """
    at_all, power = _LAWS[name]
    return float(at_all * max(share, LEAST_SHARE) ** -power)
