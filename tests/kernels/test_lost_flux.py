"""The flux outside a mask, against Gaussians that are cut off."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, special

from tessellar.kernels.lost_flux import LEAST_INSIDE, share_inside


@pytest.mark.parametrize("radius", [1.5, 2.0, 2.5, 3.0, 4.0])
def test_it_is_that_of_a_gaussian_of_two_and_a_half_dimensions(radius: float) -> None:
    volume = radius**2.5 / 2.5
    inside = integrate.quad(lambda r: r**1.5 * math.exp(-0.5 * r * r), 0.0, radius)[0]
    whole = special.gamma(1.25) * 2.0**0.25
    assert share_inside(3.0 * inside / volume, 3.0) == pytest.approx(inside / whole, abs=1e-3)


def test_a_mask_that_holds_everything_needs_no_correction() -> None:
    assert share_inside(1e-3, 1.0) == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize(("mean", "peak"), [(1.0, 1.0), (2.0, 1.0), (1.0, 0.0), (1.0, -1.0), (math.nan, 1.0)])
def test_what_tells_nothing_is_corrected_by_the_most_that_is_allowed(mean: float, peak: float) -> None:
    assert share_inside(mean, peak) == LEAST_INSIDE


def test_the_higher_the_peak_the_less_is_lost() -> None:
    shares = [share_inside(1.0, peak) for peak in np.linspace(1.0, 30.0, 40)]
    assert shares == sorted(shares)
