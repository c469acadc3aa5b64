"""What one galaxy of a made-up sky looks like without noise: its flux, line width, size in voxels and S/N."""

from __future__ import annotations

import math
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from tessellar.model import GAUSSIAN_AREA, CubeMeta, DoubleArray, FloatArray
from tessellar.simulate.discs import SPEED_OF_LIGHT, Cubelet, Sampling
from tessellar.simulate.header import Sampled, rest_frequency
from tessellar.tiling.box import Box

BoolArray: TypeAlias = npt.NDArray[np.bool_]

BOUNDS = ("x_min", "x_max", "y_min", "y_max", "z_min", "z_max")
MEASURED = ("f_sum", "w20", "w20_freq", "snr", "n90", *BOUNDS)


class SkyOfGalaxies(Sampled, Protocol):
    """A sky whose galaxies can be drawn one by one."""

    @property
    def identity(self) -> str:
        """A text that changes with every setting."""

    @property
    def meta(self) -> CubeMeta:
        """What is known of the cube without its voxels."""

    @property
    def sampling(self) -> Sampling:
        """How the cube samples sky and spectrum."""

    @property
    def rms_jy(self) -> float:
        """Noise that was asked for, Jy/beam."""

    def cubelet(self, number: int) -> Cubelet:
        """Return a galaxy without noise."""

    def rms_of(self, number: int) -> float:
        """Return the noise at the centre of a galaxy, Jy/beam."""

    def frequency_of(self, number: int) -> float:
        """Return the frequency of a galaxy, Hz."""

    def places(self) -> dict[str, DoubleArray]:
        """Return ``x y z hi_size pa i`` of all galaxies, float64 arrays (galaxy)."""


def measure(sky: SkyOfGalaxies, number: int) -> dict[str, float]:
    """Return what galaxy ``number`` looks like inside the cube: the columns of ``MEASURED``.

    Bounding box and ``n90`` are those of the brightest voxels that hold 90 % of the flux. The S/N follows
    SoFiA's convention of one independent sample a beam.
    """
    cubelet = sky.cubelet(number)
    inside = cubelet.box & Box.of_shape(sky.shape)
    voxels = cubelet.voxels[inside.relative_to(cubelet.box.start).slices()]
    area = GAUSSIAN_AREA * sky.sampling.beam_pixels**2
    total = float(voxels.sum(dtype=np.float64))
    bright = _brightest(voxels, 0.9)
    width = line_width(voxels.sum(axis=(1, 2), dtype=np.float64), 0.2) * sky.channel_hz
    frequency = sky.frequency_of(number)
    n90 = int(bright.sum())
    return {
        "f_sum": total / area * sky.channel_hz,
        "w20": SPEED_OF_LIGHT / 1e3 * rest_frequency(sky) * width / frequency**2,
        "w20_freq": width,
        "n90": n90,
        "snr": 0.9 * total / (sky.rms_of(number) * math.sqrt(n90 * area)),
        **_bounds(bright, inside),
    }


def _brightest(voxels: FloatArray, share: float) -> BoolArray:
    """Return the mask of the brightest voxels that together hold a share of the flux."""
    falling = np.sort(voxels, axis=None)[::-1]
    enclosed = np.cumsum(falling, dtype=np.float64)
    needed = int(np.searchsorted(enclosed, share * enclosed[-1]))
    return np.asarray(voxels >= falling[min(needed, falling.size - 1)])


def _bounds(mask: BoolArray, box: Box) -> dict[str, int]:
    found: dict[str, int] = {}
    for axis, name in enumerate("zxy"):
        others = tuple(a for a in range(3) if a != axis)
        index = np.flatnonzero(mask.any(axis=others)) + box.start[axis]
        found |= {f"{name}_min": int(index[0]), f"{name}_max": int(index[-1])}
    return found


def line_width(spectrum: DoubleArray, level: float) -> float:
    """Return the width of a line where, from outside in, it first reaches a share of its peak, channels."""
    threshold = level * spectrum.max()
    above = np.flatnonzero(spectrum >= threshold)
    first, last = int(above[0]), int(above[-1])
    return (
        _crossing(spectrum[::-1], spectrum.size - 1 - last, threshold)
        + _crossing(spectrum, first, threshold)
        + (last - first)
    )


def _crossing(spectrum: DoubleArray, index: int, threshold: float) -> float:
    """Return by how much of a channel the spectrum crosses the threshold before ``index``."""
    before = spectrum[index - 1] if index > 0 else 0.0
    return float((spectrum[index] - threshold) / (spectrum[index] - before))
