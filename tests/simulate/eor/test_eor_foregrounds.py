"""Foregrounds: smooth along frequency, a power law across the sky, points of known brightness and number."""

from __future__ import annotations

import numpy as np
import pytest

from tessellar.simulate.eor.diffuse import BRIGHTNESS_SLOPE, INDEX_SLOPE, map_components, unit_map
from tessellar.simulate.eor.points import PointLaw, kelvin_per_jansky, points_in
from tessellar.simulate.eor.sky import EorSky
from tessellar.simulate.voxels import exponential
from tessellar.tiling.box import Box

MOCK = EorSky()


def test_three_modes_leave_less_than_the_signal() -> None:
    cube = MOCK.only("foregrounds").read(Box.of_shape(MOCK.shape)).reshape(128, -1).astype(float)
    cube -= cube.mean(axis=1, keepdims=True)
    powers = np.linalg.eigvalsh(cube @ cube.T)  # squares of the singular values, smallest first
    left = np.sqrt(np.cumsum(powers)[::-1][:4] / cube.size)
    assert left[0] > 10.0
    assert left[2] > 1e-3  # two modes leave as much as the signal: the spectra are no simple family
    assert left[3] < 5e-4  # a tenth of the signal


@pytest.mark.parametrize("part", ["synchrotron", "freefree", "points"])
def test_spectra_are_smooth(part: str) -> None:
    """A polynomial of the fifth degree in the logarithms follows every spectrum to single precision."""
    cube = MOCK.only(part).read(Box((0, 20, 20), (128, 36, 36))).reshape(128, -1).astype(float)
    bright = cube[:, cube.min(axis=0) > 0]
    assert bright.shape[1] > 100
    logs = np.log(np.array(MOCK.meta.spectral.values) / MOCK.reference_hz)
    fit = np.polynomial.Polynomial
    for spectrum in np.log(bright[:, ::10]).T:
        assert np.abs(fit.fit(logs, spectrum, 5)(logs) - spectrum).max() < 2e-7


def test_synchrotron_has_the_settings_of_its_maps() -> None:
    sky = EorSky((2, 32, 32), 3, "synchrotron", channel_hz=1e6, synchrotron_spread=0, index_spread=0)
    low, high = EorSky.read(sky, Box.of_shape(sky.shape)).astype(float)
    ratio = np.log(sky.frequency(1) / sky.frequency(0))
    assert np.allclose(np.log(high / low) / ratio, -2.55, atol=1e-3)
    assert np.allclose(np.sqrt(low * high), 330.0, rtol=1e-4)


def test_maps_have_unit_variance_and_mean_zero() -> None:
    """Sixty-four independent skies, of which one pixel is looked at."""
    box = Box((0, 5, 9), (1, 6, 10))
    values = [unit_map(seed, "index", INDEX_SLOPE, 225.0, box)[0, 0] for seed in range(64)]
    assert abs(np.mean(values)) < 4 / 8
    assert 0.5 < np.var(values) < 1.7
    variance = sum(part.variance() for part in map_components(1, "index", INDEX_SLOPE, 225.0))
    assert np.isclose(variance, 1.0, rtol=1e-5)


@pytest.mark.parametrize("pixel", [225.0, 40.0])
@pytest.mark.parametrize("slope", [2.0, 2.4, 2.8])
def test_maps_follow_a_power_law_in_angle(pixel: float, slope: float) -> None:
    parts = map_components(1, "brightness", slope, pixel)
    outer = 8.0 * 3600 / pixel  # pixels
    omega = np.geomspace(4 * 2 * np.pi / outer, 2.0, 30)
    for angle in (0.0, 0.4, np.pi / 4):
        x, y = omega * np.cos(angle), omega * np.sin(angle)
        power = sum(part.power(np.zeros(1), x, y) for part in parts) * omega**slope
        assert np.abs(power / np.median(power) - 1).max() < 0.08


def test_a_map_in_the_sky_has_the_power_of_its_components() -> None:
    n = 64
    window = np.hanning(n) / np.sqrt(np.mean(np.hanning(n) ** 2))
    power = np.zeros((n, n))
    for seed in range(12):
        field = unit_map(seed, "brightness", BRIGHTNESS_SLOPE, 225.0, Box((0, 0, 0), (1, n, n)))
        power += np.abs(np.fft.fft2(field * window[:, None] * window)) ** 2 / n**2 / 12
    omega = 2 * np.pi * np.fft.fftfreq(n)
    parts = map_components(0, "brightness", BRIGHTNESS_SLOPE, 225.0)
    told = sum(part.power(np.zeros(1), np.abs(omega)[:, None], np.abs(omega)) for part in parts)
    far = np.hypot(omega[:, None], omega) > 0.8
    error = np.sqrt(2 * (35 / 18) ** 2 / far.sum() / 12)
    assert error < 0.02
    assert abs(np.mean((power / told)[far]) - 1) < 4 * error


def test_points_are_as_many_as_asked_and_follow_the_law() -> None:
    law = PointLaw(np.uint64(7), 0.9, 0.3, 100.0, 1.6, -2.7, 0.2)
    places, spectra = points_in(law, -20, 30, 200, 150)
    expected = 0.9 * 200 * 150
    assert abs(len(places) - expected) < 4 * np.sqrt(expected)
    assert places.min() == 0
    assert places.max(axis=0).tolist() == [199, 149]
    assert spectra[:, 0].min() >= 0.3
    assert spectra[:, 0].max() <= 100.0
    above = np.mean(spectra[:, 0] > 3.0)
    share = (3.0**-0.6 - 100.0**-0.6) / (0.3**-0.6 - 100.0**-0.6)
    assert abs(above - share) < 4 * np.sqrt(share / expected)
    assert abs(spectra[:, 1].mean() + 2.7) < 4 * 0.2 / np.sqrt(expected)
    assert abs(spectra[:, 1].std() / 0.2 - 1) < 4 / np.sqrt(2 * expected)


def test_points_of_a_part_are_those_of_the_whole() -> None:
    law = PointLaw(np.uint64(7), 3.0, 0.3, 100.0, 1.6, -2.7, 0.2)
    places, spectra = points_in(law, 0, 0, 40, 40)
    part_places, part_spectra = points_in(law, 11, 13, 9, 7)
    inside = np.all((places >= (11, 13)) & (places < (20, 20)), axis=1)
    assert np.array_equal(places[inside] - (11, 13), part_places)
    assert np.array_equal(spectra[inside], part_spectra)


def test_a_jansky_is_the_brightness_temperature_that_textbooks_say() -> None:
    """T = 1.222e6 K × Jy / (GHz² arcsec²) for a Gaussian beam; a pixel of the same solid angle has as much."""
    fwhm = 225.0 / np.sqrt(np.pi / (4 * np.log(2)))
    assert np.isclose(kelvin_per_jansky(225.0, 150e6), 1.222e6 / 0.15**2 / fwhm**2, rtol=1e-3)


def test_a_point_shows_its_flux_and_spectrum_in_one_pixel() -> None:
    sky = EorSky((5, 64, 64), 2, "points", points_per_deg2=4.0, points_jy=(0.05, 0.05), channel_hz=1e6)
    cube = sky.read(Box.of_shape(sky.shape))
    peak = 0.05 * kelvin_per_jansky(sky.pixel_arcsec, sky.reference_hz)
    lit = cube[2] > 0
    assert 20 < lit.sum() < 120
    counts = cube[2][lit] / peak
    assert np.allclose(counts, np.rint(counts), rtol=1e-5)
    alone = lit & (cube[2] < 1.5 * peak)
    index = np.log(cube[4][alone] / cube[0][alone]) / np.log(sky.frequency(4) / sky.frequency(0))
    assert abs(index.mean() + 2.7) < 4 * 0.2 / np.sqrt(alone.sum())
    assert 0.1 < index.std() < 0.3


def test_foregrounds_can_be_left_out() -> None:
    sky = EorSky((3, 16, 16), part="foregrounds", synchrotron_k=0, freefree_k=0, points_per_deg2=0)
    assert not sky.read(Box.of_shape(sky.shape)).any()


@pytest.mark.parametrize("x", [0.0, 1.0, -1.0, 0.34657, -0.34658, 5.5, -700.0, 699.0, 1e-12])
def test_exponential(x: float) -> None:
    assert exponential(x) == pytest.approx(np.exp(x), rel=1e-15)
