"""Gaussian processes: the limits of their filter, the recovery of parameters, and the digits that are left."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from foreground_sky import principal, projected_out, sky, statistics_of
from numpy.testing import assert_allclose, assert_array_equal

from tessellar.errors import InputError, UsageError
from tessellar.kernels.foregrounds import gpr_search
from tessellar.kernels.foregrounds.complement import Complement
from tessellar.kernels.foregrounds.covariances import exponential, gaussian, matern32
from tessellar.kernels.foregrounds.gpr import GaussianProcess
from tessellar.kernels.foregrounds.legendre import polynomials
from tessellar.kernels.foregrounds.residual import left_over, residual_matrix
from tessellar.kernels.foregrounds.statistics import SpectralStatistics

HZ = 1e6 * (150.0 + 0.5 * np.arange(48))
APART = np.abs(HZ[:, None] - HZ[None, :]) / 1e6
NOISE = 6e-6
FOREGROUND = 400.0 * gaussian(APART, 25.0)[0]
REST = 2.5e-5 * exponential(APART, 1.2)[0] + NOISE * np.eye(48)
TRUTH = {
    "foreground_variance": 400.0,
    "foreground_scale": 25.0,
    "signal_variance": 2.5e-5,
    "signal_scale": 1.2,
}


def statistics(covariance: np.ndarray, noise: float | None = NOISE, unit: float = 1.0) -> SpectralStatistics:
    variance = None if noise is None else np.full(len(HZ), noise * unit**2)
    return SpectralStatistics(HZ, np.zeros(len(HZ)), covariance * unit**2, 100_000, variance)


def test_without_signal_and_noise_nothing_is_left() -> None:
    residual = residual_matrix(matern32(APART, 4.0)[0], 1e-14 * np.eye(48))
    assert np.abs(residual).max() < 1e-8


def test_without_foregrounds_everything_is_left() -> None:
    assert_allclose(residual_matrix(np.zeros((48, 48)), REST), np.eye(48), atol=1e-12)


def test_without_foregrounds_but_a_polynomial_all_but_its_best_fit_is_left() -> None:
    given = polynomials(HZ, 2)
    residual = residual_matrix(np.zeros((48, 48)), np.eye(48), Complement.of(given))
    assert_allclose(residual, np.eye(48) - given @ np.linalg.pinv(given), atol=1e-13)


def test_a_polynomial_with_a_flat_prior_leaves_nothing_of_itself() -> None:
    given = polynomials(HZ, 2)
    residual = residual_matrix(FOREGROUND, REST, Complement.of(given))
    assert_allclose(residual @ given, 0.0, atol=1e-13)


def test_a_flat_prior_is_the_limit_of_a_wide_one() -> None:
    given = polynomials(HZ, 1)
    flat = residual_matrix(matern32(APART, 9.0)[0], np.eye(48), Complement.of(given))
    wide = residual_matrix(matern32(APART, 9.0)[0] + 1e7 * given @ given.T, np.eye(48))
    assert_allclose(wide, flat, atol=1e-7)


@pytest.mark.parametrize("degree", [None, 2])
def test_what_is_left_over_is_the_error_of_the_residual(degree: int | None) -> None:
    complement = None if degree is None else Complement.of(polynomials(HZ, degree))
    foreground = 1e3 * NOISE * gaussian(APART, 25.0)[0]
    residual = residual_matrix(foreground, REST, complement)
    lost = np.eye(48) - residual
    error = residual @ foreground @ residual.T + lost @ REST @ lost.T
    assert_allclose(left_over(residual, REST), error, atol=1e-12 * REST.max())


def test_what_is_left_over_has_no_negative_variance() -> None:
    left = left_over(residual_matrix(FOREGROUND, REST), REST)
    assert_array_equal(left, left.T)
    values = np.linalg.eigvalsh(left)
    assert values.min() > -1e-15 * values.max()


def test_no_digits_cancel() -> None:
    """The same in extended precision: K has a condition of 1e9, and what is left over is 1e-7 of the foregrounds."""
    foreground, rest = FOREGROUND.astype(np.longdouble), REST.astype(np.longdouble)
    exact = solved(foreground + rest, rest).T
    exact_left = rest - exact @ rest
    residual = residual_matrix(FOREGROUND, REST)
    smooth = np.linalg.eigh(FOREGROUND)[1][:, -3:]
    assert np.abs(residual - exact).max() < 1e-7
    assert np.abs((residual - exact) @ smooth).max() < 1e-13
    error = np.abs(left_over(residual, REST) - exact_left).max()
    assert error < 1e-8 * exact_left.max()
    textbook = FOREGROUND - FOREGROUND @ np.linalg.inv(FOREGROUND + REST) @ FOREGROUND
    assert np.abs(textbook - exact_left).max() > 100 * error


def solved(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return matrix⁻¹ right by Gauss' elimination, without pivots as for any covariance, in the given precision."""
    left, right = matrix.copy(), right.copy()
    for k in range(len(left)):
        factors = left[k + 1 :, k] / left[k, k]
        left[k + 1 :] -= np.outer(factors, left[k])
        right[k + 1 :] -= np.outer(factors, right[k])
    for k in reversed(range(len(left))):
        right[k] = (right[k] - left[k, k + 1 :] @ right[k + 1 :]) / left[k, k]
    return right


@pytest.mark.parametrize("degree", [-1, 1])
@pytest.mark.parametrize("noise", [NOISE, None])
@pytest.mark.parametrize("unit", [1.0, 1e3, 1e-6])
def test_the_parameters_of_a_covariance_are_found(degree: int, noise: float | None, unit: float) -> None:
    fit = GaussianProcess(degree=degree).fit(statistics(FOREGROUND + REST, noise, unit))
    expected = TRUTH if noise is not None else {**TRUTH, "noise_variance": NOISE}
    scaled = {name: v * unit**2 if "variance" in name else v for name, v in expected.items()}
    assert fit.parameters == pytest.approx(scaled, rel=2e-3)
    assert fit.warnings == ()


def test_the_unit_of_the_cube_does_not_change_the_filter() -> None:
    kelvin, other, microkelvin = (
        GaussianProcess().fit(statistics(FOREGROUND + REST, NOISE, unit)) for unit in (1.0, 2.0**-20, 1e6)
    )
    assert_array_equal(other.operator.residual, kelvin.operator.residual)
    assert_array_equal(other.posterior, 2.0**-40 * kelvin.posterior)
    assert_allclose(microkelvin.operator.residual, kelvin.operator.residual, atol=1e-6)


def test_mixing_is_told_from_foregrounds_and_signal() -> None:
    mixed = FOREGROUND + 1e-2 * matern32(APART, 8.0)[0] + REST
    fit = GaussianProcess(degree=-1, mixing=True).fit(statistics(mixed))
    assert fit.parameters == pytest.approx({**TRUTH, "mixing_variance": 1e-2, "mixing_scale": 8.0}, rel=2e-3)


def test_parameters_of_drawn_spectra_are_found_within_their_errors() -> None:
    random, n = np.random.default_rng(3), 4000
    wanted = np.linalg.cholesky(REST) @ random.normal(size=(48, n))
    spectra = wanted + np.linalg.cholesky(FOREGROUND + 1e-12 * np.eye(48)) @ random.normal(size=(48, n))
    fit = GaussianProcess(degree=-1).fit(statistics_of(spectra, HZ, np.full(48, NOISE)))
    assert fit.parameters == pytest.approx(TRUTH, rel=0.08)
    assert fit.parameters["signal_variance"] == pytest.approx(2.5e-5, rel=0.02)
    error = fit.operator.residual @ (spectra - spectra.mean(1, keepdims=True)) - wanted
    assert np.trace(fit.posterior) == pytest.approx((error**2).mean(1).sum(), rel=0.03)


def test_what_the_cube_does_not_show_is_said() -> None:
    fit = GaussianProcess(degree=2, mixing=True).fit(statistics(REST))
    assert fit.unseen == ("foreground", "mixing")
    assert fit.report()["unseen"] == ["foreground", "mixing"]


def test_a_range_that_does_not_suit_the_cube_is_said() -> None:
    fit = GaussianProcess(degree=-1, signal_scale=(0.1, 0.8)).fit(statistics(FOREGROUND + REST))
    assert any("signal scale" in w and "upper end" in w and "0.8 MHz" in w for w in fit.warnings)


def test_few_channels_first_lead_to_the_same_end(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = GaussianProcess().fit(statistics(FOREGROUND + REST))
    monkeypatch.setattr(gpr_search, "FEW_CHANNELS", 16)
    first = GaussianProcess().fit(statistics(FOREGROUND + REST))
    assert first.parameters == pytest.approx(whole.parameters, rel=1e-5)
    assert sorted(i for _, _, starts in first.optima for i in starts) == [0, 1, 2, 3, 4]


def test_channels_may_descend() -> None:
    up = statistics(FOREGROUND + REST)
    down = replace(up, frequencies=HZ[::-1].copy())
    fits = [GaussianProcess().fit(one) for one in (up, down)]
    assert fits[0].parameters == pytest.approx(fits[1].parameters, rel=1e-4)
    assert_allclose(fits[1].operator.residual, fits[0].operator.residual[::-1, ::-1], atol=1e-6)


def test_a_fit_is_repeatable_to_the_bit() -> None:
    one, two = (GaussianProcess().fit(sky(0).statistics) for _ in range(2))
    assert one.report() == two.report()
    assert_array_equal(one.operator.residual, two.operator.residual)
    assert_array_equal(one.posterior, two.posterior)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("recipe", [GaussianProcess(), GaussianProcess(degree=-1)])
def test_it_is_as_good_as_three_principal_components(seed: int, recipe: GaussianProcess) -> None:
    truth = sky(seed)
    found = recipe.operator(truth.statistics)
    spectra = truth.cube.reshape(len(HZ_SKY), -1) - found.operator.mean[:, None]
    residual = (found.operator.residual @ spectra).reshape(truth.cube.shape)
    three = truth.error(projected_out(truth.cube, principal(truth.cube, 3)[1]))
    assert truth.error(residual) < 1.02 * three
    assert found.modes == 3


HZ_SKY = sky(0, 4).frequencies


def test_it_says_what_it_found() -> None:
    found = GaussianProcess().operator(sky(0).statistics)
    assert {"signal_scale", "effective_modes", "negative_log_likelihood"} <= found.report.keys()
    assert found.report["effective_modes"] == pytest.approx(48 / 16, abs=0.1)
    assert [one["starts"] for one in found.report["optima"]] == [[0, 1, 2, 3, 4]]


def test_every_problem_of_the_settings_is_named() -> None:
    with pytest.raises(UsageError) as caught:
        GaussianProcess(degree=9, foreground_scale=(5.0, 1.0), mixing_scale=(0.0, 1.0), signal_scale=(1.0,))
    for word in ("degree 9", "foreground scale", "mixing scale", "signal scale"):
        assert word in str(caught.value)


def test_every_problem_of_the_statistics_is_named() -> None:
    n = 4
    bad = SpectralStatistics(HZ[:n], np.zeros(n), np.full((n, n), np.nan), 1, np.full(n, -1.0))
    with pytest.raises(InputError) as caught:
        GaussianProcess().fit(bad)
    for word in ("4 channels", "1 pixels", "blanks", "noise"):
        assert word in str(caught.value)


def test_a_cube_without_noise_is_refused() -> None:
    given = polynomials(HZ, 2)
    with pytest.raises(InputError, match="smooth to the last digit"):
        GaussianProcess().fit(statistics(given @ given.T))


def test_ranges_that_no_covariance_fits_into_are_refused() -> None:
    recipe = GaussianProcess(degree=-1, foreground_scale=(1e9, 2e9), signal_scale=(1e12, 2e12))
    with pytest.raises(InputError, match="beyond the digits"):
        recipe.fit(statistics(FOREGROUND + REST, 0.0))
