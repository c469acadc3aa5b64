"""Small patches of made-up sky to learn from: galaxies, the noise they are hidden in, and what else cubes hold.

A patch is a pure function of seed, number and stage, so that training may stop at any step and go on as if it had not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tessellar.errors import UsageError
from tessellar.model import FloatArray
from tessellar.simulate.discs import Disc, Sampling, draw
from tessellar.tiling.box import Box
from tessellar.training.artefacts import add_artefacts
from tessellar.training.noise import Noise

FREQUENCY_HZ = 1e9  # of channel 0; only channel widths in km/s matter
LEAST_INSIDE = 0.15  # of a galaxy's flux; of less, nobody could tell what it is
MASK_PEAK, MASK_SIGMA = (
    0.1,
    0.5,
)  # a voxel is emission above this share of its galaxy's peak or this many sigma

_BRIGHT_SIGMA = 10.0  # of a voxel; galaxies with brighter ones would drown the others
_NEAR = 15  # voxels along each axis that are near a voxel
_SPEED_M_S, _SPEED_DEX, _SPEED_LIMITS = 100e3, 0.13, (40e3, 250e3)


@dataclass(frozen=True, slots=True)
class SkyRecipe:
    """What the patches hold; ranges are log-uniform.

    Parameters
    ----------
    side
        Voxels along each axis of a patch.
    beam_pixels
        Full width of the beam at half maximum, pixels.
    channel_hz
        Width of a channel at 1 GHz, where 30 kHz are 9 km/s.
    scale_length
        Of the galaxies, pixels.
    snr
        Integrated signal-to-noise ratio of the galaxies.
    bright_snr, bright
        That of a share ``bright`` of them.
    easy_snr
        That of all of them while training begins.
    most
        Galaxies of a patch, at most.
    empty
        Share of the patches without galaxies.
    white
        Share with noise that is independent from pixel to pixel.
    noise_beam
        Over how much of the beam's width the rest has noise that is correlated: weighting and cleaning change it.
    tied
        Share whose noise is correlated along frequency as well, as smoothing and regridding leave it.
    tie
        Weight of each neighbouring channel there, that of Hanning is 0.25; uniform.
    shared
        Share with noise that tens of channels have in common, as the subtraction of continuum leaves it.
    common
        Share of the variance that is common there.
    noise_error
        Scatter of the true noise about one, natural logarithm: the noise of a real cube is an estimate.
    artefacts
        Share of the patches with each kind of artefact.
    """

    side: int = 48
    beam_pixels: tuple[float, float] = (2.5, 5.0)
    channel_hz: tuple[float, float] = (12e3, 60e3)
    scale_length: tuple[float, float] = (0.4, 5.0)
    snr: tuple[float, float] = (2.0, 25.0)
    bright_snr: tuple[float, float] = (25.0, 300.0)
    bright: float = 0.1
    easy_snr: tuple[float, float] = (8.0, 25.0)
    most: int = 4
    empty: float = 0.25
    white: float = 0.1
    noise_beam: tuple[float, float] = (0.95, 1.35)
    tied: float = 0.5
    tie: tuple[float, float] = (0.05, 0.3)
    shared: float = 0.3
    common: tuple[float, float] = (0.02, 0.4)
    noise_error: float = 0.05
    artefacts: float = 0.1

    def __post_init__(self) -> None:
        if self.side < 8 or self.side % 4:
            raise UsageError(f"patches of {self.side} voxels; the side must be a multiple of 4, 8 or more.")


@dataclass(frozen=True, slots=True)
class SkyPatch:
    """A patch to learn from.

    Attributes
    ----------
    voxels
        What a telescope sees, float32 array (frequency, l, m), in units of the estimated noise; 0 where blank.
    truth
        The galaxies in it, float32 array of the same shape and unit.
    mask
        Where they are, bool array of the same shape.
    """

    voxels: FloatArray
    truth: FloatArray
    mask: npt.NDArray[np.bool_]

    @property
    def weight(self) -> float:
        """How much its squared error counts: one for faint galaxies, less where a bright one would drown them."""
        return 1.0 / (1.0 + (float(self.truth.max()) / _BRIGHT_SIGMA) ** 2)


def local_weight(truth: FloatArray) -> FloatArray:
    """Return how much a voxel's squared error counts in a sky of many galaxies: less near bright ones only.

    Parameters
    ----------
    truth
        float32 array (frequency, l, m), units of the noise.
    """
    from scipy import ndimage

    brightest = ndimage.maximum_filter(truth, _NEAR, mode="constant")
    return np.asarray(1.0 / (1.0 + (brightest / np.float32(_BRIGHT_SIGMA)) ** 2))


def make_patch(recipe: SkyRecipe, seed: int, number: int, *, easy: bool = False) -> SkyPatch:
    """Return patch ``number`` of a seed.

    Parameters
    ----------
    recipe
        What it holds.
    seed, number
        Which one: equal arguments give equal bits.
    easy
        Whether all galaxies stand well out of the noise.
    """
    rng = np.random.default_rng([seed, number])
    sampling = Sampling(
        _log_uniform(rng, recipe.beam_pixels), FREQUENCY_HZ, _log_uniform(rng, recipe.channel_hz)
    )
    box = Box.of_shape((recipe.side,) * 3)
    truth, mask = np.zeros(box.shape, np.float32), np.zeros(box.shape, np.bool_)
    noise = _some_noise(rng, recipe, sampling.beam_pixels)
    count = 0 if rng.random() < recipe.empty else int(rng.integers(1, recipe.most + 1))
    for _ in range(count):
        bright = rng.random() < recipe.bright
        snr = _log_uniform(rng, recipe.easy_snr if easy else recipe.bright_snr if bright else recipe.snr)
        _add_galaxy(truth, mask, _some_disc(rng, recipe), sampling, snr, noise.volume)
    error = np.float32(np.exp(recipe.noise_error * rng.standard_normal()))
    voxels = truth + error * noise.draw(rng, box)
    blank = add_artefacts(voxels, rng, recipe.artefacts, sampling.beam_pixels)
    for values in (voxels, truth, mask):
        values[blank] = 0
    return SkyPatch(voxels, truth, mask)


def _some_noise(rng: np.random.Generator, recipe: SkyRecipe, beam_pixels: float) -> Noise:
    white = rng.random() < recipe.white
    width = None if white else beam_pixels * float(rng.uniform(*recipe.noise_beam))
    tie = float(rng.uniform(*recipe.tie)) if rng.random() < recipe.tied else 0.0
    return Noise(width, tie, _log_uniform(rng, recipe.common) if rng.random() < recipe.shared else 0.0)


def _some_disc(rng: np.random.Generator, recipe: SkyRecipe) -> Disc:
    """Return a galaxy somewhere in the patch, of flux one, with the orientations and speeds of a real population."""
    z, x, y = (float(c) for c in rng.uniform(0, recipe.side, 3))
    length = _log_uniform(rng, recipe.scale_length)
    speed = float(np.clip(_SPEED_M_S * 10 ** (_SPEED_DEX * rng.standard_normal()), *_SPEED_LIMITS))
    return Disc(
        z=z,
        x=x,
        y=y,
        flux=1.0,
        scale_length=length,
        hole=max(0.0, float(rng.uniform(-1.0, 1.0))),
        speed=speed,
        turnover=length * float(rng.uniform(0.2, 0.6)),
        inclination=float(np.degrees(np.arccos(rng.random()))),
        pa=float(rng.uniform(0.0, 360.0)),
    )


def _add_galaxy(
    truth: FloatArray,
    mask: npt.NDArray[np.bool_],
    disc: Disc,
    sampling: Sampling,
    snr: float,
    correlation: float,
) -> None:
    """Add the part of a galaxy inside the patch, scaled to a signal-to-noise ratio, and mark its voxels.

    The ratio is that of the sum of the voxels above a tenth of the peak to the noise of this sum; ``correlation`` is
    the number of voxels that share their noise.
    """
    cubelet = draw(disc, sampling)
    shared = cubelet.box & Box.of_shape(truth.shape)
    if shared.empty:
        return
    voxels = cubelet.voxels[shared.relative_to(cubelet.box.start).slices()]
    peak = float(voxels.max())
    core = voxels > MASK_PEAK * peak
    if peak <= 0 or voxels[core].sum() < LEAST_INSIDE * cubelet.voxels.sum():
        return
    scale = snr * np.sqrt(core.sum() * correlation) / float(voxels[core].sum(dtype=np.float64))
    voxels = voxels * np.float32(scale)
    truth[shared.slices()] += voxels
    mask[shared.slices()] |= voxels > min(MASK_PEAK * peak * scale, MASK_SIGMA)


def _log_uniform(rng: np.random.Generator, limits: tuple[float, float]) -> float:
    low, high = limits
    return float(low * (high / low) ** rng.random())
