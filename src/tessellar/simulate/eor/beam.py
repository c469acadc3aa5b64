"""The beam of a telescope: a Gaussian, and a faint ring of side lobes if asked, by direct sums in a fixed order."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tessellar.compiled import compiled
from tessellar.model import DoubleArray
from tessellar.simulate.eor.lattices import add_shifted
from tessellar.simulate.smoothing import FWHM_PER_SIGMA

REACH_SIGMA = 4.0
RING = (3.0, 2.0)  # widths of the two Gaussians whose difference is the ring, in widths of the main lobe


@dataclass(frozen=True, slots=True)
class BeamTaps:
    """The beam of a channel as a sum of separable parts, which together sum to one: a uniform sky stays as it is.

    Attributes
    ----------
    radius
        How many pixels it reaches to either side.
    rows
        float64 array (part, 2 radius + 1): one axis of each part, of unit sum.
    weights
        float64 array (part): what each part is multiplied by.
    """

    radius: int
    rows: DoubleArray
    weights: DoubleArray


def beam_taps(fwhm: float, sidelobe: float) -> BeamTaps:
    """Return the beam of a channel.

    The ring is the difference of two Gaussians of equal peak, three and two times as wide as the main lobe: nothing
    at the centre, brightest 1.45 FWHM away from it.

    Parameters
    ----------
    fwhm
        Full width at half maximum of the main lobe, pixels.
    sidelobe
        The highest point of the ring over the peak of the main lobe; 0 for none.
    """
    sigma = fwhm / FWHM_PER_SIGMA
    widths = (1.0, *RING) if sidelobe else (1.0,)
    radius = reach(fwhm, sidelobe)
    rows = np.array([_row(sigma * width, radius) for width in widths])
    if not sidelobe:
        return BeamTaps(radius, rows, np.ones(1))
    outer, inner = RING
    level = sidelobe / _highest(outer, inner)
    weights = np.array(
        [1.0, level * outer**2, -level * inner**2]
    )  # a Gaussian of peak one has the sum width²
    return BeamTaps(radius, rows, weights / weights.sum())


def reach(fwhm: float, sidelobe: float) -> int:
    """Return how many pixels the beam reaches to either side."""
    return math.ceil(REACH_SIGMA * fwhm / FWHM_PER_SIGMA * (RING[0] if sidelobe else 1.0))


def _row(sigma: float, radius: int) -> DoubleArray:
    """Return a Gaussian of unit sum out to four sigma, float64 array (2 radius + 1)."""
    ends = math.ceil(REACH_SIGMA * sigma)
    values = [
        math.exp(-0.5 * (n / sigma) ** 2) if abs(n) <= ends else 0.0 for n in range(-radius, radius + 1)
    ]
    return np.array(values) / math.fsum(values)


def _highest(outer: float, inner: float) -> float:
    """Return the maximum of ``exp(-r²/2 outer²) - exp(-r²/2 inner²)``."""
    ratio = (outer / inner) ** 2
    half_square = math.log(ratio) / (1.0 / inner**2 - 1.0 / outer**2)
    return math.exp(-half_square / outer**2) - math.exp(-half_square / inner**2)


@compiled
def smooth_plane(
    plane: DoubleArray, margin: int, rows: DoubleArray, weights: DoubleArray, out: DoubleArray
) -> None:
    """Add a channel seen through the beam to an array.

    Parameters
    ----------
    plane
        float64 array (l + 2 (radius + margin), m + 2 (radius + margin)).
    margin
        Pixels around that are not looked at.
    rows, weights
        As in `BeamTaps`.
    out
        float64 array (l, m), added to.
    """
    width = out.shape[1]
    scratch = np.empty((plane.shape[0] - 2 * margin, width))
    for part in range(rows.shape[0]):
        scratch[:] = 0.0
        for i in range(scratch.shape[0]):
            add_shifted(plane[margin + i, margin:], 1, rows[part], scratch[i])
        add_shifted(scratch.reshape(-1), width, weights[part] * rows[part], out.reshape(-1))
