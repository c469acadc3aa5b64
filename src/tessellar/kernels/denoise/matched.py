"""The matched filter: how bright a source of the beam's shape and of a boxcar spectrum would be, at every voxel."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from tessellar.errors import UsageError
from tessellar.kernels.correlation import Correlation
from tessellar.kernels.denoise.band_noise import (
    GRID,
    band_sigmas,
    counted,
    in_noise,
    sky_power,
    spectral_power,
)
from tessellar.kernels.denoise.convolve import convolve
from tessellar.kernels.denoise.dense import Denoise
from tessellar.kernels.filters import boxcar_radius, gaussian_taps
from tessellar.model import CubeMeta, DoubleArray, FloatArray, IntArray, MemoryUse, Patch
from tessellar.tiling.box import Halo, Shape

MAX_WIDTH = 511  # channels
GAINS = ("mean", "peak")
_ONE = np.ones(1, np.float32)


@dataclass(frozen=True, slots=True)
class MatchedFilter:
    """The amplitude of the best template at each voxel: a round beam on the sky times a boxcar along frequency.

    With a template ``T`` of peak 1, the cube ``u`` in units of its noise and ``m`` 1 where it holds data and 0
    elsewhere, ``a = sum(T u) / sum(T^2 m)`` is the least squares amplitude; ``a sqrt(sum(T^2 m))`` over the noise that
    is known of it for the whole cube is its S/N. Of several widths each voxel takes the one of the highest S/N, in
    either sign. A voxel becomes ``sum(T u) / sum(T m)``, the mean through that template, or ``a``. A blank voxel stays
    blank; a voxel whose noise is unknown stays as it is, and is blank to others.

    Parameters
    ----------
    widths_z
        Of the boxcars, channels, odd; one is a fixed template.
    fwhm_xy
        Full width at half maximum of the template on the sky, pixels; None for a round beam of the area of the cube's.
    gain
        ``mean``: emission much wider than the template keeps its brightness, and a source of its shape half of it or
        less; ``peak``: a source of its shape keeps its peak, and wide emission is exaggerated.

    Raises
    ------
    UsageError
        A setting is out of range.
    """

    widths_z: tuple[int, ...] = (3, 7, 15)
    fwhm_xy: float | None = None
    gain: str = "mean"

    name: ClassVar[str] = "matched"
    outputs: ClassVar[tuple[str, ...]] = ("denoised", "uncertainty")

    def __post_init__(self) -> None:
        widths = tuple(sorted({int(width) for width in self.widths_z}))
        problems = [
            f"widths_z has {width:g}, needed are odd whole numbers from 1 to {MAX_WIDTH}"
            for width in self.widths_z
            if width != int(width) or not 1 <= width <= MAX_WIDTH or int(width) % 2 == 0
        ]
        if not widths:
            problems.append("widths_z is empty, needed is one width at least")
        if self.fwhm_xy is not None and not 0 < self.fwhm_xy <= MAX_WIDTH:
            problems.append(f"fwhm_xy is {self.fwhm_xy:g}, needed is more than 0, up to {MAX_WIDTH}")
        if self.gain not in GAINS:
            problems.append(f"gain is '{self.gain}', needed is {' or '.join(GAINS)}")
        if problems:
            raise UsageError(f"The kernel matched cannot be made: {'; '.join(problems)}.")
        object.__setattr__(self, "widths_z", widths)

    def halo(self, meta: CubeMeta) -> Halo:
        """Return the reach of the widest template.

        Raises
        ------
        UsageError
            Neither the recipe nor the cube has a beam.
        """
        sky = self.taps(meta).size - 1
        return Halo.symmetric((boxcar_radius(self.widths_z[-1]), sky, sky))

    def memory(self, shape: Shape) -> MemoryUse:
        """Return the bytes of thirteen arrays of the patch: data and weights, through beam and boxcar, results."""
        return MemoryUse(52 * shape[0] * shape[1] * shape[2])

    def prepare(self, meta: CubeMeta, device: str) -> Denoise:
        """Return what filters one patch, with the noise of templates that white noise has.

        `CalibratedFilter` knows that of a cube.
        """
        white = (1.0,) * len(self.widths_z)
        return CalibratedFilter(self, white).prepare(meta, device)

    def taps(self, meta: CubeMeta) -> FloatArray:
        """Return the centre and one half of the template on the sky, of peak 1, float32 array (radius + 1)."""
        half = gaussian_taps(self._width(meta))
        return np.asarray(half / half[0], dtype=np.float32)

    def count(self, patch: Patch, noise: FloatArray, meta: CubeMeta) -> IntArray:
        """Return how the negative S/N of each width are distributed, int64 array (width, bin)."""
        scaled = in_noise(patch.voxels, noise)
        known = np.isfinite(scaled[patch.core.relative_to(patch.read.start).slices()])
        rows = [
            counted([np.where(known, amplitude * root, np.float32(0.0))])
            for amplitude, root in _amplitudes(patch, scaled, self.taps(meta), self.widths_z)
        ]
        return np.concatenate(rows)

    def calibrated(
        self, counts: IntArray | None, correlation: Correlation, meta: CubeMeta
    ) -> CalibratedFilter:
        """Return the filter that knows the noise of its templates."""
        predicted = predicted_noise(correlation, self.taps(meta), self.widths_z)
        return CalibratedFilter(self, band_sigmas(counts, predicted))

    def _width(self, meta: CubeMeta) -> float:
        if self.fwhm_xy is not None:
            return self.fwhm_xy
        if not meta.beams or meta.pixel_size is None:
            raise UsageError(
                f"The kernel matched has the beam as its template, and {meta.name} has none. "
                "Give its width in pixels: --set fwhm_xy=4."
            )
        beam = meta.beams[len(meta.beams) // 2]
        return math.sqrt(beam.major * beam.minor / (meta.pixel_size[0] * meta.pixel_size[1]))


@dataclass(frozen=True, slots=True)
class CalibratedFilter:
    """A matched filter that knows the noise of its templates.

    Attributes
    ----------
    recipe
        The templates.
    template_sigma
        What the S/N of each width would scatter by if noise were white, as it really does.
    """

    recipe: MatchedFilter
    template_sigma: tuple[float, ...]

    name: ClassVar[str] = MatchedFilter.name
    outputs: ClassVar[tuple[str, ...]] = MatchedFilter.outputs

    def halo(self, meta: CubeMeta) -> Halo:
        """Return that of the recipe."""
        return self.recipe.halo(meta)

    def memory(self, shape: Shape) -> MemoryUse:
        """Return that of the recipe."""
        return self.recipe.memory(shape)

    def prepare(self, meta: CubeMeta, device: str) -> Denoise:  # noqa: ARG002  # nothing to load
        """Return what filters one patch; the second output is the standard deviation of the first."""
        return partial(_filtered, recipe=self.recipe, taps=self.recipe.taps(meta), sigmas=self.template_sigma)


def _amplitudes(
    patch: Patch, scaled: FloatArray, taps: FloatArray, widths: tuple[int, ...]
) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Yield for each width the amplitude and the root of the summed squares of the template, of the core."""
    known = np.isfinite(scaled)
    core = patch.core.relative_to(patch.read.start).slices()
    sums = convolve(np.where(known, scaled, np.float32(0.0)), _ONE, taps, taps)
    squares = convolve(known.astype(np.float32), _ONE, taps * taps, taps * taps)
    for width in widths:
        square = convolve(squares, _boxcar(width), _ONE, _ONE)[core]
        with np.errstate(divide="ignore", invalid="ignore"):
            amplitude = convolve(sums, _boxcar(width), _ONE, _ONE)[core] / square
        yield amplitude, np.sqrt(square)


def _filtered(
    patch: Patch, noise: FloatArray, recipe: MatchedFilter, taps: FloatArray, sigmas: tuple[float, ...]
) -> FloatArray:
    core = patch.core.relative_to(patch.read.start).slices()
    scaled = in_noise(patch.voxels, noise)
    best = np.full(patch.core.shape, -1.0, np.float32)
    out = np.full((2, *patch.core.shape), np.nan, np.float32)
    found = zip(recipe.widths_z, sigmas, _amplitudes(patch, scaled, taps, recipe.widths_z), strict=True)
    for width, sigma, (amplitude, root) in found:
        ratio = np.abs(amplitude * root) / np.float32(sigma)
        better = ratio > best
        with np.errstate(divide="ignore", invalid="ignore"):
            error = np.float32(sigma) / root
            if recipe.gain == "mean":
                share = (
                    root
                    * root
                    / convolve(np.isfinite(scaled).astype(np.float32), _boxcar(width), taps, taps)[core]
                )
                amplitude, error = amplitude * share, error * share
        for values, new in ((best, ratio), (out[0], amplitude), (out[1], error)):
            np.copyto(values, new, where=better)
    return _in_unit(out, patch.voxels[core], noise[core], np.isfinite(scaled[core]))


def _in_unit(
    out: FloatArray, voxels: FloatArray, noise: FloatArray, known: npt.NDArray[np.bool_]
) -> FloatArray:
    """Return results in the cube's unit; voxels of unknown noise as they are, blank ones blank."""
    nothing = np.float32(np.nan)
    as_it_is = np.where(np.isfinite(voxels), voxels, nothing)
    return np.stack([np.where(known, out[0] * noise, as_it_is), np.where(known, out[1] * noise, nothing)])


def _boxcar(width: int) -> FloatArray:
    return np.ones(boxcar_radius(width) + 1, np.float32)


def predicted_noise(correlation: Correlation, taps: FloatArray, widths: tuple[int, ...]) -> DoubleArray:
    """Return by how much the noise of each template exceeds that in white noise, float64 array (width)."""
    power, along = sky_power(correlation), spectral_power(correlation)
    sky = _response(taps)
    on_sky = float((np.multiply.outer(sky, sky) ** 2 * power).mean()) / float((sky**2).mean()) ** 2
    found = []
    for width in widths:
        response = _response(_boxcar(width))
        found.append(on_sky * float((response**2 * along).mean()) / float((response**2).mean()))
    return np.asarray(np.sqrt(found))


def _response(half: DoubleArray | FloatArray) -> DoubleArray:
    """Return the response of symmetric taps by frequency, float64 array (GRID)."""
    phase = 2.0 * np.pi * np.multiply.outer(np.arange(GRID), np.arange(half.size)) / GRID
    weights = np.where(np.arange(half.size) > 0, 2.0, 1.0) * half
    return np.asarray(np.cos(phase) @ weights)
