"""Independent components: known sources are unmixed, and what is left of a cube is that of principal components."""

from __future__ import annotations

import numpy as np
import pytest
from foreground_sky import SIGNAL_RMS, principal, projected_out, sky
from numpy.testing import assert_allclose, assert_array_equal

from tessellar.errors import InputError, UsageError
from tessellar.kernels.foregrounds.ica import FastICA
from tessellar.kernels.foregrounds.mixing import ordered

MIXING = np.array([[3.0, 1.0, 0.2], [-1.0, 2.0, 0.5], [0.5, 0.4, 1.0]])


def sources(n: int = 20_000) -> np.ndarray:
    random = np.random.default_rng(5)
    three = random.uniform(-1, 1, n), random.laplace(size=n), random.exponential(size=n)
    return np.array([one / one.std() for one in three])


@pytest.mark.parametrize(("contrast", "error"), [("logcosh", 0.05), ("cubic", 0.1)])
def test_independent_sources_are_unmixed(contrast: str, error: float) -> None:
    found = FastICA(contrast=contrast).independent(MIXING @ sources() + 7.0)
    assert found.converged
    assert_allclose(found.mixing, MIXING, atol=error)


def test_a_mixture_at_half_a_right_angle_is_unmixed() -> None:
    turn = np.array([[1.0, -1.0], [1.0, 1.0]]) / 2**0.5
    found = FastICA(modes=2).independent(turn @ sources()[:2])
    assert found.converged
    assert np.abs(found.mixing.T @ turn).max(axis=1) == pytest.approx(1.0, abs=0.01)


def test_signs_and_order_of_the_maps_change_nothing_else() -> None:
    maps = MIXING @ sources()
    one = FastICA().independent(maps).mixing
    other = FastICA().independent(maps[::-1] * np.array([[1.0], [-1.0], [1.0]])).mixing
    back = other[::-1] * np.array([[1.0], [-1.0], [1.0]])
    assert_allclose(np.abs(back), np.abs(one), atol=1e-4)


def test_columns_are_the_longest_first_with_their_largest_element_positive() -> None:
    given = np.array([[1.0, -5.0, 0.0], [-2.0, 1.0, 3.0]])
    assert_array_equal(ordered(given, np.ones(3)), [[5.0, 0.0, -1.0], [-1.0, 3.0, 2.0]])
    assert_array_equal(ordered(given, np.array([9.0, 1.0, 1.0]))[:, 0], [-1.0, 2.0])


def test_blank_pixels_are_left_out() -> None:
    maps = MIXING @ sources(3000)
    blanked = np.insert(maps, [0, 100, 2999], np.nan, axis=1)
    blanked[1:, 0] = 1e9
    assert_array_equal(FastICA().independent(blanked).mixing, FastICA().independent(maps).mixing)


def test_it_is_repeatable_to_the_bit() -> None:
    one, two = (FastICA().independent(MIXING @ sources()) for _ in range(2))
    assert_array_equal(one.mixing, two.mixing)
    assert one.n_iterations == two.n_iterations


def test_what_is_left_is_that_of_principal_components() -> None:
    truth = sky(0)
    maps, basis = principal(truth.cube, 3)
    found = FastICA(3).operator(truth.statistics, maps.astype(np.float32), basis)
    left = projected_out(truth.cube, found.operator.basis)
    assert np.abs(left - projected_out(truth.cube, basis)).max() < 1e-6 * SIGNAL_RMS
    assert np.abs(found.operator.basis - basis).max() > 0.1
    assert found.modes == found.report["modes"] == 3
    assert found.report["converged"] is True


def test_gaussian_sources_do_not_settle_and_that_is_said() -> None:
    maps = np.random.default_rng(0).normal(size=(3, 20, 20)).astype(np.float32)
    found = FastICA(iterations=3).operator(sky(0, 4).statistics, maps, np.eye(64, 3))
    assert found.report["converged"] is False
    assert "did not settle within 3 iterations" in found.warnings[0]


def test_every_problem_of_the_settings_is_named() -> None:
    with pytest.raises(UsageError) as caught:
        FastICA(modes=0, contrast="loud", iterations=0, tolerance=2.0)
    for word in ("0 modes", "loud", "0 iterations", "tolerance 2.0"):
        assert word in str(caught.value)


def test_maps_that_cannot_be_unmixed() -> None:
    statistics = sky(0, 4).statistics
    with pytest.raises(UsageError, match="need the maps"):
        FastICA().operator(statistics, None, None)
    with pytest.raises(InputError, match="2 pixels"):
        FastICA().independent(np.ones((3, 2)))
    with pytest.raises(InputError, match="fewer modes"):
        FastICA(modes=2).independent(np.tile(np.arange(50.0), (2, 1)))


def test_modes_that_leave_nothing_are_refused() -> None:
    statistics = sky(0, 4, 4).statistics
    with pytest.raises(UsageError, match="Removing 4 modes leaves nothing of 4 channels"):
        FastICA(modes=4).operator(statistics, np.zeros((4, 8, 8), np.float32), np.eye(4))


def test_how_many_maps_it_needs() -> None:
    assert FastICA(modes=5).map_modes(901) == 5
    assert FastICA(modes=5).map_modes(3) == 3
