"""Real galaxies, made small: the clean cubes of THINGS and HALOGAS that SKA Data Challenge 2 was made from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tessellar.errors import InputError
from tessellar.model import DoubleArray
from tessellar.simulate.measured import line_width
from tessellar.simulate.sdc2.clouds import Clouds
from tessellar.simulate.sdc2.files import ATLAS
from tessellar.simulate.sdc2.galaxies import Galaxies, Galaxy

if TYPE_CHECKING:
    from numpy.typing import NDArray

_METADATA = "metadata.txt"
_PIXEL_KPC = 1.0  # found from the diameters that the metadata give; the headers say nothing
_LEAST_KPC = 6.0  # diameters: smaller galaxies have a few pixels only
_THICKNESS = 0.1  # axis ratio of a disc seen edge on
_FAINTEST = 1e-3  # of the brightest voxel; the rest is left out
_CLOUDS = 1 << 15
_LIKE_DEGREES, _LIKE_SIZE = (
    15.0,
    0.5,
)  # how unlike a galaxy of the atlas may be: inclination, natural log of diameter


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """A galaxy of the atlas, face to us as it is, its receding side towards north.

    Attributes
    ----------
    clouds
        Its gas; places are in its diameters, speeds in its line width.
    reach
        How far from the centre it has gas, diameters, and how fast this moves, line widths.
    channel
        Width of its channels, line widths.
    inclination
        Degrees.
    diameter
        kpc.
    """

    clouds: Clouds
    reach: tuple[float, float]
    channel: float
    inclination: float
    diameter: float


@lru_cache(maxsize=2)
def templates_of(folder: str) -> tuple[Template, ...]:
    """Return the galaxies of the atlas that lies in the folder with the challenge's files, by name.

    Left out are those with few pixels and those whose size disagrees with their metadata.

    Raises
    ------
    InputError
        There is no atlas.
    """
    home = Path(folder) / ATLAS
    try:
        lines = (home / _METADATA).read_text(encoding="utf-8").splitlines()
        found = []
        for words in (line.split() for line in lines if not line.startswith("#")):
            files = sorted(home.glob(f"{words[8]}*.fits")) if len(words) > 12 else []
            if files:
                found.append(_template(files[0], float(words[4]), 10.0 ** float(words[10])))
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise InputError(
            f"The atlas {home} cannot be read ({error}); needed are {_METADATA} and the FITS cubes that it names."
        ) from error
    good = tuple(one for one in found if one is not None)
    if not good:
        raise InputError(f"{home} holds none of the cubes that {_METADATA} names; needed is at least one.")
    return good


def chosen_templates(
    galaxies: Galaxies, templates: tuple[Template, ...], kpc: DoubleArray
) -> NDArray[np.int64]:
    """Return which galaxy of the atlas each galaxy of a field looks like: one with about its inclination and size.

    Parameters
    ----------
    galaxies
        The field.
    templates
        The atlas.
    kpc
        True diameters of the galaxies.
    """
    inclination = np.array([one.inclination for one in templates])
    size = np.log([one.diameter for one in templates])
    turned = (galaxies["inclination"][:, np.newaxis] - inclination) / _LIKE_DEGREES
    larger = (np.log(kpc)[:, np.newaxis] - size) / _LIKE_SIZE
    unlike = 0.5 * (turned**2 + larger**2)
    weight = np.cumsum(np.exp(unlike.min(axis=1, keepdims=True) - unlike), axis=1)
    return np.asarray(
        (galaxies["choice"][:, np.newaxis] * weight[:, -1:] > weight).sum(axis=1), dtype=np.int64
    )


def atlas_clouds(galaxy: Galaxy, template: Template, diameter_pixels: float) -> Clouds:
    """Return a galaxy of the atlas scaled to a diameter and a line width, tilted to an inclination, and rotated."""
    squashed = tilt(galaxy.inclination) / tilt(template.inclination)
    pa = math.radians(galaxy.pa)
    north = template.clouds.north * diameter_pixels
    east = template.clouds.east * (diameter_pixels * squashed)
    return Clouds(
        north * math.sin(pa) + east * math.cos(pa),
        north * math.cos(pa) - east * math.sin(pa),
        template.clouds.speed * galaxy.width,
        template.clouds.weight,
    )


def reach_of_atlas(
    galaxies: Galaxies, templates: tuple[Template, ...], chosen: NDArray[np.int64], pixel_arcsec: float
) -> DoubleArray:
    """Return what `extents` asks for, of galaxies that look like those of the atlas."""
    reach = np.array([one.reach for one in templates])[chosen]
    own = np.array([tilt(one.inclination) for one in templates])[chosen]
    stretched = np.maximum(_tilts(galaxies["inclination"]) / own, 1.0)
    width = galaxies["width"]
    channel = np.array([one.channel for one in templates])[chosen]
    return np.stack(
        [
            reach[:, 0] * stretched * galaxies["hi_size"] / pixel_arcsec,
            reach[:, 1] * width,
            channel / math.sqrt(12.0) * width,
        ]
    )


def tilt(inclination: float) -> float:
    """Return the axis ratio of a disc at an inclination in degrees."""
    return float(_tilts(np.array(inclination)))


def _tilts(inclination: DoubleArray) -> DoubleArray:
    face = np.cos(np.radians(inclination)) ** 2
    return np.asarray(np.sqrt(face * (1.0 - _THICKNESS**2) + _THICKNESS**2))


def _template(path: Path, inclination: float, diameter: float) -> Template | None:
    from astropy.io import fits

    with fits.open(path, memmap=False) as files:
        voxels = np.asarray(files[0].data, dtype=np.float64)
        channel = float(files[0].header["CDELT3"])  # of velocity
    voxels = np.nan_to_num(voxels)
    z, y, x = np.nonzero(voxels > _FAINTEST * voxels.max())
    weight = voxels[z, y, x] / voxels[z, y, x].sum()
    middle = [float(np.sum(weight * axis)) for axis in (y, x)]
    width, centre = _line(z, weight)
    spread = math.sqrt(float(np.sum(weight * (y - middle[0]) ** 2))) * _PIXEL_KPC / diameter
    if diameter < _LEAST_KPC or not 0.1 < spread < 0.4:
        return None
    copies = -(-_CLOUDS // weight.size)
    z, y, x, weight = (np.repeat(axis, copies) for axis in (z, y, x, weight))
    number = np.arange(weight.size)
    within = [np.modf(number * step)[0] - 0.5 for step in (0.7548776662466927, 0.5698402909980532)]
    clouds = Clouds(
        -(x + within[0] - middle[1]) * (_PIXEL_KPC / diameter),
        (y + within[1] - middle[0]) * (_PIXEL_KPC / diameter),
        np.sign(channel) * (z - centre) / width,
        weight / copies,
    )
    far = float(np.max(np.hypot(clouds.east, clouds.north)))
    return Template(clouds, (far, float(np.abs(clouds.speed).max())), 1.0 / width, inclination, diameter)


def _line(z: NDArray[np.int64], weight: DoubleArray) -> tuple[float, float]:
    """Return the width of the line at 20 % of the peak, and the channel half-way between its sides."""
    line = np.asarray(np.bincount(z, weight), dtype=np.float64)
    above = np.flatnonzero(line >= 0.2 * line.max())
    return line_width(line, 0.2), 0.5 * float(above[0] + above[-1])
