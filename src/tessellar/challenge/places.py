"""Where the rows of a catalogue lie, and how far away a counterpart may be: in pixels, or on the sky."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tessellar.challenge.columns import numbers
from tessellar.errors import InputError
from tessellar.model import DoubleArray

if TYPE_CHECKING:
    from astropy.table import QTable

ARCSEC_PER_RADIAN = 206_264.80624709636
SPEED_OF_LIGHT = 299_792.458  # km/s
MIN_PIXELS = 4.0  # where nobody says what the beam measures
MIN_CHANNELS = 4.0
HI_REST_FREQUENCY = 1420405751.786  # Hz

_SPECTRAL = ("freq", "central_freq")
_VELOCITIES = ("v_rad", "v_opt", "v_app")


@dataclass(frozen=True, slots=True)
class Scales:
    """What a beam, a pixel and a channel measure, where anybody says.

    Attributes
    ----------
    beam_arcsec
        Full width of the beam at half maximum.
    pixel_arcsec, channel_hz
        Size of a pixel and width of a channel.
    rest_frequency_hz
        Of the line; that of HI where nobody says.
    """

    beam_arcsec: float | None = None
    pixel_arcsec: float | None = None
    channel_hz: float | None = None
    rest_frequency_hz: float = HI_REST_FREQUENCY


@dataclass(frozen=True, slots=True)
class Places:
    """Rows as points.

    Attributes
    ----------
    position
        float64 array (row, 2 or 3): Euclidean distances between rows are separations.
    depth
        float64 array (row): channel or frequency.
    radius, half_width
        How far away a counterpart may be on the sky and in depth, float64 arrays (row).
    """

    position: DoubleArray
    depth: DoubleArray
    radius: DoubleArray
    half_width: DoubleArray

    def __len__(self) -> int:
        return self.depth.size


def has_pixels(table: QTable) -> bool:
    """Return whether a table tells pixel positions."""
    return {"x", "y", "z"} <= set(table.colnames)


def nowhere(in_pixels: bool) -> Places:
    """Return the places of a table without rows."""
    nothing = np.empty(0)
    return Places(np.empty((0, 2 if in_pixels else 3)), nothing, nothing, nothing)


def pixel_places(table: QTable, scales: Scales) -> Places:
    """Return the rows in pixels and channels.

    A counterpart may lie within the larger of the beam and the source's radius (half of ``hi_size``, else
    half of the bounding box), and within the larger of half of ``w20`` (else of the bounding box) and four
    channels.
    """
    x, y, z = (_needed(numbers(table, (name,), "pix"), name) for name in "xyz")
    beam = MIN_PIXELS
    if scales.beam_arcsec is not None and scales.pixel_arcsec is not None:
        beam = scales.beam_arcsec / scales.pixel_arcsec
    return Places(
        np.stack([x, y], axis=1),
        z,
        _at_least(_half_sizes(table, scales), beam, x.size),
        _at_least(_half_widths(table, scales), MIN_CHANNELS, x.size),
    )


def sky_places(table: QTable, scales: Scales) -> Places:
    """Return the rows as points on a sphere whose radius is one radian in arcsec, and frequencies in Hz.

    Raises
    ------
    InputError
        If the table tells no position or no frequency, or nobody says what beam and channel measure.
    """
    if scales.beam_arcsec is None or scales.channel_hz is None:
        raise InputError(
            "Matching by sky position needs the beam and the channel width, and neither catalogue says them; "
            "write beam_arcsec and channel_hz into the meta of one, or give catalogues with x, y and z."
        )
    ra, dec = (np.radians(_needed(numbers(table, (name,), "deg"), name)) for name in ("ra", "dec"))
    on_sphere = np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=1)
    return Places(
        on_sphere * ARCSEC_PER_RADIAN,
        frequencies(table, scales.rest_frequency_hz),
        _at_least(_half(numbers(table, ("hi_size",), "arcsec")), scales.beam_arcsec, ra.size),
        _at_least(_half(_line_widths(table, scales)), MIN_CHANNELS * scales.channel_hz, ra.size),
    )


def frequencies(table: QTable, rest_hz: float) -> DoubleArray:
    """Return the frequency of every row, Hz, from ``freq`` or from a velocity column."""
    found = numbers(table, _SPECTRAL, "Hz")
    if found is not None:
        return found
    name = next((name for name in _VELOCITIES if name in table.colnames), "freq")
    velocity = numbers(table, (name,), "km/s")
    beta = _needed(velocity, name) / SPEED_OF_LIGHT
    if name == "v_rad":
        return rest_hz * (1.0 - beta)
    if name == "v_opt":
        return rest_hz / (1.0 + beta)
    return np.asarray(rest_hz * np.sqrt((1.0 - beta) / (1.0 + beta)))


def hertz_per_speed(table: QTable, rest_hz: float) -> DoubleArray:
    """Return what a km/s of a line width is in Hz at every row, by the convention of the table's velocities.

    The derivative of the frequency is ν0 / c for radio velocities, ν² / (c ν0) for optical ones, and
    ν0 / (c (1 + β)^(3/2) (1 - β)^(1/2)) for relativistic ones. In a table of frequencies a width in km/s is what HI
    surveys give, an optical one.
    """
    frequency = frequencies(table, rest_hz)
    in_hertz = numbers(table, _SPECTRAL, "Hz") is not None
    name = "v_opt" if in_hertz else next((name for name in _VELOCITIES if name in table.colnames), "v_opt")
    if name == "v_rad":
        return np.full(frequency.shape, rest_hz / SPEED_OF_LIGHT)
    if name == "v_opt":
        return np.asarray(frequency**2 / (SPEED_OF_LIGHT * rest_hz))
    squared = (frequency / rest_hz) ** 2
    beta = (1.0 - squared) / (1.0 + squared)
    return np.asarray(rest_hz / (SPEED_OF_LIGHT * (1.0 + beta) * np.sqrt((1.0 + beta) * (1.0 - beta))))


def _half_sizes(table: QTable, scales: Scales) -> DoubleArray | None:
    """Return the radius of every source in pixels."""
    hi_size = numbers(table, ("hi_size",), "arcsec")
    if hi_size is not None and scales.pixel_arcsec is not None:
        return hi_size / 2 / scales.pixel_arcsec
    return _spans(table, "xy")


def _half_widths(table: QTable, scales: Scales) -> DoubleArray | None:
    """Return half the line width of every source in channels."""
    width = _line_widths(table, scales)
    if width is not None and scales.channel_hz is not None:
        return width / 2 / scales.channel_hz
    width = numbers(table, ("w20",), "pix")
    return _spans(table, "z") if width is None else width / 2


def _line_widths(table: QTable, scales: Scales) -> DoubleArray | None:
    """Return w20 in Hz, of whichever convention it is in."""
    width = numbers(table, ("w20_freq", "w20"), "Hz")
    speed = numbers(table, ("w20",), "km/s")
    if width is not None or speed is None:
        return width
    try:
        return np.asarray(speed * hertz_per_speed(table, scales.rest_frequency_hz))
    except InputError:
        return None


def _spans(table: QTable, axes: str) -> DoubleArray | None:
    """Return half of the largest extent of every row's bounding box along some axes, voxels."""
    names = [(f"{axis}_min", f"{axis}_max") for axis in axes]
    if not all(name in table.colnames for pair in names for name in pair):
        return None
    halves = [
        (_needed(numbers(table, (high,), "pix"), high) - _needed(numbers(table, (low,), "pix"), low) + 1) / 2
        for low, high in names
    ]
    return np.asarray(np.max(halves, axis=0))


def _needed(values: DoubleArray | None, name: str) -> DoubleArray:
    if values is None:
        raise InputError(
            f"The catalogue has no usable column {name}; a match needs x y z, or ra dec and freq or velocity."
        )
    return values


def _half(values: DoubleArray | None) -> DoubleArray | None:
    return None if values is None else values / 2


def _at_least(values: DoubleArray | None, least: float, count: int) -> DoubleArray:
    if values is None:
        return np.full(count, least)
    return np.fmax(values, least)
