"""A made-up low-frequency sky in memory: bright smooth foregrounds, a 21-cm signal of known power, noise in two halves.

It shares no code with the skies of ``tessellar simulate eor``, so that neither can hide a mistake of the other. The
forms of spectra are near those of Santos, Cooray & Knox 2005, ApJ 625, 575.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import scipy.fft

from tessellar.cosmology import depth_of
from tessellar.model import Beam, CubeMeta, DoubleArray, FloatArray
from tessellar.simulate.eor.sky import EorSky
from tessellar.tiling.box import Box, Shape

SHAPE: Shape = (128, 64, 64)
FIRST_HZ, CHANNEL_HZ, DEGREES = 151e6, 1e5, 4.0
SIGNAL_K = 5e-3
POINTS = 4000
BEAM_PIXELS = 2.5  # full width at half maximum in the middle of the band


@dataclass(frozen=True)
class MadeCube:
    """An array as a cube that the verbs take in place of a path.

    Attributes
    ----------
    voxels
        float32 array (frequency, l, m), K.
    meta
        What is known of it.
    """

    voxels: FloatArray
    meta: CubeMeta

    @cached_property
    def identity(self) -> str:
        """The digest of its voxels."""
        return hashlib.sha256(self.voxels.tobytes()).hexdigest()

    @property
    def chunks(self) -> None:
        """Any box is as good as another."""
        return

    @property
    def stored_bytes(self) -> int:
        """Of the array."""
        return self.voxels.nbytes

    def read(self, box: Box) -> FloatArray:
        """Return the voxels of a box, float32 array (frequency, l, m)."""
        return np.ascontiguousarray(self.voxels[box.slices()])


@dataclass(frozen=True, slots=True, eq=False)
class LowSky:
    """The parts of a sky, float64 arrays (frequency, l, m), K.

    Attributes
    ----------
    foreground, signal
        As the telescope sees them.
    noises
        Of the two halves of the observation; the whole has their mean.
    beams
        Full width of the beam at half maximum, pixels, float64 array (frequency); None without a beam.
    blank
        Voxels that are lost, bool array (frequency, l, m); None for none.
    """

    foreground: DoubleArray
    signal: DoubleArray
    noises: tuple[DoubleArray, DoubleArray]
    beams: DoubleArray | None = None
    blank: np.ndarray[tuple[int, int, int], np.dtype[np.bool_]] | None = None

    @property
    def noise(self) -> DoubleArray:
        """Of the whole."""
        return 0.5 * (self.noises[0] + self.noises[1])

    @property
    def cube(self) -> MadeCube:
        """What was observed."""
        return self.seen(self.foreground + self.signal + self.noise)

    @property
    def halves(self) -> tuple[MadeCube, MadeCube]:
        """What was observed in either half."""
        first, second = (self.seen(self.foreground + self.signal + noise) for noise in self.noises)
        return first, second

    def part_seen(self, k_perp: DoubleArray) -> DoubleArray:
        """Return the part of the signal's power that the widest beam leaves, float64 array as ``k_perp``, h/cMpc."""
        if self.beams is None:
            return np.ones_like(k_perp)
        n_channels, n, _ = self.signal.shape
        middle = FIRST_HZ + 0.5 * CHANNEL_HZ * (n_channels - 1)
        sigma = self.beams.max() / np.sqrt(8.0 * np.log(2.0)) * np.deg2rad(DEGREES) / n
        return np.asarray(np.exp(-((k_perp * sigma * depth_of(middle).transverse) ** 2)))

    def seen(self, voxels: DoubleArray, *, masked: bool = True) -> MadeCube:
        """Return a cube on the grid of the sky, blank where voxels are lost."""
        pixel = DEGREES / voxels.shape[1]
        meta = EorSky(
            _shape(voxels), first_frequency_hz=FIRST_HZ, channel_hz=CHANNEL_HZ, pixel_arcsec=3600.0 * pixel
        ).meta
        if self.beams is not None:
            meta = replace(meta, header="", beams=tuple(Beam(w * pixel, w * pixel, 0.0) for w in self.beams))
        made = voxels.astype(np.float32)
        if masked and self.blank is not None:
            made[self.blank] = np.nan
        return MadeCube(made, meta)


def low_sky(seed: int, *, shape: Shape = SHAPE, noise_k: float = 2.5e-3) -> LowSky:
    """Return a sky: synchrotron, free-free emission, point sources, a Gaussian signal and white noise."""
    random = np.random.default_rng(seed)
    hertz = FIRST_HZ + CHANNEL_HZ * np.arange(shape[0])
    log = np.log(hertz / hertz.mean())[:, None, None]
    n = shape[1]
    level = 330.0 * (1.0 + _map(random, n, 2.4, 0.10))
    index, curvature = -2.55 + _map(random, n, 2.0, 0.10), -0.05 + _map(random, n, 2.0, 0.02)
    foreground = level * np.exp(index * log + curvature * log**2)
    foreground += 3.0 * np.exp(_map(random, n, 2.8, 0.5)) * np.exp(-2.1 * log)
    foreground += _points(random, n, log)
    signal = _signal(random, shape, float(hertz.mean()))
    first, second = (np.sqrt(2.0) * noise_k * random.standard_normal(shape) for _ in range(2))
    return LowSky(foreground, signal, (first, second))


def through_beam(sky: LowSky) -> LowSky:
    """Return the sky through a Gaussian beam whose width is proportional to the wavelength; the noise stays white."""
    hertz = FIRST_HZ + CHANNEL_HZ * np.arange(len(sky.signal))
    widths = BEAM_PIXELS * hertz.mean() / hertz
    foreground, signal = (_blurred(part, widths) for part in (sky.foreground, sky.signal))
    return replace(sky, foreground=foreground, signal=signal, beams=widths)


def with_lost_voxels(sky: LowSky, share: float, seed: int) -> LowSky:
    """Return the sky with a share of its voxels lost, scattered at random."""
    random = np.random.default_rng([seed, 1])
    return replace(sky, blank=random.random(sky.signal.shape) < share)


def _map(random: np.random.Generator, n: int, slope: float, rms: float) -> DoubleArray:
    """Return a Gaussian map of zero mean with power l^-slope: a quarter of a periodic one."""
    waves = 2 * n * np.fft.fftfreq(2 * n)
    length = np.maximum(np.hypot(waves[:, None], waves), 1.0)
    spectrum = np.fft.fft2(random.standard_normal((2 * n, 2 * n))) * length ** (-0.5 * slope)
    made = np.fft.ifft2(spectrum).real[:n, :n]
    made = made - made.mean()
    return np.asarray(made * (rms / made.std()))


def _points(random: np.random.Generator, n: int, log: DoubleArray) -> DoubleArray:
    """Return point sources: 0.3 to 100 K, numbers falling with the power -1.6, spectral indices -2.7 ± 0.2."""
    number = POINTS * n * n // 64**2
    low, high = 0.3**-0.6, 100.0**-0.6
    brightness = (low + random.random(number) * (high - low)) ** (-1.0 / 0.6)
    spectra = brightness * np.exp((-2.7 + 0.2 * random.standard_normal(number)) * log[:, 0])
    sky = np.zeros((n * n, len(log)))
    np.add.at(sky, random.integers(0, n * n, number), spectra.T)
    return np.asarray(sky.T.reshape(len(log), n, n))


def _signal(random: np.random.Generator, shape: Shape, hertz: float) -> DoubleArray:
    """Return a Gaussian field with P(k) proportional to k^-2.3 exp(-k^2), an eighth of a periodic one."""
    depth = depth_of(hertz)
    across = depth.transverse * np.deg2rad(DEGREES) / shape[1]
    steps = (depth.radial * CHANNEL_HZ, across, across)
    twice = tuple(2 * size for size in shape)
    z, x, y = (2.0 * np.pi * np.fft.fftfreq(size, step) for size, step in zip(twice, steps, strict=True))
    squares = z[:, None, None] ** 2 + x[:, None] ** 2 + y**2
    power = np.maximum(squares, 1e-6) ** -1.15 * np.exp(-squares)
    power[0, 0, 0] = 0.0
    field = scipy.fft.ifftn(scipy.fft.fftn(random.standard_normal(twice)) * np.sqrt(power)).real
    field = field[tuple(slice(size) for size in shape)]
    return np.asarray(field * (SIGNAL_K / field.std()))


def _blurred(voxels: DoubleArray, widths: DoubleArray) -> DoubleArray:
    """Return a cube whose channels are convolved with Gaussians of these full widths, pixels; the sky is periodic."""
    n, m = voxels.shape[1:]
    squares = np.fft.fftfreq(n)[:, None] ** 2 + np.fft.rfftfreq(m) ** 2
    sigmas = widths / np.sqrt(8.0 * np.log(2.0))
    beams = np.exp(-2.0 * np.pi**2 * sigmas[:, None, None] ** 2 * squares)
    return np.asarray(np.fft.irfft2(np.fft.rfft2(voxels) * beams, (n, m)))


def _shape(voxels: DoubleArray) -> Shape:
    z, x, y = voxels.shape
    return z, x, y
