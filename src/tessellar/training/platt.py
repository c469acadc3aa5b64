"""Calibration: what the network calls a probability becomes one, and its errors get their true size.

Training weighs emission more than it is frequent, so the raw probabilities are too high. Two numbers mend them: the
logit's slope and offset that make held-out truths most likely (Platt 1999). Two more mend the errors: where a network
sees nothing it says that hardly anything can be wrong, which is true of most such voxels and not of those that hold a
galaxy it missed.
"""

from __future__ import annotations

import numpy as np

from tessellar.kernels.logit import probability_of
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
        counts a false voxel like four that were missed; slope and offset of the logarithm of the variance, with which
        squared errors in sources are as large as it says.
    """
    mean, logit, log_variance = answer
    slope, offset = logistic(logit, mask)
    probability = probability_of(slope * logit + offset)
    inside = mask > 0
    shares = np.ones_like(mask) if weight is None else weight
    variance_slope, variance_offset = _scale(
        log_variance[inside], (mean - truth)[inside] ** 2, shares[inside]
    )
    return Calibration(
        mask_slope=slope,
        mask_offset=offset,
        mask_threshold=_best_threshold(probability, mask),
        log_variance_slope=variance_slope,
        log_variance_offset=variance_offset,
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
        p = probability_of(beta @ design)
        gradient = design @ (mask - p)
        hessian = (design * (p * (1.0 - p))) @ design.T + _TINY * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        beta = beta + step * min(1.0, 2.0 / max(float(np.abs(step).max()), _TINY))
        if np.abs(step).max() < 1e-8:
            break
    return float(beta[0]), float(beta[1])


def _scale(log_variance: DoubleArray, squared: DoubleArray, shares: DoubleArray) -> tuple[float, float]:
    """Return slope and offset of a log variance with which Gaussian errors of these squares are most likely.

    The best offset of a slope has a closed form, and with it the likelihood has one maximum; the slope is between 0 and
    2.
    """
    if not shares.sum() > 0:
        return 1.0, 0.0
    centre = float(np.average(log_variance, weights=shares))
    spread = log_variance - centre
    low, high = 0.0, 2.0
    for _ in range(_STEPS if np.ptp(log_variance) > 0 else 0):
        middle = 0.5 * (low + high)
        pull = shares * squared * np.exp(-middle * spread)
        low, high = (low, middle) if (pull * spread).sum() < 0 else (middle, high)
    slope = 0.5 * (low + high)
    ratio = float(np.average(squared * np.exp(-slope * spread), weights=shares))
    return slope, float(np.log(max(ratio, _TINY))) - slope * centre


def _best_threshold(probability: DoubleArray, mask: DoubleArray) -> float:
    order = np.sort(probability)
    hits = np.sort(probability[mask > 0])
    claimed = order.size - np.searchsorted(order, _THRESHOLDS)
    right = hits.size - np.searchsorted(hits, _THRESHOLDS)
    score = (1.0 + BETA**2) * right / np.maximum(claimed + BETA**2 * hits.size, 1)
    return float(round(_THRESHOLDS[int(np.argmax(score))], 3))
