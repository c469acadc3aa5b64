"""A made-up field of ALMA: discs of molecular gas behind the primary beam of its dishes, readable box by box."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tessellar.errors import UsageError
from tessellar.model import DoubleArray, FloatArray
from tessellar.simulate.cache import CubeletCache
from tessellar.simulate.discs import SPEED_OF_LIGHT, Cubelet, draw
from tessellar.simulate.hi import HiSky
from tessellar.simulate.population import SIZE_IN_SCALE_LENGTHS
from tessellar.tiling.box import Box

CO_2_1 = 230.538e9  # Hz, the line J = 2-1 of carbon monoxide at rest
DISH = 12.0  # m

_SOURCES_PER_VOXEL = 20 / (128 * 256 * 256)
_WIDTH = 1.13  # of the primary beam at half maximum, in wavelengths over diameters: ALMA Technical Handbook
_FROM_BEAM = 11.2  # arcsec: galaxies are as large against the beam as those of a HiSky are against this one
_DRAWING = 1  # raised whenever a change of the code changes a voxel
_CUBELETS = CubeletCache(max_bytes=128 << 20)


@dataclass(frozen=True)
class AlmaSky(HiSky):
    """A cube of rotating discs of molecular gas in noise, as one pointing of ALMA sees them, without continuum.

    Voxels are Jy/beam, not corrected for the primary beam: the noise is the same everywhere, and galaxies fade towards
    the edge of the field. The defaults are a field of 25.6 arcsec at CO(2-1): a beam of 0.5 arcsec, channels of 10 MHz
    (13 km/s), 0.3 mJy/beam of noise.

    Parameters
    ----------
    shape
        ``(frequency, l, m)``.
    seed, touch_edges, flux_range
        As for `HiSky`; fluxes are those before the primary beam.
    n_sources
        How many galaxies; by default 20 in 128 × 256 × 256 voxels and as many per voxel elsewhere.
    rms_jy, beam_arcsec, pixel_arcsec, channel_hz, first_frequency_hz
        As for `HiSky`.
    rest_frequency_hz
        Of the line; it makes the header, and with the frequency of a galaxy its width in km/s.
    dish_m
        Diameter of a dish.

    Raises
    ------
    UsageError
        If a setting is out of range; every problem is named.
    """

    rms_jy: float = 3e-4
    beam_arcsec: float = 0.5
    pixel_arcsec: float = 0.1
    channel_hz: float = 10e6
    first_frequency_hz: float = 229.9e9
    rest_frequency_hz: float = CO_2_1
    dish_m: float = DISH

    def __post_init__(self) -> None:
        super().__post_init__()
        problems = list(_problems(self))
        if problems:
            raise UsageError("This sky cannot be made: " + "; ".join(problems) + ".")

    @property
    def name(self) -> str:
        """A short name for people."""
        return f"ALMA sky {self.seed}"

    @property
    def identity(self) -> str:
        """A text that changes with every setting and with the way skies are drawn."""
        return f"{super().identity} of ALMA {_DRAWING}"

    @property
    def sources_per_voxel(self) -> float:
        """How dense galaxies are where nobody says how many there shall be."""
        return _SOURCES_PER_VOXEL

    @property
    def size_unit_arcsec(self) -> float:
        """What a pixel is on the sky, for the relation of sizes and fluxes."""
        return _FROM_BEAM / self.sampling.beam_pixels

    def cubelet(self, number: int) -> Cubelet:
        """Return galaxy ``number`` without noise, behind the primary beam; its box may reach beyond the cube."""
        return _CUBELETS.get((self, number), lambda: self._draw(number))

    def places(self) -> dict[str, DoubleArray]:
        """Return what the truth says of all galaxies beside what is measured: ``x y z hi_size pa i pb``."""
        galaxies = self.population
        size = galaxies.scale_length * SIZE_IN_SCALE_LENGTHS * self.pixel_arcsec
        frequencies = np.array([self.frequency_of(number) for number in range(len(galaxies))])
        response = self._response(galaxies.x, galaxies.y, frequencies)
        return {**super().places(), "hi_size": size, "pb": np.asarray(response, np.float64)}

    def _draw(self, number: int) -> Cubelet:
        whole = draw(self.population[number], self.sampling)
        return Cubelet(whole.box, whole.voxels * self._seen(whole.box, self.frequency_of(number)))

    def _seen(self, box: Box, frequency: float) -> FloatArray:
        """Return the response of the primary beam over a box, float32 array (l, m)."""
        x = np.arange(box.start[1], box.stop[1], dtype=np.float64)[:, None]
        y = np.arange(box.start[2], box.stop[2], dtype=np.float64)[None, :]
        return np.asarray(self._response(x, y, np.float64(frequency)), np.float32)

    def _response(self, x: DoubleArray, y: DoubleArray, frequency: DoubleArray | np.float64) -> DoubleArray:
        """Return a Gaussian around the middle of the field, 1 there."""
        width = np.degrees(_WIDTH * SPEED_OF_LIGHT / frequency / self.dish_m) * 3600.0 / self.pixel_arcsec
        away = (x - (self.shape[1] - 1) / 2) ** 2 + (y - (self.shape[2] - 1) / 2) ** 2
        return np.asarray(np.exp(-4.0 * math.log(2.0) * away / width**2))


def _problems(sky: AlmaSky) -> Iterator[str]:
    if not (math.isfinite(sky.dish_m) and sky.dish_m > 0):
        yield f"dish_m is {sky.dish_m}, needed is a diameter above 0"
    last = sky.first_frequency_hz + sky.channel_hz * (sky.shape[0] - 1)
    if not (math.isfinite(sky.rest_frequency_hz) and sky.rest_frequency_hz > 0):
        yield f"rest_frequency_hz is {sky.rest_frequency_hz}, needed is a frequency above 0"
    elif sky.rest_frequency_hz < 0.99 * last:
        yield (
            f"channels end at {last:g} Hz, far above the line at rest, {sky.rest_frequency_hz:g} Hz; choose lower "
            "frequencies, or another line"
        )
