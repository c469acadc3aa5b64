"""The 21-cm signal: its power spectrum is the one that is told, and the one that was asked for."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.signal import windows

from tessellar.cosmology import depth_of
from tessellar.simulate.eor.signal import Signal, shape_of_power
from tessellar.simulate.eor.sky import EorSky
from tessellar.simulate.eor.taps import Taps, gaussian_taps
from tessellar.simulate.eor.truth import BIN_CENTRES, BIN_WIDTH, binned_power, eor_truth
from tessellar.tiling.box import Box

SHAPE = (64, 40, 48)
SEEDS = range(8)


def tapers_of(shape: tuple[int, int, int]) -> list[np.ndarray]:
    """Return Hann windows of unit mean square, which keep the power of large scales where it belongs."""
    tapers = [windows.hann(n, sym=False) for n in shape]
    return [taper / np.sqrt(np.mean(taper**2)) for taper in tapers]


def periodogram(sky: EorSky) -> np.ndarray:
    """Return |FFT|² (dx² dz)² / V of a cube of the signal, tapered along each axis."""
    z, x, y = tapers_of(sky.shape)
    taper = z[:, None, None] * x[:, None] * y
    signal = sky.signal
    voxel = signal.across**2 * signal.along
    cube = sky.read(Box.of_shape(sky.shape)).astype(float)
    power = np.abs(np.fft.fftn(cube * taper)) ** 2
    return power * voxel**2 / (voxel * cube.size)


def expected(signal: Signal, tapers: list[np.ndarray]) -> np.ndarray:
    """Return what the periodogram is on average, from the weight that each random number has in each voxel."""
    total = 0.0
    for part in signal.components:
        z, x, y = (
            axis_power(taps, taper) for taps, taper in zip((part.z, part.x, part.y), tapers, strict=True)
        )
        total = total + z[:, None, None] * x[:, None] * y
    return total * signal.across**2 * signal.along


def axis_power(taps: Taps, taper: np.ndarray) -> np.ndarray:
    """Return the mean periodogram along one axis: the sum over the lattice points that reach it."""
    first, last = taps.span(0, taper.size)
    weights = np.zeros((last - first, taper.size))
    for n in range(taper.size):
        start = n // taps.spacing + taps.first - first
        weights[start : start + taps.count, n] = taps.table[n % taps.spacing]
    return np.sum(np.abs(np.fft.fft(weights * taper)) ** 2, axis=0) / taper.size


def wave_numbers(signal: Signal) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    kz = 2 * np.pi * np.fft.fftfreq(SHAPE[0], signal.along)[:, None, None]
    kx = 2 * np.pi * np.fft.fftfreq(SHAPE[1], signal.across)[:, None]
    ky = 2 * np.pi * np.fft.fftfreq(SHAPE[2], signal.across)
    return kz, np.hypot(kx, ky), np.sqrt(kz**2 + kx**2 + ky**2)


@pytest.mark.parametrize("pixel", [225.0, 60.0])
def test_the_measured_power_is_the_expected_one_and_the_one_that_is_told(pixel: float) -> None:
    """In shells of k, within four times the error of the mean of that many exponential deviates.

    Each comes twice, as k and -k, and a Hann window makes neighbours alike: 35/18 of them count as one on each axis.
    The window also blurs what is told of a box without end, by a few per cent where many wave lengths fit in the box.
    """
    skies = [EorSky(SHAPE, seed, "signal", pixel_arcsec=pixel) for seed in SEEDS]
    measured = np.mean([periodogram(sky) for sky in skies], axis=0)
    signal = skies[0].signal
    k_par, k_perp, k = wave_numbers(signal)
    exact, told = expected(signal, tapers_of(SHAPE)), skies[0].signal_power(k_perp, np.abs(k_par))
    edges = np.quantile(
        k[k < 1.5], np.linspace(0, 1, 7)
    )  # beyond, the power sinks below the rounding of voxels
    waves_in_box = k * min(SHAPE[1] * signal.across, SHAPE[0] * signal.along) / (2 * np.pi)
    for low, high in pairwise(edges):
        shell = (k > low) & (k <= high)
        error = np.sqrt(2 * (35 / 18) ** 3 / shell.sum() / len(SEEDS))
        assert error < 0.05
        assert abs(np.mean((measured / exact)[shell]) - 1) < 4 * error
        if waves_in_box[shell].min() > 5:
            assert abs(np.nanmean((measured / told)[shell]) - 1) < 4 * error + 0.02


@pytest.mark.parametrize("sigma", [0.0, 0.7, 3.3, 25.0])
def test_the_power_of_taps_is_that_of_what_one_number_leaves(sigma: float) -> None:
    taps = gaussian_taps(sigma)
    impulse = np.zeros(1024)
    for n in range(512 - 100, 512 + 100):
        place = taps.spacing * (512 // taps.spacing)
        point = place // taps.spacing - n // taps.spacing - taps.first
        if 0 <= point < taps.count:
            impulse[n] = taps.table[n % taps.spacing, point]
    power = np.abs(np.fft.rfft(impulse)) ** 2 / taps.spacing
    assert np.allclose(power, taps.power(2 * np.pi * np.fft.rfftfreq(1024)), atol=1e-7)


@pytest.mark.parametrize("settings", [{}, {"pixel_arcsec": 16.0}, {"channel_hz": 4e5, "pixel_arcsec": 60.0}])
def test_the_power_follows_the_law_that_was_asked_for(settings: dict) -> None:
    signal = EorSky(**settings).signal
    k, angle = np.meshgrid(np.geomspace(0.03, 0.6, 25), np.radians([0, 20, 45, 70, 90]))
    across, along = k * np.cos(angle), k * np.sin(angle)
    carried = (across * signal.across < np.pi) & (along * signal.along < np.pi)
    ratio = signal.power(across, along)[carried] / shape_of_power(k)[carried]
    assert np.abs(ratio / np.median(ratio) - 1).max() < 0.025


def test_power_beyond_nyquist_is_unknown() -> None:
    signal = EorSky().signal
    assert np.isnan(signal.power(np.array([0.1]), np.array([1.01 * np.pi / signal.along])))
    assert np.isnan(signal.power(np.array([1.5 * np.pi / signal.across]), np.array([0.1])))
    assert np.isfinite(signal.power(np.array([1.2 * np.pi / signal.across]), np.array([0.1])))


def test_the_standard_deviation_is_the_one_asked_for() -> None:
    skies = [EorSky(SHAPE, seed, "signal", signal_mk=8.0) for seed in SEEDS]
    cubes = np.array([sky.read(Box.of_shape(SHAPE)) for sky in skies], dtype=float)
    spread = np.mean(cubes**2, axis=(1, 2, 3))
    error = spread.std(ddof=1) / np.sqrt(len(SEEDS))
    assert error < 0.05 * 8e-3**2
    assert abs(spread.mean() - 8e-3**2) < 4 * error
    assert np.isclose(sum(part.variance() for part in skies[0].signal.components), 8e-3**2, rtol=1e-5)


def test_pixels_and_channels_are_lengths_at_the_middle_of_the_band() -> None:
    sky = EorSky((101, 8, 8), first_frequency_hz=150e6)
    depth = depth_of(155e6)
    assert np.isclose(sky.signal.across, depth.transverse * np.radians(225 / 3600))
    assert np.isclose(sky.signal.along, depth.radial * 1e5)


@pytest.mark.parametrize("sigma", [0.0, 0.2, 0.7, 1.4, 1.6, 3.3, 25.0])
def test_taps_are_a_gaussian(sigma: float) -> None:
    taps = gaussian_taps(sigma)
    omega = np.linspace(0, np.pi, 50)
    transfer = np.sqrt(taps.power(omega) * taps.spacing)
    assert np.allclose(transfer, np.exp(-((omega * sigma) ** 2) / 2), atol=0.02)
    assert np.isclose(taps.variance(), np.mean(taps.power(2 * np.pi * np.arange(4096) / 4096)), rtol=1e-5)


def test_the_truth_is_the_mean_power_of_each_bin() -> None:
    sky = EorSky((128, 64, 64), 3, pixel_arcsec=60.0)
    found = binned_power(sky)
    generator = np.random.default_rng(1)
    for row, column in ((0, 0), (1, 4), (9, 9)):
        low, high = BIN_CENTRES[column] - BIN_WIDTH / 2, BIN_CENTRES[column] + BIN_WIDTH / 2
        across = np.sqrt(generator.uniform(low**2, high**2, 20_000))  # modes fill an annulus evenly
        along = BIN_CENTRES[row] + BIN_WIDTH * generator.uniform(-0.5, 0.5, across.size)
        assert np.isclose(found[row, column], sky.signal_power(across, along).mean(), rtol=0.01)


def test_the_truth_tells_where_its_parts_are() -> None:
    import tessellar

    sky = EorSky((16, 20, 20), 3, half=1, beam_arcsec=500.0)
    truth = eor_truth(sky)
    assert len(truth) == 100
    assert truth["power"].unit == "K2 Mpc3"
    assert truth["k_par"][:11].value.tolist() == [0.05] * 10 + [0.1]
    assert truth["k_perp"][:2].value.tolist() == [0.05, 0.1]
    assert truth.meta["settings"]["seed"] == 3
    for name, address in truth.meta["parts"].items():
        part = tessellar.open_cube(address)
        assert part == (sky.only("all", int(name[-1])) if name.startswith("half") else sky.only(name))
