"""Calibration: what the network calls a probability becomes one, and its errors get their true size.

Training weighs emission more than it is frequent, so the raw probabilities are too high. Two numbers mend them: the
logit's slope and offset that make held-out truths most likely (Platt 1999).
"""

from __future__ import annotations

import numpy as np

from tessellar.kernels.network.weights import Calibration
from tessellar.model import DoubleArray

BETA = 0.5  # of the F score (van Rijsbergen 1979): real cubes hold more that looks like emission than made-up skies do

_STEPS = 50
_TINY = 1e-9
_THRESHOLDS = np.linspace(0.05, 0.95, 91)


def calibrate(
    answer: DoubleArray, truth: DoubleArray, mask: DoubleArray, weight: DoubleArray | None = None
) -> Calibration:
    """Return the calibration that held-out skies ask for.

    Parameters
    ----------
    answer
        float64 array (head, voxel): mean, logit, logarithm of the variance.
    truth, mask
        float64 arrays (voxel): noiseless sky in units of the noise, and 1 where emission is.
    weight
        How much the squared error of a voxel counts, float64 array (voxel): less near bright galaxies, which would
        decide alone. None for all alike.

    Returns
    -------
    calibration
        Slope and offset of the logit; the threshold of the probability with the best F score that
        counts a false voxel like four that were missed; and what to add to the
        logarithm of the variance so that squared errors in sources are as large as it says.
    """
    mean, logit, log_variance = answer
    slope, offset = logistic(logit, mask)
    probability = 1.0 / (1.0 + np.exp(-(slope * logit + offset)))
    inside = mask > 0
    ratio = (mean - truth)[inside] ** 2 / np.exp(log_variance[inside])
    shares = None if weight is None else weight[inside]
    return Calibration(
        mask_slope=slope,
        mask_offset=offset,
        mask_threshold=_best_threshold(probability, mask),
        log_variance_offset=float(np.log(max(np.average(ratio, weights=shares), _TINY)))
        if inside.any()
        else 0.0,
    )


def calibration_error(probability: DoubleArray, mask: DoubleArray, bins: int = 20) -> float:
    """Return the mean distance of probability and frequency over equal bins of probability, weighted by voxels."""
    index = np.minimum((probability * bins).astype(np.int64), bins - 1)
    counts = np.bincount(index, minlength=bins)
    said, true = (np.bincount(index, weights=values, minlength=bins) for values in (probability, mask))
    return float(np.abs(said - true).sum() / max(counts.sum(), 1))


def logistic(logit: DoubleArray, mask: DoubleArray) -> tuple[float, float]:
    """Return slope and offset by Newton's method, starting from no change."""
    design = np.stack([logit, np.ones_like(logit)])
    beta = np.array([1.0, 0.0])
    for _ in range(_STEPS):
        p = 1.0 / (1.0 + np.exp(-(beta @ design)))
        gradient = design @ (mask - p)
        hessian = (design * (p * (1.0 - p))) @ design.T + _TINY * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        beta = beta + step * min(1.0, 2.0 / max(float(np.abs(step).max()), _TINY))
        if np.abs(step).max() < 1e-8:
            break
    return float(beta[0]), float(beta[1])


def _best_threshold(probability: DoubleArray, mask: DoubleArray) -> float:
    order = np.sort(probability)
    hits = np.sort(probability[mask > 0])
    claimed = order.size - np.searchsorted(order, _THRESHOLDS)
    right = hits.size - np.searchsorted(hits, _THRESHOLDS)
    score = (1.0 + BETA**2) * right / np.maximum(claimed + BETA**2 * hits.size, 1)
    return float(round(_THRESHOLDS[int(np.argmax(score))], 3))
