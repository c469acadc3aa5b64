"""How noise is correlated, measured from signs, is how it was made."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory_cube import meta_of
from numpy.testing import assert_array_equal
from test_pulls import correlation_of_smoothed, smooth

from tessellar.kernels.correlation import (
    INDEPENDENT,
    LAGS,
    Correlation,
    beam_correlation,
    correlation_of,
    count_signs,
)
from tessellar.model import Beam
from tessellar.simulate.noise import correlated_noise
from tessellar.tiling.box import Box

META = meta_of((16, 64, 64))


def measured(cubes: np.ndarray) -> Correlation:
    return correlation_of(sum(count_signs(np.ascontiguousarray(cube), LAGS, 1) for cube in cubes), META)


def white(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(12, 16, 64, 64)).astype(np.float32)


@pytest.mark.parametrize("beam", [(4.0, 4.0, 0.0), (5.5, 3.0, 30.0), (9.0, 4.0, -60.0), (3.0, 2.0, 90.0)])
def test_the_correlation_of_white_noise_seen_through_a_beam(beam: tuple) -> None:
    found, right = measured(smooth(white(), beam)), correlation_of_smoothed(beam)
    assert found.covariance == pytest.approx(right.covariance, rel=0.05, abs=0.05 * max(right.covariance))
    assert found.widths == pytest.approx((beam[0] * math.sqrt(2), beam[1] * math.sqrt(2)), rel=0.03)
    assert found.area == pytest.approx(right.area, rel=0.03)
    assert found.spectral == ()


def test_the_noise_of_a_made_up_sky_is_correlated_as_its_beam() -> None:
    boxes = [Box((16 * k, 0, 0), (16 * k + 16, 64, 64)) for k in range(12)]
    found = measured(np.stack([correlated_noise(box, 3, 4.0, 1.0) for box in boxes]))
    assert found.widths == pytest.approx((4.0, 4.0), rel=0.03)


def test_white_noise_shares_nothing() -> None:
    found = measured(white())
    assert found.area == pytest.approx(1.0, abs=0.1)
    assert found.spectral == ()


def test_hanning_smoothing_ties_channels_together() -> None:
    cubes = white()
    cubes = 0.25 * cubes[:, :-2] + 0.5 * cubes[:, 1:-1] + 0.25 * cubes[:, 2:]
    assert measured(cubes).spectral == pytest.approx((2.0 / 3.0, 1.0 / 6.0), abs=0.01)


@pytest.mark.parametrize("seed", [0, 1])
def test_emission_offsets_and_filling_are_no_noise(seed: int) -> None:
    beam = (4.0, 4.0, 0.0)
    cubes = smooth(white(seed), beam)
    cubes += np.random.default_rng(seed).normal(scale=0.1, size=(12, 16, 1, 1))  # continuum that was left
    cubes[:, 4:12, 20:35, 20:35] += 8.0
    cubes[:, :, :8] = 0.0
    cubes[:, :, :, 60:] = np.nan
    assert measured(cubes).area == pytest.approx(correlation_of_smoothed(beam).area, rel=0.1)


def test_what_rises_again_beyond_the_core_is_none_of_it() -> None:
    """Bowls around bright emission tie far pixels together, but not those in between."""
    distance = np.hypot(LAGS[:, 1], LAGS[:, 2])
    rho = np.where(LAGS[:, 0] == 0, np.exp(-4.0 * math.log(2.0) * (distance / 4.0) ** 2), 0.0)
    rho[(LAGS[:, 0] == 0) & (distance >= 6) & (distance <= 17)] = 0.4
    counts = np.stack([np.full(len(LAGS), 10**7), np.rint(1e7 * (0.5 + np.arcsin(rho) / math.pi))], axis=1)
    assert correlation_of(counts.astype(np.int64), META).widths == pytest.approx((4.0, 4.0), rel=0.01)


def test_too_few_voxels_leave_the_word_to_the_beam() -> None:
    meta = meta_of((4, 8, 8), beams=(Beam(0.04, 0.02, 30.0),), pixel_size=(0.01, 0.01))
    assert correlation_of(count_signs(white()[0, :4, :8, :8], LAGS, 1), meta) == beam_correlation(meta)
    assert beam_correlation(meta).widths == pytest.approx((4.0, 2.0))
    assert beam_correlation(meta).area == pytest.approx(meta.beam_areas()[0])
    assert beam_correlation(meta_of((4, 8, 8), beams=())) == INDEPENDENT


@pytest.mark.parametrize(("pa", "along"), [(0.0, (0, 1)), (90.0, (1, 0)), (45.0, (-1, 1)), (-45.0, (1, 1))])
def test_a_beam_points_where_its_angle_says(pa: float, along: tuple[int, int]) -> None:
    meta = meta_of((4, 8, 8), beams=(Beam(0.06, 0.02, pa),), pixel_size=(0.01, 0.01))
    found, (x, y) = beam_correlation(meta), np.array(along) / np.hypot(*along)
    half = -2.0 * math.log(0.5)  # ρ is one half at half of the width
    assert 9.0 * (found.xx * x * x + 2 * found.xy * x * y + found.yy * y * y) == pytest.approx(half)
    assert found.xx * y * y - 2 * found.xy * x * y + found.yy * x * x == pytest.approx(half)


def test_pairs_are_counted_by_hand() -> None:
    row = np.array([[[-1.0, -2.0, 3.0, np.nan, -1.0, 0.0, -4.0, -5.0]]], np.float32)
    lags = np.array([(0, 0, 1), (0, 0, 2)], np.int64)
    # neighbours: (-1,-2), (-2,3), (-4,-5); two apart: (-1,3), (3,-1), (-1,-4)
    assert_array_equal(count_signs(row, lags, 1), [[5, 4], [4, 2]])


@given(st.integers(1, 15), st.integers(0, 9))
def test_counts_of_parts_add_up_to_those_of_all_that_lies_within_them(cut: int, seed: int) -> None:
    cube = white(seed)[0]
    spatial = LAGS[LAGS[:, 0] == 0]
    parts = sum(count_signs(np.ascontiguousarray(part), spatial, 1) for part in (cube[:cut], cube[cut:]))
    assert_array_equal(parts, count_signs(cube, spatial, 1))


@pytest.mark.parametrize("beams", [(), (Beam(12 / 3600, 8 / 3600, 40.0),) * 16])
def test_voxels_that_are_all_negative_say_nothing_and_the_beam_counts(beams: tuple) -> None:
    meta = meta_of((16, 64, 64), beams=beams, pixel_size=(2 / 3600, 2 / 3600))
    counts = count_signs(white()[0] - np.float32(100), LAGS, 1)
    assert correlation_of(counts, meta) == beam_correlation(meta)
