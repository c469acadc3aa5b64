"""A field of faint HI galaxies like that of SKA Data Challenge 2, at any size, stored nowhere: made as it is read."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from functools import lru_cache
from numbers import Integral
from pathlib import Path

import numpy as np

from tessellar.errors import UsageError
from tessellar.model import CubeMeta, DoubleArray, FloatArray, IntArray
from tessellar.simulate.adding import Extents, add_cubelets
from tessellar.simulate.cache import CubeletCache
from tessellar.simulate.discs import Cubelet, Sampling
from tessellar.simulate.header import describe
from tessellar.simulate.sdc2 import files
from tessellar.simulate.sdc2.atlas import atlas_clouds, chosen_templates, reach_of_atlas, templates_of
from tessellar.simulate.sdc2.clouds import disc_clouds
from tessellar.simulate.sdc2.continuum import add_residuals
from tessellar.simulate.sdc2.drawing import draw
from tessellar.simulate.sdc2.galaxies import (
    Field,
    Galaxies,
    draw_galaxies,
    extents,
    line_sigma,
    reach_of_discs,
)
from tessellar.simulate.sdc2.noise import read_noise, rise, rms_of_channels
from tessellar.simulate.sdc2.relations import angular_diameter_distance
from tessellar.simulate.sdc2.rows import MassFunction, Parent
from tessellar.simulate.sdc2.settings import MAX_GALAXIES, RANGES, problems_of
from tessellar.simulate.voxels import stream
from tessellar.tiling.box import Box, Shape

_DRAWING = 1  # raised whenever a change of the code changes a voxel
_GALAXIES = 11  # stream of random numbers
_CUBELETS = CubeletCache(max_bytes=128 << 20)


@dataclass(frozen=True)
class Sdc2Sky:
    """Galaxies of a real population in the noise of MeerKAT; a ``Source`` of voxels that are made while read.

    A voxel is a pure function of its place and of the settings, so that any box has the same bits wherever it begins.
    Voxels are Jy/beam. The defaults are those of SKA Data Challenge 2: a beam of 7 arcsec, pixels of 2.8 arcsec,
    channels of 30 kHz from 950 MHz on, centre (180, -30) degrees.

    Parameters
    ----------
    shape
        ``(frequency, l, m)``; the challenge has 6668 channels, and 643 or 5851 pixels along each side.
    seed
        Chooses noise and galaxies.
    population
        ``mass-function``: the HI mass function with the relations of size and speed to mass, which need no file.
        ``sdc2``: like the rows of the challenge's own catalogue, which is read from ``sdc2_data``.
    shapes
        ``discs``: our model of a disc that turns, is warped, lopsided, thick and turbulent. ``atlas``: the real
        galaxies that the challenge used, scaled, tilted and rotated; read from ``sdc2_data``.
    density
        How many times the galaxies that the population has in the field.
    satellites
        Mean number of satellites of the brightest tenth of the galaxies; they are galaxies of the truth.
    noise
        ``expected``: that of the challenge's formula. ``measured``: times what MeerKAT measured, from ``sdc2_data``.
    rms_jy
        Noise in the middle of the field, Jy/beam; 0 for that of the formula.
    edge_noise
        How many times this it is in the corners.
    rfi_channels
        Share of the channels with 3 to 30 times the noise.
    continuum_residual
        Share of the flux of continuum sources that their subtraction left.
    sdc2_data
        Folder with the challenge's public files; by default ``sdc2`` in the folder that ``TESSELLAR_DATA`` names.
    beam_arcsec
        Full width of the round beam at half maximum; at least two pixels.
    pixel_arcsec, channel_hz, first_frequency_hz
        The sampling; channel 0 has the lowest frequency.

    Raises
    ------
    UsageError
        If a setting is out of range; every problem is named.
    InputError
        If a file is needed and cannot be read.
    """

    shape: Shape = (128, 192, 192)
    seed: int = 0
    population: str = "mass-function"
    shapes: str = "discs"
    density: float = 1.0
    satellites: float = 0.0
    noise: str = "expected"
    rms_jy: float = 0.0
    edge_noise: float = 1.5
    rfi_channels: float = 0.0
    continuum_residual: float = 0.0
    sdc2_data: str = ""
    beam_arcsec: float = 7.0
    pixel_arcsec: float = 2.8
    channel_hz: float = 30e3
    first_frequency_hz: float = 950e6

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))
        object.__setattr__(self, "seed", _whole(self.seed))
        for name in RANGES:
            object.__setattr__(self, name, float(getattr(self, name)))
        problems = list(problems_of(self))
        if problems:
            raise UsageError("This sky cannot be made: " + "; ".join(problems) + ".")
        folder = files.folder_of(self.sdc2_data) if self._files else ""
        object.__setattr__(self, "sdc2_data", folder)
        if self.count > MAX_GALAXIES:
            raise UsageError(
                f"This sky would hold {self.count:,} galaxies, and at most {MAX_GALAXIES:,} are kept in memory; "
                "make it smaller, or lower density."
            )

    @property
    def meta(self) -> CubeMeta:
        """What is known of the cube without its voxels."""
        return describe(self)

    @property
    def name(self) -> str:
        """A short name for people."""
        return f"SDC2 sky {self.seed}"

    @property
    def identity(self) -> str:
        """A text that changes with every setting, with what the files hold, and with the way skies are drawn."""
        settings = ", ".join(f"{name}={getattr(self, name)!r}" for name in SETTINGS if name != "sdc2_data")
        return f"Sdc2Sky({settings}), files {_digests(self)}, drawing {_DRAWING}"

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
    def sampling(self) -> Sampling:
        """How the cube samples sky and spectrum."""
        return Sampling(self.beam_arcsec / self.pixel_arcsec, self.first_frequency_hz, self.channel_hz)

    @property
    def count(self) -> int:
        """How many galaxies there are, without satellites."""
        area = math.prod(self.shape[1:]) * (self.pixel_arcsec / 3600.0) ** 2
        low, high = (self.sampling.frequency(z) for z in (-0.5, self.shape[0] - 0.5))
        return round(self.density * area * self._parent.density(low, high))

    @property
    def galaxies(self) -> Galaxies:
        """All galaxies."""
        return _galaxies(self)

    def read(self, box: Box) -> FloatArray:
        """Return the voxels of a box inside the cube, float32 array (frequency, l, m), Jy/beam."""
        self._check(box)
        voxels = read_noise(self, box)
        if self.continuum_residual:
            add_residuals(self, box, voxels)
        return self._add_galaxies(box, voxels)

    def read_galaxies(self, box: Box) -> FloatArray:
        """Return the voxels of a box without noise and residuals, float32 array (frequency, l, m), Jy/beam."""
        self._check(box)
        return self._add_galaxies(box, np.zeros(box.shape, dtype=np.float32))

    def cubelet(self, number: int) -> Cubelet:
        """Return galaxy ``number`` without noise; its box may reach beyond the cube."""
        return _CUBELETS.get((self, number), lambda: _draw(self, number))

    @property
    def middle_rms_jy(self) -> float:
        """The median noise of the channels in the middle of the field, Jy/beam."""
        return float(np.median(rms_of_channels(self)))

    def rms_of(self, number: int) -> float:
        """Return the noise at the centre of galaxy ``number``, Jy/beam."""
        galaxy = self.galaxies.galaxy(number)
        channel = min(max(round(galaxy.z), 0), self.shape[0] - 1)
        there = rise(self, np.array([galaxy.x]), np.array([galaxy.y]))
        return float(rms_of_channels(self)[channel] * there[0])

    def frequency_of(self, number: int) -> float:
        """Return the frequency of galaxy ``number``, Hz."""
        return self.sampling.frequency(float(self.galaxies["z"][number]))

    def places(self) -> dict[str, DoubleArray]:
        """Return what the truth says of all galaxies beside what is measured: ``x y z hi_size pa i``."""
        names = {name: name for name in ("x", "y", "z", "hi_size", "pa")} | {"i": "inclination"}
        return {name: self.galaxies[own] for name, own in names.items()}

    @property
    def _files(self) -> tuple[str, ...]:
        """Which of the challenge's files the sky is drawn from."""
        wanted = (
            (self.population == "sdc2", files.CATALOGUE),
            (self.shapes == "atlas", files.ATLAS),
            (self.noise == "measured", files.NOISE),
        )
        return tuple(name for needed, name in wanted if needed)

    @property
    def _parent(self) -> Parent:
        return files.catalogue_of(self.sdc2_data) if self.population == "sdc2" else MassFunction()

    def _add_galaxies(self, box: Box, voxels: FloatArray) -> FloatArray:
        return add_cubelets(box, voxels, _extents(self)[1], self.cubelet)

    def _check(self, box: Box) -> None:
        if box.empty or not Box.of_shape(self.shape).contains(box):
            raise UsageError(
                f"Box {box} is not inside the cube {Box.of_shape(self.shape)}; ask for a part of it."
            )


def _whole(seed: object) -> int:
    """Return a seed as Python's own number, under which the sky is known; -1 for what is no whole number."""
    return int(seed) if isinstance(seed, Integral) else -1


@lru_cache(maxsize=8)
def _digests(sky: Sdc2Sky) -> str:
    return ",".join(files.digest_of(Path(sky.sdc2_data) / name) for name in sky._files)


@lru_cache(maxsize=8)
def _galaxies(sky: Sdc2Sky) -> Galaxies:
    return draw_galaxies(
        Field(
            shape=sky.shape,
            sampling=sky.sampling,
            pixel_arcsec=sky.pixel_arcsec,
            parent=sky._parent,
            count=sky.count,
            satellites=sky.satellites,
            key=stream(sky.seed, _GALAXIES),
        )
    )


@lru_cache(maxsize=8)
def _chosen(sky: Sdc2Sky) -> IntArray:
    frequency = sky.first_frequency_hz + sky.galaxies["z"] * sky.channel_hz
    kpc = np.radians(sky.galaxies["hi_size"] / 3600.0) * 1e3 * angular_diameter_distance(frequency)
    return chosen_templates(sky.galaxies, templates_of(sky.sdc2_data), kpc)


@lru_cache(maxsize=8)
def _extents(sky: Sdc2Sky) -> tuple[tuple[Box, ...], Extents]:
    """Return the boxes of all galaxies."""
    if sky.shapes == "atlas":
        reach = reach_of_atlas(sky.galaxies, templates_of(sky.sdc2_data), _chosen(sky), sky.pixel_arcsec)
    else:
        reach = reach_of_discs(sky.galaxies)
    boxes = extents(sky.galaxies, sky.sampling, reach)
    return boxes, Extents.of(boxes)


def _draw(sky: Sdc2Sky, number: int) -> Cubelet:
    galaxy = sky.galaxies.galaxy(number)
    if sky.shapes == "atlas":
        template = templates_of(sky.sdc2_data)[int(_chosen(sky)[number])]
        clouds = atlas_clouds(galaxy, template, galaxy.hi_size / sky.pixel_arcsec)
        dispersion = galaxy.width * template.channel / math.sqrt(12.0)
    else:
        clouds, dispersion = disc_clouds(galaxy), galaxy.dispersion
    frequency = sky.sampling.frequency(galaxy.z)
    sigma = float(line_sigma(np.array(dispersion), np.array(frequency), sky.sampling))
    centre = (galaxy.z, galaxy.x, galaxy.y)
    return draw(clouds, sigma, galaxy.flux, centre, _extents(sky)[0][number], sky.sampling)


SETTINGS = tuple(field.name for field in fields(Sdc2Sky))
