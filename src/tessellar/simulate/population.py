"""Which galaxies a sky holds: their places, fluxes, sizes and speeds, pure functions of seed and number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tessellar.model import DoubleArray
from tessellar.simulate.discs import EDGE, SPEED_OF_LIGHT, Disc, Sampling
from tessellar.simulate.voxels import normals, stream, uniforms
from tessellar.tiling.box import Shape

SIZE_IN_SCALE_LENGTHS = 5.0  # hi_size: there a galaxy on the size-mass relation thins out to 1 Msun/pc²

_PURPOSE = 2
_COLUMNS = 16  # counters set aside for one galaxy
_SIZE_ARCSEC = 2.05  # of a galaxy with a flux of one rms times one channel
_TYPICAL_SPEED = 100e3  # m/s
_SPEED_LIMITS = (40e3, 250e3)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a population is drawn from.

    Attributes
    ----------
    shape
        Of the cube, ``(frequency, l, m)``.
    seed, count
        Which galaxies, and how many.
    sampling
        How the cube samples the sky.
    rms_jy, flux_range
        Fluxes are log-uniform between these multiples of one rms times one channel.
    pixel_arcsec
        Size of a pixel.
    touch_edges
        Whether galaxies may lie so close to an edge that it cuts them.
    """

    shape: Shape
    seed: int
    count: int
    sampling: Sampling
    rms_jy: float
    flux_range: tuple[float, float]
    pixel_arcsec: float
    touch_edges: bool


@dataclass(frozen=True, slots=True)
class Population:
    """The galaxies of a sky, one float64 array (source) for each parameter of a ``Disc``."""

    z: DoubleArray
    x: DoubleArray
    y: DoubleArray
    flux: DoubleArray
    scale_length: DoubleArray
    hole: DoubleArray
    speed: DoubleArray
    turnover: DoubleArray
    inclination: DoubleArray
    pa: DoubleArray

    def __len__(self) -> int:
        return self.z.size

    def __getitem__(self, number: int) -> Disc:
        """Return galaxy ``number``."""
        return Disc(**{name: float(getattr(self, name)[number]) for name in Disc.__slots__})


def draw_population(recipe: Recipe) -> Population:
    """Return the galaxies of a recipe.

    Sizes follow the HI size-mass relation, by which the mean surface density is the same in all galaxies, so
    that the angular size grows as the root of the flux (Wang et al. 2016, MNRAS 460, 2143; 0.06 dex of
    scatter); speeds are log-normal, orientations isotropic, and half of the discs have a central hole.
    """
    key = stream(recipe.seed, _PURPOSE)

    def column(number: int) -> DoubleArray:
        return uniforms(key, number, _COLUMNS, recipe.count)

    low, high = recipe.flux_range
    flux = low * (high / low) ** column(0)
    hi_size = _SIZE_ARCSEC * np.sqrt(flux) * 10 ** (0.06 * normals(key, 1, _COLUMNS, recipe.count))
    scale_length = hi_size / recipe.pixel_arcsec / SIZE_IN_SCALE_LENGTHS
    speed = np.clip(_TYPICAL_SPEED * 10 ** (0.13 * normals(key, 2, _COLUMNS, recipe.count)), *_SPEED_LIMITS)
    cos_inclination = column(3)
    radial = speed * np.sqrt(1.0 - cos_inclination**2)
    margins = _margins(recipe, scale_length, radial)
    z, x, y = (
        _places(column(7 + axis), recipe.shape[axis], margins[axis], recipe.touch_edges) for axis in range(3)
    )
    return Population(
        z=z,
        x=x,
        y=y,
        flux=flux * recipe.rms_jy,
        scale_length=scale_length,
        hole=np.maximum(2.0 * column(5) - 1.0, 0.0),
        speed=speed,
        turnover=scale_length * (0.2 + 0.4 * column(6)),
        inclination=np.degrees(np.arccos(cos_inclination)),
        pa=360.0 * column(4),
    )


def _margins(
    recipe: Recipe, scale_length: DoubleArray, radial: DoubleArray
) -> tuple[DoubleArray, DoubleArray, DoubleArray]:
    """Return how far from the edges a galaxy must lie to be (almost) whole, per axis, voxels."""
    on_sky = 0.5 * EDGE * scale_length + recipe.sampling.beam_pixels
    middle = recipe.sampling.frequency(recipe.shape[0] / 2)
    in_depth = radial / SPEED_OF_LIGHT * middle / recipe.sampling.channel_hz + 3.0
    return in_depth, on_sky, on_sky


def _places(uniform: DoubleArray, length: int, margin: DoubleArray, touch_edges: bool) -> DoubleArray:
    clear = np.zeros_like(margin) if touch_edges else np.minimum(margin, 0.45 * length)
    return clear - 0.5 + uniform * (length - 2.0 * clear)
