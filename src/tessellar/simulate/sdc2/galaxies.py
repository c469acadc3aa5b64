"""The galaxies of a field: where they are, and how their gas is laid out and moves."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from tessellar.model import DoubleArray
from tessellar.simulate.discs import EDGE, SPEED_OF_LIGHT, Sampling
from tessellar.simulate.header import REST_FREQUENCY
from tessellar.simulate.lines import line_radius
from tessellar.simulate.sdc2.rows import COLUMNS, Parent, Rows
from tessellar.simulate.sdc2.speeds import speed_of_width
from tessellar.simulate.smoothing import beam_radius
from tessellar.simulate.voxels import normals, uniforms
from tessellar.tiling.box import Box, Shape

THICKEST = 0.2  # of a disc, scale height over scale length
MOST_FASTER = 1.3  # a warp makes no gas recede by more than this times the speed of the disc
HEIGHT = 3.0  # scale heights to which a disc reaches

_SPREAD = 2.35
"""Radius of a galaxy, half of ``hi_size``, over the standard deviation of its light along the major axis: the median
of the galaxies in the challenge's atlas; the scatter is ``_SPREAD_SCATTER``."""
_SPREAD_SCATTER = 0.05  # dex
_FIRST_SHAPE = 8  # of the counters of a galaxy, those before belong to the population and its place


@dataclass(frozen=True, slots=True)
class Galaxy:
    """One galaxy.

    Attributes
    ----------
    z, x, y
        Centre, 0-based voxel.
    flux
        Sum of its spectrum over the channels, Jy.
    hi_size
        Diameter, arcsec.
    inclination, pa
        0 is face on; position angle of the receding side, anticlockwise from north; degrees.
    width
        Of the line at 20 % of its peak, as it was asked for, in the galaxy's own frame, m/s.
    scale_length
        Of the exponential surface density, pixels.
    hole
        Depth of the central hole, 0 (none) to 1 (empty centre).
    turnover
        Radius at which the arctangent rotation curve reaches half its speed, scale lengths.
    radial_speed
        Rotation speed far out along the line of sight, m/s.
    dispersion
        Of the gas, m/s.
    thickness
        Scale height of the gas, scale lengths.
    warp_pa, warp_inclination
        By how much either has turned at the edge, degrees; inside half of the radius the disc is flat.
    lopsided, lopsided_at
        Relative amplitude of the gas that is more on one side, and the angle of that side from the receding one,
        radians.
    choice
        Uniform number that chooses a galaxy of the atlas.
    """

    z: float
    x: float
    y: float
    flux: float
    hi_size: float
    inclination: float
    pa: float
    width: float
    scale_length: float
    hole: float
    turnover: float
    radial_speed: float
    dispersion: float
    thickness: float
    warp_pa: float
    warp_inclination: float
    lopsided: float
    lopsided_at: float
    choice: float


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """What a field of galaxies is drawn from.

    Attributes
    ----------
    shape, sampling, pixel_arcsec
        The cube.
    parent
        The population; None for an empty field.
    count
        How many galaxies.
    satellites
        How many satellites the brightest tenth of them have, on average.
    key
        Which galaxies.
    """

    shape: Shape
    sampling: Sampling
    pixel_arcsec: float
    parent: Parent
    count: int
    satellites: float
    key: np.uint64


class Galaxies:
    """The galaxies of a field, one float64 array (galaxy) for each attribute of a `Galaxy`.

    Parameters
    ----------
    columns
        These arrays by name.
    """

    def __init__(self, columns: dict[str, DoubleArray]) -> None:
        self._columns = {field.name: columns[field.name] for field in fields(Galaxy)}

    def __len__(self) -> int:
        return self["z"].size

    def __getitem__(self, name: str) -> DoubleArray:
        """Return an attribute of all galaxies."""
        return self._columns[name]

    def galaxy(self, number: int) -> Galaxy:
        """Return one of them."""
        return Galaxy(**{name: float(values[number]) for name, values in self._columns.items()})


def draw_galaxies(field: Field) -> Galaxies:
    """Return the galaxies of a field: a pure function of it.

    They lie so far from the edges that what the beam makes of their diameter and their line width is inside.
    """
    low, high = (field.sampling.frequency(z) for z in (-0.5, field.shape[0] - 0.5))
    rows = field.parent.draw(field.key, field.count, low, high)
    pa = 360.0 * uniforms(field.key, 6, COLUMNS, field.count)
    places = [_places(field, rows, axis) for axis in (1, 2)]
    rows, pa, places = _with_satellites(field, rows, pa, places)
    # The challenge's km/s are those of c z, which are larger than a galaxy's own by its 1 + z.
    half = 0.5e3 * rows.w20 / SPEED_OF_LIGHT * rows.frequency**2 / REST_FREQUENCY
    frequency = _squeezed(rows.frequency, low, high, half + 2.0 * field.sampling.channel_hz)
    width = 1e3 * rows.w20 * frequency / REST_FREQUENCY
    shapes = _shapes(field.key, len(pa))
    scale_length = rows.hi_size / field.pixel_arcsec * shapes.pop("lengths")
    speed = speed_of_width(width, shapes["dispersion"], shapes["turnover"])
    return Galaxies(
        {
            "z": (frequency - field.sampling.first_frequency_hz) / field.sampling.channel_hz,
            "x": places[0],
            "y": places[1],
            "flux": rows.flux / field.sampling.channel_hz,
            "hi_size": rows.hi_size,
            "inclination": rows.inclination,
            "pa": pa,
            "width": width,
            "scale_length": scale_length,
            "radial_speed": speed,
            **shapes,
        }
    )


def extents(galaxies: Galaxies, sampling: Sampling, reach: DoubleArray) -> tuple[Box, ...]:
    """Return boxes outside which the galaxies, seen through the beam, are zero.

    Parameters
    ----------
    galaxies, sampling
        What lies where.
    reach
        How far the gas lies from the centre, pixels, and how fast it moves along the line of sight, m/s, and the
        dispersion of its lines, m/s: float64 array (3, galaxy).
    """
    on_sky = reach[0] + beam_radius(sampling.beam_pixels) + 2.0
    frequency = sampling.first_frequency_hz + galaxies["z"] * sampling.channel_hz
    beta = reach[1] / SPEED_OF_LIGHT
    lines = np.array([line_radius(s) for s in line_sigma(reach[2], frequency, sampling)])
    in_depth = frequency * beta / (1.0 - beta) / sampling.channel_hz + lines + 2.0
    centres = np.stack([galaxies[name] for name in "zxy"], axis=1)
    radii = np.stack([in_depth, on_sky, on_sky], axis=1)
    starts, stops = np.floor(centres - radii).astype(np.int64), np.ceil(centres + radii).astype(np.int64) + 1
    pairs = zip(starts.tolist(), stops.tolist(), strict=True)
    return tuple(Box(tuple(start), tuple(stop)) for start, stop in pairs)


def line_sigma(dispersion: DoubleArray, frequency: DoubleArray, sampling: Sampling) -> DoubleArray:
    """Return the dispersion of a line in channels."""
    return dispersion / SPEED_OF_LIGHT * frequency / sampling.channel_hz


def reach_of_discs(galaxies: Galaxies) -> DoubleArray:
    """Return what `extents` asks for, of galaxies that are discs."""
    far = np.hypot(EDGE, HEIGHT * THICKEST) * galaxies["scale_length"]
    return np.stack([far, MOST_FASTER * galaxies["radial_speed"], galaxies["dispersion"]])


def _places(field: Field, rows: Rows, axis: int) -> DoubleArray:
    margin = 0.5 * np.hypot(rows.hi_size / field.pixel_arcsec, field.sampling.beam_pixels) + 1.0
    uniform = uniforms(field.key, 6 + axis, COLUMNS, field.count)
    return _squeezed(uniform * field.shape[axis] - 0.5, -0.5, field.shape[axis] - 0.5, margin)


def _squeezed(values: DoubleArray, low: float, high: float, margin: DoubleArray) -> DoubleArray:
    """Return numbers between two limits moved in proportion, to lie a margin away from both."""
    clear = np.minimum(margin, 0.45 * (high - low))
    return low + clear + (values - low) * (1.0 - 2.0 * clear / (high - low))


def _shapes(key: np.uint64, count: int) -> dict[str, DoubleArray]:
    """Return what of a disc no catalogue tells, and ``lengths``, its scale lengths over its diameter."""

    def uniform(number: int) -> DoubleArray:
        return uniforms(key, _FIRST_SHAPE + number, COLUMNS, count)

    def normal(number: int) -> DoubleArray:
        return normals(key, _FIRST_SHAPE + number, COLUMNS, count)

    hole = np.maximum(2.0 * uniform(1) - 1.0, 0.0)
    spread = np.sqrt(3.0 * (1.0 - hole / 16.0) / (1.0 - hole / 4.0))  # of the light, scale lengths
    return {
        "lengths": 0.5 / (_SPREAD * 10.0 ** (_SPREAD_SCATTER * normal(2)) * spread),
        "hole": hole,
        "turnover": 0.2 + 0.4 * uniform(3),
        "dispersion": 8e3 + 4e3 * uniform(4),
        "thickness": 0.05 + (THICKEST - 0.05) * uniform(5),
        "warp_pa": 8.0 * normal(6),
        "warp_inclination": 4.0 * normal(7),
        "lopsided": np.minimum(np.abs(0.15 * normal(8)), 0.5),
        "lopsided_at": 2.0 * np.pi * uniform(9),
        "choice": uniform(10),
    }


def _with_satellites(
    field: Field, rows: Rows, pa: DoubleArray, places: list[DoubleArray]
) -> tuple[Rows, DoubleArray, list[DoubleArray]]:
    """Return the galaxies, and after them their satellites: 2 to 20 % of the flux, one to two diameters away."""
    number = np.arange(field.count)
    bright = rows.flux >= np.quantile(rows.flux, 0.9) if field.count else np.zeros(0, dtype=np.bool_)
    many = np.floor(field.satellites + uniforms(field.key, 20, COLUMNS, field.count)).astype(np.int64)
    hosts = np.repeat(number[bright], many[bright])
    if hosts.size == 0:
        return rows, pa, places
    key, count = field.key ^ np.uint64(0x5A7E1117E), hosts.size

    def uniform(column: int) -> DoubleArray:
        return uniforms(key, column, COLUMNS, count)

    share = 10.0 ** (-1.7 + uniform(0))
    away = rows.hi_size[hosts] / field.pixel_arcsec * (1.0 + uniform(1)) + field.sampling.beam_pixels
    angle = 2.0 * np.pi * uniform(2)
    beta = 1.5e5 * (2.0 * uniform(3) - 1.0) / SPEED_OF_LIGHT
    face = uniform(4)
    # Places beyond the cube are brought to its edge.
    low, high = (field.sampling.frequency(z) for z in (-0.5, field.shape[0] - 0.5))
    frequency = np.clip(rows.frequency[hosts] * (1.0 - beta), low, high)
    more = Rows(
        frequency,
        rows.flux[hosts] * share,
        rows.hi_size[hosts] * np.sqrt(share),
        np.degrees(np.arccos(face)),
        np.maximum(rows.w20[hosts] * share**0.2 * np.sqrt(1.0 - face**2), 36.0),
    )
    beside = [
        np.clip(own[hosts] + away * turn, 0.0, field.shape[axis] - 1.0)
        for axis, own, turn in ((1, places[0], np.cos(angle)), (2, places[1], np.sin(angle)))
    ]
    joined = {name: np.concatenate([getattr(rows, name), getattr(more, name)]) for name in Rows.__slots__}
    places = [np.concatenate(pair) for pair in zip(places, beside, strict=True)]
    return Rows(**joined), np.concatenate([pa, 360.0 * uniform(5)]), places
