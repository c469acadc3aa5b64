"""The Fourier transform of the images of a few channels, strip by strip, kept only as far out as modes are wanted.

Rows are transformed in blocks that are anchored at the edge of the field, and channels one by one, so that the result
has the same bits however a cube is cut into strips and runs of channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.fft

from tessellar.kernels.power.field import SkyField
from tessellar.kernels.power.tapers import taper
from tessellar.model import DoubleArray, FloatArray

ROWS = 64
"""Rows along l that are transformed together; strips are made of whole blocks of them."""

ComplexArray: TypeAlias = npt.NDArray[np.complex128]


@dataclass(frozen=True, slots=True, eq=False)
class ImageModes:
    """Modes of the images of some channels.

    Attributes
    ----------
    values
        Sums over the pixels of brightness less its mean, times taper, times the wave: complex128 array
        (frequency, mode) in the cube's unit; NaN where a channel is blank.
    valid
        Share of the field's pixels that are not blank, float64 array (frequency).
    squares, tied
        Means over the field of the square of the taper, which is 0 in blank pixels, and of the product of the squares
        of two pixels that are neighbours along m, the last and the first among them: float64 arrays (frequency).
    """

    values: ComplexArray
    valid: DoubleArray
    squares: DoubleArray
    tied: DoubleArray


class ImageTransform:
    """Takes the rows of some channels in ascending order, and gives their modes.

    Parameters
    ----------
    field
        What is transformed.
    n_channels
        How many channels.
    """

    def __init__(self, field: SkyField, n_channels: int) -> None:
        self._kept = field.modes()
        self._along_l, self._along_m = (taper(field.taper, n) for n in field.shape)
        self._columns = field.n_columns
        self._fades = field.taper != "none"
        self._area = field.shape[0] * field.shape[1]
        self._rows: ComplexArray = np.empty((n_channels, field.shape[0], self._columns), np.complex128)
        self._sums = np.zeros(
            (5, n_channels)
        )  # pixels, weights, their squares, products of those of neighbours, weighted brightness
        self._holes: dict[int, ComplexArray] = {}

    def add(self, first: int, voxels: FloatArray) -> None:
        """Take the rows from ``first`` on.

        Parameters
        ----------
        first
            A multiple of `ROWS`.
        voxels
            float32 array (frequency, l, m), as wide as the field; NaN = blank. Whole blocks of `ROWS` rows, but for
            the last ones of the field.
        """
        for channel, image in enumerate(voxels):
            for begin in range(0, len(image), ROWS):
                self._take(channel, first + begin, image[begin : begin + ROWS].astype(np.float64, "C"))

    def _take(self, channel: int, first: int, image: DoubleArray) -> None:
        rows = slice(first, first + len(image))
        good = np.isfinite(image)
        n_good = int(np.count_nonzero(good))
        if n_good < image.size:
            image[~good] = 0.0
        if n_good < image.size or self._fades:
            weight = np.multiply.outer(self._along_l[rows], self._along_m) * good
            image *= weight
            square = weight**2
            powers = (weight.sum(), square.sum(), (square * np.roll(square, 1, axis=1)).sum())
        else:
            powers = (n_good, n_good, n_good)
        if n_good < image.size:
            self._hole(channel)[rows] = self._along(weight)
        self._sums[:, channel] += (n_good, *powers, image.sum())
        self._rows[channel, rows] = self._along(image)

    def _hole(self, channel: int) -> ComplexArray:
        """Return the rows of the transformed taper of a channel with blanks, complex128 array (l, column)."""
        if channel not in self._holes:
            whole = self._along(self._along_m[None])
            self._holes[channel] = self._along_l[:, None] * whole
        return self._holes[channel]

    def _along(self, image: DoubleArray) -> ComplexArray:
        spectrum: ComplexArray = scipy.fft.rfft(image, axis=1)[:, : self._columns]
        return spectrum

    def finish(self) -> ImageModes:
        """Return the modes; every row must have been added."""
        pixels, weights, squares, tied, brightness = self._sums
        values = np.full((len(self._rows), len(self._kept)), np.nan + 1j * np.nan)
        for channel in np.flatnonzero(weights > 0):
            mean = brightness[channel] / weights[channel]
            values[channel] = self._across(self._rows[channel]) - mean * self._window(int(channel))
        return ImageModes(values, pixels / self._area, squares / self._area, tied / self._area)

    def _window(self, channel: int) -> ComplexArray:
        """Return the modes of the taper of a channel with its blanks, complex128 array (mode)."""
        if channel in self._holes:
            return self._across(self._holes[channel])
        along_l: ComplexArray = scipy.fft.fft(self._along_l)
        along_m = self._along(self._along_m[None])[0]
        return np.asarray(along_l[self._kept.rows] * along_m[self._kept.columns])

    def _across(self, rows: ComplexArray) -> ComplexArray:
        plane: ComplexArray = scipy.fft.fft(rows, axis=0)
        return plane[self._kept.rows, self._kept.columns]


def transform_bytes(field: SkyField, n_channels: int) -> int:
    """Return the bytes that an `ImageTransform` holds at its peak, with its result and blanks in every channel."""
    plane = 16 * field.shape[0] * field.n_columns
    block = ROWS * field.shape[1] * (8 * 5 + 1)
    modes = 16 * len(field.modes())
    return 2 * n_channels * plane + 2 * plane + block + (n_channels + 6) * modes
