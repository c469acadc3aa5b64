"""The random number of a voxel: good deviates, a pure function of seed and place."""

from __future__ import annotations

import hashlib
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from tessellar.simulate.voxels import (
    MAX_AXIS,
    fill_white,
    logarithm,
    normal_quantile,
    normals,
    stream,
    uniforms,
)


@pytest.fixture(scope="module")
def deviates() -> np.ndarray:
    return normals(stream(7, 1), 0, 1, 1 << 20)


@given(st.floats(2.0**-53, 1 - 2.0**-53))
def test_quantile_is_that_of_scipy(p: float) -> None:
    assert normal_quantile(p) == pytest.approx(special.ndtri(p), rel=1e-13, abs=1e-15)


@given(st.floats(1e-300, 1e300))
def test_logarithm_is_that_of_the_library(p: float) -> None:
    assert logarithm(p) == pytest.approx(math.log(p), rel=1e-14, abs=1e-15)


def test_quantile_reaches_beyond_eight_sigma() -> None:
    smallest = 2.0**-53
    assert normal_quantile(smallest) < -8.0
    assert normal_quantile(1 - smallest) == -normal_quantile(smallest)


def test_moments_of_a_million_deviates_are_normal(deviates: np.ndarray) -> None:
    n = deviates.size
    assert abs(deviates.mean()) < 4 / math.sqrt(n)
    assert abs(deviates.var() - 1) < 4 * math.sqrt(2 / n)
    assert abs(stats.skew(deviates)) < 4 * math.sqrt(6 / n)
    assert abs(stats.kurtosis(deviates)) < 4 * math.sqrt(24 / n)


@pytest.mark.parametrize("sigma", [1.0, 2.0, 3.0, 4.0])
def test_tails_hold_their_share(deviates: np.ndarray, sigma: float) -> None:
    expected = deviates.size * special.ndtr(-sigma)
    for found in (np.sum(deviates > sigma), np.sum(deviates < -sigma)):
        assert abs(found - expected) < 4 * math.sqrt(expected)


def test_distribution_passes_kolmogorov_smirnov(deviates: np.ndarray) -> None:
    assert stats.kstest(deviates[: 1 << 17], "norm").pvalue > 1e-3


def test_neighbours_on_every_axis_are_independent() -> None:
    white = np.empty((64, 64, 64), dtype=np.float32)
    for z in range(64):
        fill_white(white[z], stream(0, 1), z, 0, 0)
    for axis in range(3):
        ahead = np.moveaxis(white, axis, 0)
        correlation = np.mean(ahead[1:].astype(np.float64) * ahead[:-1])
        assert abs(correlation) < 4 / math.sqrt(white.size)


def test_seeds_and_purposes_share_no_numbers() -> None:
    drawn = [set(uniforms(stream(*key), 0, 1, 1000)) for key in ((0, 1), (1, 1), (0, 2), (-1, 1))]
    assert len(set.union(*drawn)) == 4000


@given(
    z=st.integers(0, 100),
    x=st.integers(-MAX_AXIS, MAX_AXIS - 20),
    y=st.integers(-MAX_AXIS, MAX_AXIS - 20),
    dx=st.integers(0, 10),
    dy=st.integers(0, 10),
)
def test_a_voxel_does_not_know_which_array_it_is_in(z: int, x: int, y: int, dx: int, dy: int) -> None:
    whole, part = np.empty((20, 20), np.float32), np.empty((20 - dx, 20 - dy), np.float32)
    fill_white(whole, stream(3, 1), z, x, y)
    fill_white(part, stream(3, 1), z, x + dx, y + dy)
    assert np.array_equal(part, whole[dx:, dy:])


def test_bits_never_change() -> None:
    """Arithmetic alone makes them, so this holds on every processor; a change needs a new drawing number."""
    white = np.empty((16, 16), dtype=np.float32)
    fill_white(white, stream(0, 1), 5, -3, 1000)
    assert (
        hashlib.sha256(white.astype("<f4").tobytes()).hexdigest()
        == "7890a2f887839d9534abeaabe23103bd5464a3118b28806e5909b5df341d9be9"
    )
