"""A small low-frequency sky for the tests of separations: foregrounds, a 21-cm signal, and noise, in kelvin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tessellar.kernels.foregrounds.statistics import SpectralStatistics

CHANNEL_MHZ = 0.1
TRANSVERSE, RADIAL = 6.76, 1.14  # Mpc/h a pixel and a channel, for 4 degrees in 64 pixels at redshift 8
SIGNAL_RMS, NOISE_RMS = 5e-3, 2.5e-3


@dataclass(frozen=True, eq=False)
class Sky:
    """Float64 cubes (frequency, l, m), kelvin; frequencies in Hz."""

    frequencies: np.ndarray
    foreground: np.ndarray
    signal: np.ndarray
    noise: np.ndarray

    @property
    def cube(self) -> np.ndarray:
        return self.foreground + self.signal + self.noise

    @property
    def statistics(self) -> SpectralStatistics:
        variance = np.full(len(self.frequencies), NOISE_RMS**2)
        return statistics_of(self.cube, self.frequencies, variance)

    def error(self, residual: np.ndarray) -> float:
        """Return the rms of a residual against signal and noise, over that of the signal."""
        truth = self.signal + self.noise
        truth = truth - truth.mean((1, 2), keepdims=True)
        return float(np.sqrt(np.mean((residual - truth) ** 2)) / SIGNAL_RMS)


def statistics_of(
    cube: np.ndarray, frequencies: np.ndarray, noise_variance: np.ndarray | None
) -> SpectralStatistics:
    spectra = cube.reshape(len(cube), -1)
    mean = spectra.mean(1)
    centred = spectra - mean[:, None]
    covariance = centred @ centred.T / centred.shape[1]
    return SpectralStatistics(frequencies, mean, covariance, centred.shape[1], noise_variance)


def principal(cube: np.ndarray, modes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the amplitudes of the principal components, (mode, l, m), and their spectra (frequency, mode)."""
    spectra = cube.reshape(len(cube), -1)
    centred = spectra - spectra.mean(1, keepdims=True)
    basis = np.linalg.eigh(centred @ centred.T)[1][:, ::-1][:, :modes]
    return (basis.T @ centred).reshape(modes, *cube.shape[1:]), basis


def projected_out(cube: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Return what a least-squares fit of the basis leaves of every spectrum, less the mean."""
    spectra = cube.reshape(len(cube), -1)
    centred = spectra - spectra.mean(1, keepdims=True)
    return (centred - basis @ np.linalg.lstsq(basis, centred)[0]).reshape(cube.shape)


def sky(seed: int, n: int = 32, channels: int = 64) -> Sky:
    random = np.random.default_rng(seed)
    mhz = 151.0 + CHANNEL_MHZ * np.arange(channels)
    foreground = _foreground(random, n, np.log(mhz / mhz.mean()))
    noise = NOISE_RMS * random.standard_normal((channels, n, n))
    return Sky(mhz * 1e6, foreground, _signal(random, n, channels), noise)


def _foreground(random: np.random.Generator, n: int, log: np.ndarray) -> np.ndarray:
    """Return synchrotron of 330 K with varying index and curvature, free-free emission, and point sources."""
    log = log[:, None, None]
    level = 330.0 * (1.0 + _field(random, n, 2.4, 0.10))
    index, curvature = -2.55 + _field(random, n, 2.0, 0.10), -0.05 + _field(random, n, 2.0, 0.02)
    synchrotron = level * np.exp(index * log + curvature * log**2)
    free_free = 3.0 * np.exp(_field(random, n, 2.8, 0.5)) * np.exp(-2.1 * log)
    return synchrotron + free_free + _point_sources(random, n, log[:, 0, 0])


def _point_sources(random: np.random.Generator, n: int, log: np.ndarray) -> np.ndarray:
    """Return as many a pixel as 4000 in 64 x 64, 0.3 to 100 K with counts of slope -1.6, indices -2.7 ± 0.2."""
    n_sources = 4000 * n * n // 4096
    low, high = 0.3**-0.6, 100.0**-0.6
    brightness = (low + random.random(n_sources) * (high - low)) ** (-1.0 / 0.6)
    index = -2.7 + 0.2 * random.standard_normal(n_sources)
    sources = np.zeros((n * n, len(log)))
    np.add.at(
        sources, random.integers(0, n * n, n_sources), brightness[:, None] * np.exp(index[:, None] * log)
    )
    return sources.T.reshape(len(log), n, n)


def _field(random: np.random.Generator, n: int, slope: float, rms: float) -> np.ndarray:
    """Return a Gaussian field with power k^-slope: a quarter of a periodic one."""
    k = np.maximum(np.hypot(*np.meshgrid(*2 * [np.fft.fftfreq(2 * n) * 2 * n])), 1.0)
    field = np.fft.ifft2(np.fft.fft2(random.standard_normal((2 * n, 2 * n))) * k ** (-slope / 2)).real[:n, :n]
    field -= field.mean()
    return field / field.std() * rms


def _signal(random: np.random.Generator, n: int, channels: int) -> np.ndarray:
    """Return a Gaussian field with power k^-2.3 that ends near 1 h/Mpc."""
    shape = (2 * channels, 2 * n, 2 * n)
    sides = zip(shape, (RADIAL, TRANSVERSE, TRANSVERSE), strict=True)
    axes = [2.0 * np.pi * np.fft.fftfreq(size, step) for size, step in sides]
    k = np.sqrt(sum(axis**2 for axis in np.meshgrid(*axes, indexing="ij")))
    amplitude = np.sqrt(np.maximum(k, 1e-3) ** -2.3 * np.exp(-(k**2)))
    amplitude[0, 0, 0] = 0.0
    field = np.fft.ifftn(np.fft.fftn(random.standard_normal(shape)) * amplitude).real
    field = field[:channels, :n, :n]
    return field / field.std() * SIGNAL_RMS
