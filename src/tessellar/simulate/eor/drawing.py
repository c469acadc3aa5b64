"""How a box of a low-frequency sky is made: block by block, in bounded memory, each voxel from its place alone."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import product

import numpy as np

from tessellar.model import DoubleArray, FloatArray
from tessellar.simulate.eor import diffuse, observation
from tessellar.simulate.eor.beam import BeamTaps, beam_taps, reach, smooth_plane
from tessellar.simulate.eor.diffuse import DiffuseMaps, unit_map
from tessellar.simulate.eor.gsm import add_components, component_maps, model_of
from tessellar.simulate.eor.lattices import field_of
from tessellar.simulate.eor.points import PointLaw, add_points, kelvin_per_jansky, points_in
from tessellar.simulate.eor.sensitivity import noise_of_half
from tessellar.simulate.eor.sky import EorSky
from tessellar.simulate.procedural_noise import pieces
from tessellar.simulate.voxels import logarithm, stream
from tessellar.tiling.box import Box, Halo, Shape

BLOCK = (64, 128, 256)  # voxels made at once, by the 50 MB that they take; with a beam there is a margin

_POINTS = 2400  # stream of random numbers


def draw(sky: EorSky, box: Box, out: FloatArray) -> None:
    """Fill a float32 array (frequency, l, m) with the voxels of a box."""
    margin = reach(sky.beam_pixels(0), sky.sidelobe) if sky.beam_arcsec else 0
    logs = _logs(sky, box)
    for column in _parts(box, (box.shape[0], *BLOCK[1:])):
        foregrounds = _Foregrounds(sky, column.grow(Halo.symmetric((0, margin, margin))))
        for block in _parts(column, (BLOCK[0], *column.shape[1:])):
            place = block.relative_to(box.start).slices()
            out[place] = _block(sky, block, margin, foregrounds, logs[place[0]])


def _block(sky: EorSky, block: Box, margin: int, foregrounds: _Foregrounds, logs: DoubleArray) -> DoubleArray:
    """Return the voxels of a block, float64 array (frequency, l, m)."""
    wide = block.grow(Halo.symmetric((0, margin, margin)))
    field = np.zeros(wide.shape)
    foregrounds.add(field, wide, logs)
    if "signal" in sky.contents:
        field += field_of(sky.signal.components, wide)
    if margin:
        field = _seen(sky, field, block, margin)
    if "noise" in sky.contents:
        _observe(sky, block, field)
    return field


def _seen(sky: EorSky, field: DoubleArray, block: Box, margin: int) -> DoubleArray:
    """Return the sky as seen through the beam, without the margin."""
    out = np.zeros(block.shape)
    for channel in range(block.start[0], block.stop[0]):
        beam = _beam(sky.beam_pixels(channel), sky.sidelobe)
        place = channel - block.start[0]
        smooth_plane(field[place], margin - beam.radius, beam.rows, beam.weights, out[place])
    return out


@lru_cache(maxsize=1024)
def _beam(fwhm: float, sidelobe: float) -> BeamTaps:
    return beam_taps(fwhm, sidelobe)


def _observe(sky: EorSky, block: Box, field: DoubleArray) -> None:
    """Add noise, and take away what interference has spoilt."""
    rms = noise_of_half(sky, block.start[0], block.stop[0])
    if rms.any():
        observation.add_noise(field, observation.half_keys(sky.seed), sky.half, *block.start, rms, pieces())
    if sky.rfi_fraction:
        observation.blank(field, observation.flag_key(sky.seed), sky.rfi_fraction, *block.start)
    for channel in observation.lost_channels(sky.seed, sky.rfi_channels, block.start[0], block.stop[0]):
        field[channel - block.start[0]] = np.nan


class _Foregrounds:
    """The foregrounds of some pixels, in any channel.

    Parameters
    ----------
    sky
        The sky.
    column
        A box whose pixels they are.
    """

    def __init__(self, sky: EorSky, column: Box) -> None:
        self._sky = sky
        self._maps = None if sky.gsm else _maps(sky, column)
        measured = sky.gsm and "synchrotron" in sky.contents
        self._measured = component_maps(sky.gsm, sky.meta.wcs_header, column) if measured else None
        self._points = (
            points_in(_law(sky), *column.start[1:], *column.shape[1:]) if _has_points(sky) else None
        )

    def add(self, field: DoubleArray, box: Box, logs: DoubleArray) -> None:
        """Add them to a float64 array (frequency, l, m); logs (frequency) of the frequency over the reference."""
        contents, maps = self._sky.contents, self._maps
        if maps and "synchrotron" in contents:
            diffuse.add_synchrotron(field, maps.brightness, maps.index, maps.curvature, logs)
        if maps and "freefree" in contents:
            diffuse.add_power_law(field, maps.freefree, diffuse.FREEFREE_INDEX, logs)
        if self._measured is not None:
            frequencies = np.array([self._sky.frequency(z) for z in range(box.start[0], box.stop[0])])
            add_components(field, self._measured, model_of(self._sky.gsm).weights(frequencies))
        if self._points is not None:
            add_points(field, *self._points, logs)


def _maps(sky: EorSky, column: Box) -> DiffuseMaps:
    """Return the maps of the diffuse foregrounds that the cube holds; the others are empty."""

    def drawn(part: str, name: str, slope: float, mean: float, spread: float) -> FloatArray:
        if part not in sky.contents:
            return np.empty((0, 0), dtype=np.float32)
        return np.float32(mean) + np.float32(spread) * unit_map(
            sky.seed, name, slope, sky.pixel_arcsec, column
        )

    mean, spread = sky.synchrotron_k, sky.synchrotron_k * sky.synchrotron_spread
    logarithms = drawn("freefree", "freefree", diffuse.FREEFREE_SLOPE, 0.0, sky.freefree_spread)
    return DiffuseMaps(
        drawn("synchrotron", "brightness", diffuse.BRIGHTNESS_SLOPE, mean, spread),
        drawn("synchrotron", "index", diffuse.INDEX_SLOPE, sky.synchrotron_index, sky.index_spread),
        drawn("synchrotron", "curvature", diffuse.INDEX_SLOPE, sky.curvature, sky.curvature_spread),
        np.float32(sky.freefree_k) * diffuse.exponentials(logarithms),
    )


def _has_points(sky: EorSky) -> bool:
    return "points" in sky.contents and sky.points_in_pixel > 0.0


def _law(sky: EorSky) -> PointLaw:
    kelvin = kelvin_per_jansky(sky.pixel_arcsec, sky.reference_hz)
    low, high = (flux * kelvin for flux in sky.points_jy)
    return PointLaw(
        stream(sky.seed, _POINTS),
        sky.points_in_pixel,
        low,
        high,
        sky.points_slope,
        sky.points_index,
        sky.points_index_spread,
    )


def _logs(sky: EorSky, box: Box) -> DoubleArray:
    """Return the logarithms of the channels' frequencies over the reference, float64 array (frequency)."""
    channels, reference = range(box.start[0], box.stop[0]), sky.reference_hz
    return np.array([logarithm(sky.frequency(channel) / reference) for channel in channels])


def _parts(box: Box, shape: Shape) -> Iterator[Box]:
    """Yield the parts of a box, of a shape or smaller, that make it up."""
    starts = [range(a, b, n) for a, b, n in zip(box.start, box.stop, shape, strict=True)]
    for z, x, y in product(*starts):
        yield Box((z, x, y), (z + shape[0], x + shape[1], y + shape[2])) & box
