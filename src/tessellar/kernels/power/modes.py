"""The modes of the sky of a cube, channel by channel: all that its power spectra are made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tessellar.cosmology import LINE_HZ, depth_of
from tessellar.errors import InputError, UsageError
from tessellar.kernels.power.band import Band, channel_width
from tessellar.kernels.power.field import SkyField
from tessellar.kernels.power.transform import ComplexArray
from tessellar.model import DoubleArray, IntArray

MOST_MISSING = 0.2  # of the channels of a band
DEGREE = 3  # of the polynomial along frequency that fills missing channels
_MOSTLY_BLANK = 0.5  # of the pixels of the best channel: a channel with less is taken as missing


@dataclass(frozen=True, slots=True, eq=False)
class SkyModes:
    """Fourier modes of the images of a cube; half of the plane, since the cube is real.

    Attributes
    ----------
    field
        The field, and which modes are kept.
    frequencies
        Hz, float64 array (frequency).
    values
        Sums over the pixels of brightness less its mean, times taper, times the wave: complex128 array
        (frequency, mode), kelvin; NaN in missing channels.
    valid
        Share of the field's pixels that are not blank, float64 array (frequency); 0 in missing channels.
    squares, tied
        Means over the field of the square of the taper, 0 in blank pixels, and of the product of the squares of two
        pixels that are neighbours along m, float64 arrays (frequency).
    """

    field: SkyField
    frequencies: DoubleArray
    values: ComplexArray
    valid: DoubleArray
    squares: DoubleArray
    tied: DoubleArray

    @property
    def missing(self) -> npt.NDArray[np.bool_]:
        """Which channels have no data, bool array (frequency)."""
        return np.asarray(self.valid == 0)

    def k_perp(self, frequency_hz: float) -> DoubleArray:
        """Return the wave number of every mode for the line at a frequency, h/cMpc, float64 array (mode)."""
        return 2.0 * np.pi * self.field.modes().waves / depth_of(frequency_hz).transverse

    def multiplicity(self) -> IntArray:
        """Return for how many modes of the whole plane each stands, int64 array (mode)."""
        return self.field.modes().multiplicity


@dataclass(frozen=True, slots=True, eq=False)
class BandModes:
    """The modes of one cube, or of two, in a band, with missing channels filled.

    Attributes
    ----------
    first, second
        complex128 arrays (frequency, mode), kelvin; the same array for the power of a single cube.
    frequencies
        Hz, float64 array (frequency).
    measured
        Channels that were not filled, bool array (frequency).
    squares, tied
        Of the taper on the sky, as for `SkyModes`; of two cubes the geometric means. float64 arrays (frequency).
    """

    first: ComplexArray
    second: ComplexArray
    frequencies: DoubleArray
    measured: npt.NDArray[np.bool_]
    squares: DoubleArray
    tied: DoubleArray

    @property
    def n_filled(self) -> int:
        """How many channels were missing."""
        return int(np.count_nonzero(~self.measured))


def band_modes(first: SkyModes, second: SkyModes, band: Band) -> BandModes:
    """Return the modes in a band; what is missing in either cube is filled in both.

    A missing channel takes, mode by mode, the value of the polynomial of third degree along frequency that fits the
    channels of the band best: what is smooth goes on through the gap. It is left out where power is normalised, so
    that noise and other rough spectra keep their power. A channel with less than half of the pixels of the best one
    counts as missing.

    Raises
    ------
    UsageError
        The cubes differ in pixels, field or channels.
    InputError
        The band has fewer than two channels, or more than a fifth of them are missing.
    """
    if first.field != second.field or not np.array_equal(first.frequencies, second.frequencies):
        raise UsageError(
            "The two cubes differ in their pixels or channels, and a cross power needs modes of the same sky. "
            "Give two cubes on one grid."
        )
    channels = band.channels(first.frequencies)
    frequencies = first.frequencies[channels]
    if len(frequencies) < 2:
        raise InputError(
            f"The cube has {len(frequencies)} channels in the band {band}; a power spectrum needs two or more. "
            "Choose a band that the cube has."
        )
    measured = _usable(first, channels) & _usable(second, channels)
    n_missing = int(np.count_nonzero(~measured))
    if n_missing > MOST_MISSING * len(measured):
        raise InputError(
            f"{n_missing} of {len(measured)} channels in the band {band} are blank; at most "
            f"{MOST_MISSING:.0%} can be filled. Choose a band with more data."
        )
    one = _filled(first.values[channels], measured)
    return BandModes(
        one,
        one if second is first else _filled(second.values[channels], measured),
        frequencies,
        measured,
        np.sqrt(first.squares[channels] * second.squares[channels]),
        np.sqrt(first.tied[channels] * second.tied[channels]),
    )


def check_frequencies(frequencies: DoubleArray) -> None:
    """Refuse a spectral axis that holds no 21-cm line from afar, or is uneven.

    Raises
    ------
    InputError
        Channels lie at or above the line's rest frequency, or are not evenly spaced.
    """
    channel_width(frequencies)
    if not (frequencies.min() > 0 and frequencies.max() < LINE_HZ):
        raise InputError(
            f"The channels go from {frequencies.min() / 1e6:.6g} to {frequencies.max() / 1e6:.6g} MHz, and the 21-cm "
            f"line is seen below {LINE_HZ / 1e6:.6g} MHz. Give a cube, or bands, below that."
        )


def _usable(modes: SkyModes, channels: slice) -> npt.NDArray[np.bool_]:
    """Return which channels of a band have enough data, bool array (frequency)."""
    valid = modes.valid[channels]
    return np.asarray((valid > 0) & (valid >= _MOSTLY_BLANK * valid.max()))


def _filled(values: ComplexArray, measured: npt.NDArray[np.bool_]) -> ComplexArray:
    """Return a copy with the missing channels filled by the polynomial that fits the others best."""
    filled = values.copy()
    if measured.all():
        return filled
    places = np.linspace(-1.0, 1.0, len(measured))
    degree = min(DEGREE, int(np.count_nonzero(measured)) - 1)
    basis = np.polynomial.legendre.legvander(places, degree)
    weights = basis[~measured] @ np.linalg.pinv(basis[measured])
    known = values[measured]
    for row, weight in zip(np.flatnonzero(~measured), weights, strict=True):
        filled[row] = (weight[:, None] * known).sum(axis=0)
    return filled
