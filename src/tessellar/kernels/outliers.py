"""Which of many noise values stand out: farther from their median than so many times their spread.

The spread is the median absolute deviation, scaled to a standard deviation, so the outliers themselves do not widen
it; or half of what lies between the 16th and the 84th of a hundred, where that is more: the noise of coarsely stored
voxels comes in steps, and most values may lie on one. It is never less than the error of a value where that is known.
Values come piece by piece and are counted in narrow logarithmic bins, so neither the number of values nor the order of
the pieces matters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tessellar.kernels.channel_noise import MAD_TO_SIGMA
from tessellar.model import FloatArray, IntArray

FEWEST_VALUES = 8  # below which nothing is known of their spread
MEDIAN_ERROR = 1.17  # over the root of the number of voxels: relative error of their noise, from a median
_SHIFT = 15  # float32 without its sign has 31 bits: 256 bins an octave
_BINS = 1 << (31 - _SHIFT)


@dataclass(frozen=True, slots=True)
class Usual:
    """What is usual among some values.

    Attributes
    ----------
    middle
        Their median.
    spread
        Their standard deviation, from the median absolute deviation or from the middle two thirds of them; never less
        than the error of a value.
    """

    middle: float
    spread: float

    def far(self, values: FloatArray, threshold: float) -> npt.NDArray[np.bool_]:
        """Return which values are farther from the middle than ``threshold`` times the spread; NaN never is."""
        distance = np.abs(values.astype(np.float64) - self.middle)
        return np.asarray(distance > threshold * self.spread)


def usual(pieces: Callable[[], Iterable[FloatArray]], error: float = 0.0) -> Usual | None:
    """Return what is usual among values, None where there are too few of them.

    Parameters
    ----------
    pieces
        Gives the values anew each time it is called, float32 arrays of any shape, 0 or more; NaN counts as none.
    error
        Standard error of a value, as part of it.
    """
    counts = _counts(pieces())
    if counts.sum() < FEWEST_VALUES:
        return None
    middle = _quantile(counts, 0.5)
    deviation = _quantile(_counts(np.abs(piece - np.float32(middle)) for piece in pieces()), 0.5)
    middle_part = 0.5 * (_quantile(counts, 0.84) - _quantile(counts, 0.16))
    return Usual(middle, max(float(MAD_TO_SIGMA) * deviation, middle_part, error * middle))


def _counts(pieces: Iterable[FloatArray]) -> IntArray:
    total = np.zeros(_BINS, np.int64)
    for piece in pieces:
        values = np.ascontiguousarray(piece[np.isfinite(piece)], dtype=np.float32)
        total += np.bincount(values.view(np.int32) >> _SHIFT, minlength=_BINS)
    return total


def _quantile(counts: IntArray, part: float) -> float:
    """Return the value that a part of the counted ones lie below, interpolated within its bin."""
    cumulative = counts.cumsum()
    below = part * float(cumulative[-1])
    key = int(np.searchsorted(cumulative, below))
    fraction = (below - float(cumulative[key] - counts[key])) / float(counts[key])
    low, high = np.array([key << _SHIFT, (key + 1) << _SHIFT], np.int32).view(np.float32).astype(float)
    return float(low + fraction * (high - low))
