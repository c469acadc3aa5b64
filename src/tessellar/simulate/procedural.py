"""A cube of any size that is stored nowhere: every voxel follows from its place and a seed whenever it is read."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from numbers import Integral

import numpy as np

from tessellar.errors import UsageError
from tessellar.model import CubeMeta, FloatArray
from tessellar.simulate.header import describe
from tessellar.simulate.procedural_drawing import add_sources
from tessellar.simulate.procedural_lattice import CELL, MAX_BEAM_PIXELS, Recipe
from tessellar.simulate.procedural_noise import MAX_CHANNELS, MAX_PIXELS, fill_noise, pieces
from tessellar.simulate.voxels import stream
from tessellar.tiling.box import Box, Shape

KINDS = ("hi", "noise")
MAX_SEED = 2**64 - 1
MAX_SOURCES_PER_MVOXEL = 1e6 / math.prod(CELL)
SOURCES_PER_MVOXEL = 4.0
FLUX_RANGE = (8.0, 1500.0)

_DRAWING = 1  # raised whenever a change of the code changes a voxel
_NOISE, _SOURCES = 3, 4  # streams of random numbers that no other sky uses
_SAMPLING = ("beam_arcsec", "pixel_arcsec", "channel_hz", "first_frequency_hz")


@dataclass(frozen=True)
class ProceduralSky:
    """A cube of white noise and sources; a ``Source`` of voxels that exist only while they are read.

    A voxel is a pure function of its place, so cubes of terabytes open at once and any box of them, read in any
    order, has the same bits. Voxels are Jy/beam; the sampling is that of SKA Data Challenge 2 (see `HiSky`, whose
    skies are small and look real: galaxies in noise that is smooth like the beam).

    Parameters
    ----------
    kind
        ``hi`` has sources, ``noise`` has none.
    shape
        ``(frequency, l, m)``.
    seed
        Chooses noise and sources; the same seed gives the same sky.
    rms_jy
        Noise of a voxel, Jy/beam; white, Gaussian to 2e-5 sigma out to 8.3 sigma.
    sources_per_mvoxel
        Sources in a million voxels, up to 7.6: at most one in each cell of 32 × 64 × 64 voxels.
    flux_range
        Fluxes lie between these multiples of one rms times one channel; their number falls as flux^(-3/2).
    beam_arcsec
        Full width of the round beam at half maximum; two to twelve pixels.
    pixel_arcsec, channel_hz, first_frequency_hz
        The sampling; channel 0 has the lowest frequency.

    Raises
    ------
    UsageError
        If a setting is out of range; every problem is named.
    """

    kind: str
    shape: Shape
    seed: int = 0
    rms_jy: float = 30e-6
    sources_per_mvoxel: float = SOURCES_PER_MVOXEL
    flux_range: tuple[float, float] = FLUX_RANGE
    beam_arcsec: float = 11.2
    pixel_arcsec: float = 2.8
    channel_hz: float = 30e3
    first_frequency_hz: float = 950e6

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))
        object.__setattr__(self, "seed", _whole(self.seed))
        object.__setattr__(self, "flux_range", tuple(float(f) for f in self.flux_range))
        for name in ("rms_jy", "sources_per_mvoxel", *_SAMPLING):
            object.__setattr__(self, name, float(getattr(self, name)))
        problems = list(_problems(self))
        if problems:
            raise UsageError("This cube cannot be made: " + "; ".join(problems) + ".")

    @property
    def meta(self) -> CubeMeta:
        """What is known of the cube without its voxels."""
        return describe(self)

    @property
    def name(self) -> str:
        """A short name for people."""
        return f"procedural {self.kind} {self.seed}"

    @property
    def identity(self) -> str:
        """A text that changes with every setting and with the way voxels are made."""
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
    def address(self) -> str:
        """The text that stands for the cube where a path does."""
        from tessellar.simulate.procedural_address import address_of

        return address_of(self)

    @property
    def recipe(self) -> Recipe:
        """What the sources are drawn from."""
        share = self.sources_per_mvoxel / MAX_SOURCES_PER_MVOXEL if self.kind == "hi" else 0.0
        low, high = (flux * self.rms_jy for flux in self.flux_range)
        beam = self.beam_arcsec / self.pixel_arcsec
        return Recipe(stream(self.seed, _SOURCES), self.shape, share, beam, low, high)

    def read(self, box: Box) -> FloatArray:
        """Return the voxels of a box inside the cube, float32 array (frequency, l, m), Jy/beam."""
        self._check(box)
        voxels = np.empty(box.shape, dtype=np.float32)
        fill_noise(voxels, stream(self.seed, _NOISE), *box.start, self.rms_jy, pieces())
        return self._add_sources(box, voxels)

    def read_sources(self, box: Box) -> FloatArray:
        """Return the voxels of a box without noise, float32 array (frequency, l, m), Jy/beam."""
        self._check(box)
        return self._add_sources(box, np.zeros(box.shape, dtype=np.float32))

    def truth(self, box: Box | None = None) -> Iterator[dict[str, float]]:
        """Yield the sources whose centre lies in a box, or all, one by one: see `truth_rows`."""
        from tessellar.simulate.procedural_truth import truth_rows

        return truth_rows(self, box)

    def _add_sources(self, box: Box, voxels: FloatArray) -> FloatArray:
        if self.kind == "hi":
            add_sources(voxels, *box.start, self.recipe)
        return voxels

    def _check(self, box: Box) -> None:
        if box.empty or not Box.of_shape(self.shape).contains(box):
            raise UsageError(
                f"Box {box} is not inside the cube {Box.of_shape(self.shape)}; ask for a part of it."
            )


def _whole(seed: object) -> int:
    """Return a seed as Python's own number, under which the cube is known; -1 for what is no whole number."""
    return int(seed) if isinstance(seed, Integral) else -1


def _problems(sky: ProceduralSky) -> Iterator[str]:
    if sky.kind not in KINDS:
        yield f"kind is {sky.kind!r}, needed is {' or '.join(KINDS)}"
    if not 0 <= sky.seed <= MAX_SEED:
        yield "seed is out of range, needed is a whole number from 0 to 2^64 - 1"
    if sky.kind == "noise" and (sky.sources_per_mvoxel, sky.flux_range) != (SOURCES_PER_MVOXEL, FLUX_RANGE):
        yield "kind noise has no sources: leave sources_per_mvoxel and flux_range out"
    if not 0 <= sky.sources_per_mvoxel <= MAX_SOURCES_PER_MVOXEL:
        yield (
            f"sources_per_mvoxel is {sky.sources_per_mvoxel}, needed is 0 to {MAX_SOURCES_PER_MVOXEL:.2f} "
            "sources in a million voxels"
        )
    if len(sky.flux_range) != 2 or not 0 < sky.flux_range[0] <= sky.flux_range[1] < math.inf:
        yield f"flux_range is {sky.flux_range}, needed are two positive numbers, the lower first"
    yield from _problems_of_sampling(sky)


def _problems_of_sampling(sky: ProceduralSky) -> Iterator[str]:
    scales = {name: getattr(sky, name) for name in ("rms_jy", *_SAMPLING)}
    measured = all(math.isfinite(value) and value > 0 for value in scales.values())
    if not measured:
        yield f"{', '.join(scales)} must be positive numbers"
    elif not 2 <= round(sky.beam_arcsec / sky.pixel_arcsec, 9) <= MAX_BEAM_PIXELS:
        yield (
            f"the beam is {sky.beam_arcsec / sky.pixel_arcsec:.3g} pixels wide, needed are 2 to "
            f"{MAX_BEAM_PIXELS:.0f}: change beam_arcsec or pixel_arcsec"
        )
    longest = (MAX_CHANNELS, MAX_PIXELS, MAX_PIXELS)
    if len(sky.shape) != 3 or not all(1 <= n <= most for n, most in zip(sky.shape, longest, strict=True)):
        yield (
            f"shape is {sky.shape}, needed are 1 to {MAX_CHANNELS} channels and 1 to {MAX_PIXELS} pixels along "
            "l and m"
        )
    elif measured and math.radians(sky.pixel_arcsec / 3600) * math.hypot(*sky.shape[1:]) / 2 >= 1:
        yield (
            f"{sky.shape[1]} × {sky.shape[2]} pixels of {sky.pixel_arcsec} arcsec exceed half of the sky: "
            "use fewer, or a smaller pixel_arcsec"
        )
