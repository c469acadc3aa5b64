"""Probabilities from logits, also from absurd ones: beside very bright sources networks answer -1000 and below."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from tessellar.kernels.logit import probability_of


def test_probabilities_are_the_logistic_function_however_sure_the_network_is() -> None:
    logit = np.array([-1e30, -1e4, -710.0, -30.0, -1.0, 0.0, 1.0, 30.0, 710.0, 1e30])
    np.testing.assert_allclose(probability_of(logit), expit(logit), rtol=1e-14, atol=1e-300)
