"""One galaxy as a radio telescope sees it: a thin, rotating, inclined disc of neutral hydrogen."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tessellar.compiled import compiled
from tessellar.errors import UsageError
from tessellar.model import DoubleArray, FloatArray
from tessellar.simulate.lines import line_profiles, line_radius
from tessellar.simulate.smoothing import beam_radius, narrowed_beam_taps, smooth_plane
from tessellar.tiling.box import Box

SPEED_OF_LIGHT = 299_792_458.0  # m/s
DISPERSION = 8_000.0  # m/s, of the gas in a disc (Leroy et al. 2008 find 8 to 11 km/s)
EDGE = 6.0  # scale lengths, where a disc ends
MOST_VOXELS = 2**26  # of a galaxy: four bytes each, a few times over while it is drawn

_GOLDEN = 0.6180339887498949
_CLOUDS_PER_PIXEL = 64  # wrong by less than 0.2 % of the peak against 4096
_CLOUDS_MIN, _CLOUDS_MAX = 1 << 13, 1 << 20


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a cube samples sky and spectrum.

    Attributes
    ----------
    beam_pixels
        Full width of the round beam at half maximum, pixels.
    first_frequency_hz
        Centre of channel 0.
    channel_hz
        Width of a channel; frequency grows with the channel's number.
    """

    beam_pixels: float
    first_frequency_hz: float
    channel_hz: float

    def frequency(self, z: float) -> float:
        """Return the frequency of a (fractional) channel, Hz."""
        return self.first_frequency_hz + z * self.channel_hz


@dataclass(frozen=True, slots=True)
class Disc:
    """The parameters of a disc.

    Attributes
    ----------
    z, x, y
        Centre, 0-based voxel.
    flux
        Sum of its spectrum over the channels, Jy.
    scale_length
        Of the exponential surface density, pixels.
    hole
        Depth of the central hole, 0 (none) to 1 (empty centre).
    speed
        Rotation speed far out, m/s.
    turnover
        Radius at which the arctangent rotation curve reaches half of it, pixels.
    inclination
        0 is face on, degrees.
    pa
        Position angle of the receding side, anticlockwise from north, degrees.
    """

    z: float
    x: float
    y: float
    flux: float
    scale_length: float
    hole: float
    speed: float
    turnover: float
    inclination: float
    pa: float


@dataclass(frozen=True, slots=True)
class Cubelet:
    """A galaxy without noise: its voxels, float32 array (frequency, l, m), Jy/beam, and where they lie."""

    box: Box
    voxels: FloatArray


def extent(disc: Disc, sampling: Sampling) -> Box:
    """Return a box outside which the disc, seen through the beam, is zero."""
    on_sky = EDGE * disc.scale_length + beam_radius(sampling.beam_pixels) + 1
    frequency = sampling.frequency(disc.z)
    beta = disc.speed / SPEED_OF_LIGHT * math.sin(math.radians(disc.inclination))
    rotation = frequency * beta / (1.0 - beta) / sampling.channel_hz
    in_depth = rotation + line_radius(_line_sigma(frequency, sampling)) + 1
    starts = [math.floor(c - r) for c, r in ((disc.z, in_depth), (disc.x, on_sky), (disc.y, on_sky))]
    stops = [math.ceil(c + r) + 1 for c, r in ((disc.z, in_depth), (disc.x, on_sky), (disc.y, on_sky))]
    return Box((starts[0], starts[1], starts[2]), (stops[0], stops[1], stops[2]))


def draw(disc: Disc, sampling: Sampling) -> Cubelet:
    """Return the disc as the cube records it: clouds of equal flux, each with its line, under the beam.

    The clouds lie on a golden-angle spiral, which covers the disc evenly whatever its inclination.

    Parameters
    ----------
    disc
        The galaxy.
    sampling
        The cube it appears in.

    Returns
    -------
    cubelet
        A pure function of the arguments; divided by the beam's area it sums to ``disc.flux``.

    Raises
    ------
    UsageError
        It is too large to be drawn, as a whole, in the memory of one worker.
    """
    box = extent(disc, sampling)
    if box.size > MOST_VOXELS:
        raise UsageError(
            f"A galaxy of this sky spans {' x '.join(map(str, box.shape))} voxels (frequency, l, m), and is drawn as a "
            f"whole: at most {MOST_VOXELS:,}. Ask for fainter galaxies (--flux-range) or larger pixels."
        )
    beam = narrowed_beam_taps(sampling.beam_pixels)
    radius = beam.size // 2
    channels, width, height = box.shape
    sky = np.zeros((channels, width + 2 * radius, height + 2 * radius), dtype=np.float32)
    area = math.pi * (EDGE * disc.scale_length) ** 2
    count = int(min(max(_CLOUDS_PER_PIXEL * area, _CLOUDS_MIN), _CLOUDS_MAX))
    radii = cloud_radii(disc.scale_length, disc.hole, count)
    inclination, pa = math.radians(disc.inclination), math.radians(disc.pa)
    frequency = sampling.frequency(disc.z)
    _scatter(
        sky,
        radii,
        line_profiles(_line_sigma(frequency, sampling)),
        (disc.x - box.start[1] + radius, disc.y - box.start[2] + radius),
        (math.sin(pa), math.cos(pa), math.cos(inclination)),
        (disc.speed * math.sin(inclination) / SPEED_OF_LIGHT, disc.turnover),
        (frequency, sampling.frequency(box.start[0]), sampling.channel_hz),
    )
    voxels = np.empty(box.shape, dtype=np.float32)
    _observe(sky, beam, voxels)
    voxels *= np.float32(disc.flux / radii.size)
    return Cubelet(box, voxels)


def _line_sigma(frequency: float, sampling: Sampling) -> float:
    return DISPERSION / SPEED_OF_LIGHT * frequency / sampling.channel_hz


def cloud_radii(scale_length: float, hole: float, count: int) -> DoubleArray:
    """Return the radius of every cloud of a disc: equal steps of enclosed flux, exp(-r) - hole exp(-2 r)."""
    r = np.linspace(0.0, EDGE, 2049)
    enclosed = 1.0 - (1.0 + r) * np.exp(-r) - 0.25 * hole * (1.0 - (1.0 + 2.0 * r) * np.exp(-2.0 * r))
    share = (np.arange(count) + 0.5) / count
    return np.asarray(np.interp(share, enclosed / enclosed[-1], r) * scale_length, dtype=np.float64)


@compiled
def _scatter(
    sky: FloatArray,
    radii: DoubleArray,
    profiles: FloatArray,
    centre: tuple[float, float],
    tilt: tuple[float, float, float],
    rotation: tuple[float, float],
    spectrum: tuple[float, float, float],
) -> None:
    """Add the line of every cloud to its pixel; north is up (m), east is to the left (minus l)."""
    sin_pa, cos_pa, cos_inclination = tilt
    beta, turnover = rotation
    systemic, first, width = spectrum
    phases, channels = profiles.shape
    for k in range(radii.size):
        angle = 2.0 * math.pi * ((k * _GOLDEN) % 1.0)
        along = radii[k] * math.cos(angle)
        across = radii[k] * math.sin(angle) * cos_inclination
        x = math.floor(centre[0] - along * sin_pa + across * cos_pa + 0.5)
        y = math.floor(centre[1] + along * cos_pa + across * sin_pa + 0.5)
        receding = beta * math.cos(angle) * math.atan(radii[k] / turnover) * (2.0 / math.pi)
        channel = (systemic / (1.0 + receding) - first) / width
        below = math.floor(channel)
        phase = math.floor((channel - below) * phases)
        for c in range(channels):
            sky[below - channels // 2 + 1 + c, x, y] += profiles[phase, c]


@compiled
def _observe(sky: FloatArray, beam: FloatArray, out: FloatArray) -> None:
    scratch = np.empty((sky.shape[1], out.shape[2]), np.float32)
    for z in range(out.shape[0]):
        smooth_plane(sky[z], beam, scratch, out[z])
