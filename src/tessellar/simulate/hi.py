"""A made-up HI sky with known truth: rotating galaxies in beam-correlated noise, readable box by box."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tessellar.errors import UsageError
from tessellar.model import CubeMeta, DoubleArray, FloatArray
from tessellar.simulate.adding import Extents, add_cubelets
from tessellar.simulate.cache import CubeletCache
from tessellar.simulate.discs import Cubelet, Sampling, draw, extent
from tessellar.simulate.header import describe
from tessellar.simulate.noise import correlated_noise
from tessellar.simulate.population import SIZE_IN_SCALE_LENGTHS, Population, Recipe, draw_population
from tessellar.simulate.voxels import MAX_AXIS
from tessellar.tiling.box import Box, Shape

SOURCES_PER_VOXEL = 40 / (128 * 192 * 192)

_DRAWING = 2  # raised whenever a change of the code changes a voxel
_CUBELETS = CubeletCache(max_bytes=128 << 20)


@dataclass(frozen=True)
class HiSky:
    """A cube of rotating HI discs in noise; a ``Source`` of voxels that exist only while they are read.

    Voxels are Jy/beam. The defaults look like SKA Data Challenge 2: 2.8 arcsec pixels, 30 kHz channels from
    950 MHz on, 30 µJy/beam of noise, centre (180, -30) degrees; the beam is 4 pixels wide.

    Parameters
    ----------
    shape
        ``(frequency, l, m)``.
    seed
        Chooses noise and galaxies; the same seed gives the same sky.
    n_sources
        How many galaxies; by default 40 in 128 × 192 × 192 voxels and as many per voxel elsewhere.
    rms_jy
        Noise of a voxel, Jy/beam.
    beam_arcsec
        Full width of the round beam at half maximum; at least two pixels.
    pixel_arcsec, channel_hz, first_frequency_hz
        The sampling; channel 0 has the lowest frequency.
    flux_range
        Fluxes are log-uniform between these multiples of one rms times one channel.
    touch_edges
        Whether the edge of the cube may cut galaxies.

    Raises
    ------
    UsageError
        If a setting is out of range; every problem is named.
    """

    shape: Shape
    seed: int = 0
    n_sources: int | None = None
    rms_jy: float = 30e-6
    beam_arcsec: float = 11.2
    pixel_arcsec: float = 2.8
    channel_hz: float = 30e3
    first_frequency_hz: float = 950e6
    flux_range: tuple[float, float] = (8.0, 1500.0)
    touch_edges: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))
        object.__setattr__(self, "flux_range", tuple(float(f) for f in self.flux_range))
        problems = list(_problems(self))
        if problems:
            raise UsageError("This sky cannot be made: " + "; ".join(problems) + ".")

    @property
    def meta(self) -> CubeMeta:
        """What is known of the cube without its voxels."""
        return describe(self)

    @property
    def name(self) -> str:
        """A short name for people."""
        return f"HI sky {self.seed}"

    @property
    def identity(self) -> str:
        """A text that changes with every setting and with the way skies are drawn."""
        return f"{self!r}, drawing {_DRAWING}"

    @property
    def chunks(self) -> None:
        """Any box is as good as another."""
        return

    @property
    def stored_bytes(self) -> int:
        """Nothing is stored."""
        return 0

    @property
    def sampling(self) -> Sampling:
        """How the cube samples sky and spectrum."""
        beam_pixels = self.beam_arcsec / self.pixel_arcsec
        return Sampling(beam_pixels, self.first_frequency_hz, self.channel_hz)

    @property
    def sources_per_voxel(self) -> float:
        """How dense galaxies are where nobody says how many there shall be."""
        return SOURCES_PER_VOXEL

    @property
    def size_unit_arcsec(self) -> float:
        """What a pixel is on the sky, for the relation of sizes and fluxes."""
        return self.pixel_arcsec

    @property
    def population(self) -> Population:
        """The galaxies."""
        return _populate(self)

    def read(self, box: Box) -> FloatArray:
        """Return the voxels of a box inside the cube, float32 array (frequency, l, m), Jy/beam."""
        self._check(box)
        noise = correlated_noise(box, self.seed, self.sampling.beam_pixels, self.rms_jy)
        return self._add_galaxies(box, noise)

    def read_galaxies(self, box: Box) -> FloatArray:
        """Return the voxels of a box without noise, float32 array (frequency, l, m), Jy/beam."""
        self._check(box)
        return self._add_galaxies(box, np.zeros(box.shape, dtype=np.float32))

    def cubelet(self, number: int) -> Cubelet:
        """Return galaxy ``number`` without noise; its box may reach beyond the cube."""
        return _CUBELETS.get((self, number), lambda: draw(self.population[number], self.sampling))

    def rms_of(self, number: int) -> float:
        """Return the noise at galaxy ``number``, Jy/beam: the same everywhere."""
        del number
        return self.rms_jy

    def frequency_of(self, number: int) -> float:
        """Return the systemic frequency of galaxy ``number``, Hz."""
        return self.sampling.frequency(float(self.population.z[number]))

    def places(self) -> dict[str, DoubleArray]:
        """Return what the truth says of all galaxies beside what is measured: ``x y z hi_size pa i``."""
        galaxies = self.population
        size = galaxies.scale_length * SIZE_IN_SCALE_LENGTHS * self.pixel_arcsec
        own = {"x": galaxies.x, "y": galaxies.y, "z": galaxies.z, "hi_size": size}
        return {**own, "pa": galaxies.pa, "i": galaxies.inclination}

    def _add_galaxies(self, box: Box, voxels: FloatArray) -> FloatArray:
        return add_cubelets(box, voxels, _extents(self), self.cubelet)

    def _check(self, box: Box) -> None:
        if box.empty or not Box.of_shape(self.shape).contains(box):
            raise UsageError(
                f"Box {box} is not inside the cube {Box.of_shape(self.shape)}; ask for a part of it."
            )


def _problems(sky: HiSky) -> Iterator[str]:
    if len(sky.shape) != 3 or min(sky.shape) < 1 or max(sky.shape) > MAX_AXIS:
        yield f"shape is {sky.shape}, needed are three axes of 1 to {MAX_AXIS} voxels (frequency, l, m)"
        return
    scales = (sky.rms_jy, sky.pixel_arcsec, sky.channel_hz, sky.first_frequency_hz, sky.beam_arcsec)
    if not all(math.isfinite(value) and value > 0 for value in scales):
        yield "rms_jy, pixel_arcsec, channel_hz, first_frequency_hz and beam_arcsec must be positive"
        return
    if sky.n_sources is not None and sky.n_sources < 0:
        yield f"n_sources is {sky.n_sources}, needed is 0 or more"
    if len(sky.flux_range) != 2 or not 0 < sky.flux_range[0] <= sky.flux_range[1] < math.inf:
        yield f"flux_range is {sky.flux_range}, needed are two positive numbers, the lower first"
    if sky.beam_arcsec < 2 * sky.pixel_arcsec:
        yield f"a beam of {sky.beam_arcsec} arcsec needs pixels of {sky.beam_arcsec / 2} arcsec or less"
    if math.radians(sky.pixel_arcsec / 3600) * math.hypot(*sky.shape[1:]) / 2 >= 1:
        yield f"{sky.shape[1]} × {sky.shape[2]} pixels of {sky.pixel_arcsec} arcsec exceed half of the sky"


@lru_cache(maxsize=8)
def _populate(sky: HiSky) -> Population:
    count = sky.n_sources
    if count is None:
        count = round(sky.sources_per_voxel * math.prod(sky.shape))
    return draw_population(
        Recipe(
            shape=sky.shape,
            seed=sky.seed,
            count=count,
            sampling=sky.sampling,
            rms_jy=sky.rms_jy,
            flux_range=sky.flux_range,
            pixel_arcsec=sky.size_unit_arcsec,
            touch_edges=sky.touch_edges,
        )
    )


@lru_cache(maxsize=8)
def _extents(sky: HiSky) -> Extents:
    return Extents.of([extent(sky.population[number], sky.sampling) for number in range(len(sky.population))])
