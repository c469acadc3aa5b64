"""How much more a measurement scatters than the noise inside its mask makes it, because noise decides where masks end.

Where noise is positive the mask of a source reaches farther out, and takes signal with it: what is measured moves the
way that the noise inside pushes it already, and farther. How far depends on how slowly the source fades at the rim,
which the share of its flux inside the mask tells, and on how well a channel stands out, for it is in a channel that
the mask, the end of a line and the centre that an axis goes through are found: where noise is as large as the line
there, errors grow faster than noise does. The numbers here were fitted to the deviations from the truth of made-up
galaxies, each alone in fresh noise, with three beams, three widths of channels and four thresholds, by
``python -m benchmarks.validation.mask_edges``; they serve for nothing else. ``docs/measuring.md`` tells what the
errors achieve in other skies.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tessellar.compiled import compiled

LEAST_SHARE = 0.5  # below which a source tells too little for more
FAINTEST_CHANNEL = 0.5  # likewise, in units of a channel's noise


@dataclass(frozen=True, slots=True)
class EdgeLaw:
    """What the error from the noise inside is multiplied by: ``at_all sqrt(1 + (faint / s)^4) / share^power``.

    Attributes
    ----------
    at_all
        The factor for a bright source of which all is inside the mask.
    faint
        The signal-to-noise ratio s of a channel at which faintness matters as much as all the rest.
    power
        How the factor grows as less of the flux is inside the mask.
    """

    at_all: float
    faint: float
    power: float

    def factor(self, share: float, channel_snr: float) -> float:
        """Return the factor; parameters as for `edge_factor`."""
        return float(law_factor(self.at_all, self.faint, self.power, share, channel_snr))


@compiled
def law_factor(at_all: float, faint: float, power: float, share: float, channel_snr: float) -> float:
    """Return the factor of a law; parameters as for `EdgeLaw` and `edge_factor`."""
    enough = channel_snr > FAINTEST_CHANNEL  # not so where there is no noise to tell
    ratio = faint / (channel_snr if enough else FAINTEST_CHANNEL)
    return at_all * math.sqrt(1.0 + ratio**4) * math.pow(max(share, LEAST_SHARE), -power)


EDGE_LAWS = {
    "x": EdgeLaw(1.7, 1.7, 1.4),
    "y": EdgeLaw(1.7, 1.7, 1.4),
    "z": EdgeLaw(1.3, 2.2, 2.1),
    "w20": EdgeLaw(1.15, 3.2, 1.2),
    "w50": EdgeLaw(0.9, 2.7, 3.1),
    "wm50": EdgeLaw(1.2, 2.7, 2.1),
    "ell_pa": EdgeLaw(1.4, 2.0, 0.0),
    "kin_pa": EdgeLaw(1.4, 2.2, 0.2),
}
"""By the column whose error it is."""


def edge_factor(name: str, share: float, channel_snr: float) -> float:
    """Return by what the error of a column from the noise inside its mask is to be multiplied.

    Parameters
    ----------
    name
        One of `EDGE_LAWS`.
    share
        The part of the flux that is inside the mask, 0 to 1.
    channel_snr
        Signal-to-noise ratio of the flux over the root of the number of channels.
    """
    return EDGE_LAWS[name].factor(share, channel_snr)
