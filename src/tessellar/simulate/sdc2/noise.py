"""The noise of a MeerKAT field: how strong it is in each channel and pixel, and which channels interference spoils."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from tessellar.model import DoubleArray, FloatArray
from tessellar.simulate.noise import correlated_noise
from tessellar.simulate.sdc2.files import noise_ratio_of
from tessellar.simulate.voxels import stream, uniforms
from tessellar.tiling.box import Box

if TYPE_CHECKING:
    from tessellar.simulate.sdc2.sky import Sdc2Sky

_RFI = 12  # stream of random numbers
_LOUDEST, _QUIETEST = (
    30.0,
    3.0,
)  # how many times the noise of a channel with interference may be the usual one


def expected_rms(frequency: DoubleArray, channel_hz: float) -> DoubleArray:
    """Return the noise that the challenge expects at frequencies in Hz, Jy/beam: 26.6 µJy in 30 kHz at 950 MHz."""
    per_115_khz = 1e-6 * (13.6 + 3.5 * (frequency / 1e9 - 0.95) / 0.40)
    return np.asarray(per_115_khz * np.sqrt(115e3 / channel_hz))


@lru_cache(maxsize=4)
def rms_of_channels(sky: Sdc2Sky) -> DoubleArray:
    """Return the noise of each channel in the middle of the field, float64 array (channel), Jy/beam."""
    frequency = sky.first_frequency_hz + sky.channel_hz * np.arange(sky.shape[0], dtype=np.float64)
    rms = np.full(sky.shape[0], sky.rms_jy) if sky.rms_jy else expected_rms(frequency, sky.channel_hz)
    if sky.noise == "measured":
        rms *= np.interp(frequency, *noise_ratio_of(sky.sdc2_data))
    spoilt = uniforms(stream(sky.seed, _RFI), 0, 2, sky.shape[0]) < sky.rfi_channels
    louder = _QUIETEST * (_LOUDEST / _QUIETEST) ** uniforms(stream(sky.seed, _RFI), 1, 2, sky.shape[0])
    return np.where(spoilt, rms * louder, rms)


def rise(sky: Sdc2Sky, x: DoubleArray, y: DoubleArray) -> DoubleArray:
    """Return how many times the noise at pixels is that of the middle: it rises to the corners as distance⁴."""
    _, width, height = sky.shape
    off_x, off_y = x - 0.5 * (width - 1), y - 0.5 * (height - 1)
    far = (off_x**2 + off_y**2) / (0.25 * (width**2 + height**2))
    return np.asarray(1.0 + (sky.edge_noise - 1.0) * far**2)


def read_noise(sky: Sdc2Sky, box: Box) -> FloatArray:
    """Return the noise of a box, float32 array (frequency, l, m), Jy/beam."""
    voxels = correlated_noise(box, sky.seed, sky.sampling.beam_pixels, 1.0)
    voxels *= rms_of_channels(sky)[box.start[0] : box.stop[0], np.newaxis, np.newaxis].astype(np.float32)
    if sky.edge_noise != 1.0:
        x, y = (np.arange(box.start[axis], box.stop[axis], dtype=np.float64) for axis in (1, 2))
        voxels *= rise(sky, x[:, np.newaxis], y).astype(np.float32)
    return voxels
