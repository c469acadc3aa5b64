"""Shapes of covariances, the spectra beside polynomials, and the likelihood with its derivatives."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tessellar.kernels.foregrounds.complement import Complement
from tessellar.kernels.foregrounds.covariances import (
    Shape,
    exponential,
    gaussian,
    gaussian_increment,
    matern32,
)
from tessellar.kernels.foregrounds.legendre import polynomials
from tessellar.kernels.foregrounds.likelihood import IMPOSSIBLE, Likelihood

MHZ = 150.0 + 0.4 * np.arange(24)
APART = np.abs(MHZ[:, None] - MHZ[None, :])


def central(function, x: float, step: float = 1e-3):
    """Return the derivative from differences, to the fourth order."""
    values = [np.asarray(function(x + k * step)) for k in (-2, -1, 1, 2)]
    return (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * step)


@pytest.mark.parametrize("shape", [gaussian, gaussian_increment, matern32, exponential])
def test_the_derivative_of_a_shape_is_that_of_its_differences(shape: Shape) -> None:
    slope = central(lambda log_scale: shape(APART, np.exp(log_scale))[0], np.log(3.0))
    assert_allclose(shape(APART, 3.0)[1], slope, atol=1e-10)


@pytest.mark.parametrize(
    ("shape", "value"),
    [(gaussian, np.exp(-0.5)), (matern32, (1 + 3**0.5) * np.exp(-(3**0.5))), (exponential, np.exp(-1.0))],
)
def test_shapes_at_one_scale(shape: Shape, value: float) -> None:
    assert shape(np.array([[0.0, 5.0]]), 5.0)[0] == pytest.approx(np.array([[1.0, value]]))


def test_the_increment_is_the_gaussian_but_for_a_constant() -> None:
    assert_allclose(gaussian_increment(APART, 3.0)[0] + 1.0, gaussian(APART, 3.0)[0], rtol=1e-14)
    far = gaussian_increment(APART, 1e9)[0]
    assert_allclose(far, -0.5 * (APART / 1e9) ** 2, rtol=1e-12)


@pytest.mark.parametrize("degree", [0, 2, 5])
def test_the_complement_completes_the_polynomials(degree: int) -> None:
    given = polynomials(MHZ, degree)
    complement = Complement.of(given)
    spectra = complement.spectra
    assert spectra.shape == (24, 23 - degree)
    assert_allclose(spectra.T @ spectra, np.eye(23 - degree), atol=1e-14)
    assert_allclose(spectra.T @ given, 0.0, atol=1e-13)
    matrix = np.random.default_rng(0).normal(size=(24, 24))
    matrix = matrix + matrix.T
    compressed = spectra.T @ matrix @ spectra
    assert_allclose(complement.compress(matrix), compressed, atol=1e-13)
    assert_allclose(complement.expand(compressed), spectra @ compressed @ spectra.T, atol=1e-13)


def test_polynomials_are_legendre_in_log_frequency_either_way_round() -> None:
    assert_allclose(polynomials(MHZ, 3)[[0, -1]], [[1, -1, 1, -1], [1, 1, 1, 1]], atol=1e-13)
    assert_allclose(polynomials(MHZ[::-1], 3), polynomials(MHZ, 3)[::-1])
    middle = np.sqrt(MHZ[0] * MHZ[-1])
    three = polynomials(np.array([MHZ[0], middle, MHZ[-1]]), 2)
    assert_allclose(three[1], [1.0, 0.0, -0.5], atol=1e-12)


THETA = np.log([900.0, 20.0, 3.0, 6.0, 1.5, 1.1, 0.4])


def likelihood_of(degree: int | None, noise: np.ndarray | None) -> Likelihood:
    first = gaussian if degree is None else gaussian_increment
    complement = None if degree is None else Complement.of(polynomials(MHZ, degree))
    spectra = np.random.default_rng(1).normal(size=(24, 40))
    covariance = 30.0 * gaussian(APART, 15.0)[0] + spectra @ spectra.T / 40
    return Likelihood.of(covariance, MHZ, (first, matern32, exponential), noise, complement)


@pytest.mark.parametrize("degree", [None, 0, 2])
@pytest.mark.parametrize("noise", [None, np.linspace(0.3, 0.6, 24)])
def test_the_gradient_is_that_of_differences_for_every_parameter(
    degree: int | None, noise: np.ndarray | None
) -> None:
    likelihood = likelihood_of(degree, noise)
    theta = THETA if noise is None else THETA[:-1]
    gradient = likelihood(theta)[1]
    for i in range(len(theta)):
        step = np.eye(len(theta))[i]
        slope = central(lambda x, step=step: likelihood(theta + x * step)[0], 0.0, 3e-3)
        assert gradient[i] == pytest.approx(float(slope), rel=1e-5)


@pytest.mark.parametrize("degree", [None, 2])
def test_the_likelihood_is_that_of_its_formula(degree: int | None) -> None:
    likelihood = likelihood_of(degree, None)
    model = sum(v * shape for v, shape, _ in likelihood.components(THETA)) + 0.4 * np.eye(24)
    covariance = likelihood.root @ likelihood.root.T
    seen = model if likelihood.complement is None else likelihood.complement.compress(model)
    trace, determinant = np.trace(np.linalg.solve(seen, covariance)), np.linalg.slogdet(seen)[1]
    assert likelihood(THETA)[0] == pytest.approx(0.5 * (trace + determinant), rel=1e-9)


@pytest.mark.parametrize("degree", [None, 2])
def test_information_is_how_fast_the_gradient_grows_where_the_model_is_true(degree: int | None) -> None:
    first = gaussian if degree is None else gaussian_increment
    complement = None if degree is None else Complement.of(polynomials(MHZ, degree))
    shapes = (first, matern32, exponential)
    blank = Likelihood.of(np.eye(24), MHZ, shapes, None, complement)
    truth = 0.4 * np.eye(24) + sum(v * shape for v, shape, _ in blank.components(THETA))
    likelihood = Likelihood.of(truth, MHZ, shapes, None, complement)
    assert_allclose(likelihood(THETA)[1], 0.0, atol=1e-8)
    growth = [central(lambda x, i=i: likelihood(THETA + x * np.eye(7)[i])[1], 0.0) for i in range(7)]
    assert_allclose(likelihood.information(THETA), growth, atol=1e-6)


def test_a_model_that_is_no_covariance_has_no_likelihood() -> None:
    likelihood = likelihood_of(None, np.zeros(24))
    value, gradient = likelihood(np.log([1e9, 1e6, 1e-9, 1e6, 1e-9, 1e6]))
    assert value == IMPOSSIBLE
    assert_allclose(gradient, 0.0)
