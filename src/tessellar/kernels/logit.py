"""Probabilities from the logits that networks answer."""

from __future__ import annotations

import numpy as np

from tessellar.model import DoubleArray

_IMPOSSIBLE = 700.0  # the exponential of little more is no float64


def probability_of(logit: DoubleArray) -> DoubleArray:
    """Return 1 / (1 + exp(-logit)), float64 array like ``logit``; it is 0 where a network is that sure of it."""
    return np.asarray(1.0 / (1.0 + np.exp(np.minimum(-logit, _IMPOSSIBLE))))
