"""Skies whose candidates networks of the second look learn from: of many beams, channels, depths and kinds of noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tessellar.model import CubeMeta, DoubleArray, FloatArray
from tessellar.simulate.sdc2.noise import expected_rms
from tessellar.simulate.sdc2.sky import Sdc2Sky
from tessellar.tiling.box import Box, Shape

BEAM_ARCSEC = 7.0


@dataclass(frozen=True, slots=True)
class LookSkies:
    """What skies hold; pairs are limits between which each sky draws its own value.

    Parameters
    ----------
    shape
        ``(frequency, l, m)``.
    beam_pixels
        Full width of the beam at half maximum, pixels.
    channel_hz, first_frequency_hz
        Channels.
    density
        How many times the galaxies that the population has.
    depth
        Noise over that of the challenge.
    tied, tie
        Share of skies whose noise is correlated along frequency, and by how much: see `tessellar.training.noise`.
    slope
        By how much the noise changes over the band, share of its mean.
    spoilt
        Share of skies with interference, and of those with what a continuum subtraction left.
    threshold
        Of the finder.
    """

    shape: Shape = (256, 256, 256)
    beam_pixels: tuple[float, float] = (2.5, 5.0)
    channel_hz: tuple[float, float] = (20e3, 50e3)
    first_frequency_hz: tuple[float, float] = (951e6, 1130e6)
    density: tuple[float, float] = (10.0, 40.0)
    depth: tuple[float, float] = (0.35, 1.0)
    tied: float = 0.4
    tie: tuple[float, float] = (0.05, 0.3)
    slope: tuple[float, float] = (-0.4, 0.4)
    spoilt: float = 0.2
    threshold: tuple[float, float] = (3.2, 3.9)


@dataclass(frozen=True, slots=True, eq=False)
class HeldSky:
    """A made-up sky that is held in memory; a ``Source``.

    Attributes
    ----------
    voxels
        float32 array (frequency, l, m), Jy/beam.
    meta, identity
        Of the sky.
    sky
        Its galaxies.
    threshold
        With which it is to be searched.
    """

    voxels: FloatArray
    meta: CubeMeta
    identity: str
    sky: Sdc2Sky
    threshold: float

    @property
    def chunks(self) -> None:
        """Any box is as good as another."""
        return

    @property
    def stored_bytes(self) -> int:
        """Nothing is stored."""
        return 0

    def read(self, box: Box) -> FloatArray:
        """Return the voxels of a box inside the cube."""
        return np.ascontiguousarray(self.voxels[box.slices()])


def make_sky(recipe: LookSkies, seed: int, number: int) -> HeldSky:
    """Return sky ``number`` of a seed; equal arguments give equal bits."""
    rng = np.random.default_rng([seed, number])
    beam, channel = _log_uniform(rng, recipe.beam_pixels), _log_uniform(rng, recipe.channel_hz)
    first = float(rng.uniform(*recipe.first_frequency_hz))
    usual = float(expected_rms(np.array([first]), channel)[0])
    spoilt = rng.random(2) < recipe.spoilt
    sky = Sdc2Sky(
        recipe.shape,
        int(rng.integers(2**32, 2**62)),
        density=min(_log_uniform(rng, recipe.density) * beam / recipe.beam_pixels[0], 100.0),
        satellites=float(rng.uniform(0.0, 0.5)),
        rms_jy=usual * _log_uniform(rng, recipe.depth),
        edge_noise=float(rng.uniform(1.0, 1.6)),
        rfi_channels=0.02 if spoilt[0] else 0.0,
        continuum_residual=0.01 if spoilt[1] else 0.0,
        beam_arcsec=BEAM_ARCSEC,
        pixel_arcsec=BEAM_ARCSEC / beam,
        channel_hz=channel,
        first_frequency_hz=first,
    )
    tie = float(rng.uniform(*recipe.tie)) if rng.random() < recipe.tied else 0.0
    slope = float(rng.uniform(*recipe.slope))
    return held(sky, tie, slope, float(rng.uniform(*recipe.threshold)))


def held(sky: Sdc2Sky, tie: float = 0.0, slope: float = 0.0, threshold: float = 3.5) -> HeldSky:
    """Return a sky whose noise is correlated along frequency, and changes over the band."""
    whole = Box.of_shape(sky.shape)
    galaxies = sky.read_galaxies(whole)
    noise = sky.read(whole) - galaxies
    if tie:
        noise = _tied(noise, tie)
    along = 1.0 + slope * (np.arange(sky.shape[0]) / sky.shape[0] - 0.5)
    voxels = galaxies + noise * along.astype(np.float32)[:, None, None]
    return HeldSky(voxels, sky.meta, f"{sky.identity}, tie {tie}, slope {slope}", sky, threshold)


def _tied(noise: FloatArray, tie: float) -> FloatArray:
    """Return noise whose channels share what their neighbours have, as strong as before."""
    taps: DoubleArray = np.array([tie, 1.0 - 2.0 * tie, tie])
    side, middle = (np.float32(tap / np.sqrt(np.sum(taps**2))) for tap in taps[:2])
    padded = np.concatenate([noise[1:2], noise, noise[-2:-1]])
    return np.asarray(side * (padded[:-2] + padded[2:]) + middle * noise)


def _log_uniform(rng: np.random.Generator, limits: tuple[float, float]) -> float:
    low, high = limits
    return float(low * (high / low) ** rng.random())
