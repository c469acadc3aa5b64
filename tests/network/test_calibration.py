"""Calibration: numbers that undo a known distortion of probabilities and errors."""

from __future__ import annotations

import numpy as np
import pytest

from tessellar.training.platt import BETA, calibrate, calibration_error


def test_errors_are_calibrated_where_little_was_said_to_be_wrong() -> None:
    rng = np.random.default_rng(1)
    true = rng.normal(-3.0, 1.0, 100_000)  # log variances
    mean = np.exp(0.5 * true) * rng.standard_normal(true.size)
    logit = rng.standard_normal(true.size)
    mask = np.ones_like(true)
    mask[::2] = 0.0
    mean[::2] = 100.0  # errors outside sources count for nothing
    found = calibrate(np.stack([mean, logit, (true - 0.4) / 0.5]), np.zeros_like(true), mask)
    assert found.log_variance_slope == pytest.approx(0.5, rel=0.02)  # four sigma
    assert found.log_variance_offset == pytest.approx(0.4, abs=0.06)


def test_calibration_finds_what_was_distorted() -> None:
    rng = np.random.default_rng(0)
    true_logit = rng.normal(-2, 2, 200_000)
    probability = 1 / (1 + np.exp(-true_logit))
    mask = (rng.random(true_logit.size) < probability).astype(float)
    truth = np.zeros_like(mask)
    mean = 0.5 * rng.standard_normal(mask.size)
    answer = np.stack([mean, (true_logit + 1) / 0.5, np.full_like(mask, np.log(0.01))])
    bright = np.arange(mask.size) % 4 == 0
    answer[0, bright] *= 100.0  # errors beside bright galaxies, which are to count for nothing
    found = calibrate(answer, truth, mask, np.where(bright, 0.0, 1.0))
    assert found.mask_slope == pytest.approx(0.5, rel=0.02)
    assert found.mask_offset == pytest.approx(-1.0, abs=0.03)
    assert found.log_variance_slope == 1.0  # nothing tells it, where all are said to be equally sure
    assert found.log_variance_offset == pytest.approx(np.log(0.25 / 0.01), rel=0.02)
    claimed = probability > found.mask_threshold
    score = (1 + BETA**2) * mask[claimed].sum() / (claimed.sum() + BETA**2 * mask.sum())
    assert found.mask_threshold == pytest.approx(score / (1 + BETA**2), abs=0.02)  # so it is where F is best
    assert calibration_error(probability, mask) < 0.005
    assert calibration_error(1 / (1 + np.exp(-answer[1])), mask) > 0.05
