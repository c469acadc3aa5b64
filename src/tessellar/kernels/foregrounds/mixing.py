"""Mixing matrices in one fixed form, so that components found twice are the same twice."""

from __future__ import annotations

import numpy as np

from tessellar.model import DoubleArray


def ordered(mixing: DoubleArray, strength: DoubleArray) -> DoubleArray:
    """Return the columns by decreasing length times strength, each with its largest element positive.

    Parameters
    ----------
    mixing
        float64 array (mode, source).
    strength
        Of the sources, float64 array (source).
    """
    weights = np.sqrt((mixing**2).sum(axis=0)) * strength
    columns = mixing[:, np.argsort(-weights, kind="stable")]
    largest = np.abs(columns).argmax(axis=0)
    return np.asarray(columns * np.where(columns[largest, np.arange(columns.shape[1])] < 0.0, -1.0, 1.0))
