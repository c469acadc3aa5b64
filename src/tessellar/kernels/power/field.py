"""The field of sky that is transformed, and those of its Fourier modes that are kept."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, hypot

import numpy as np

from tessellar.errors import InputError, UsageError
from tessellar.kernels.power.tapers import TAPERS
from tessellar.model import CubeMeta, DoubleArray, IntArray

_SLACK = 1e-9  # of a mode: what lies at the border by rounding is kept


@dataclass(frozen=True, slots=True)
class SkyField:
    """A rectangle of pixels, and how far out in the Fourier plane modes are kept.

    Attributes
    ----------
    start
        The first pixel along l and m.
    shape
        Pixels along l and m.
    pixel
        Size of a pixel along l and m, radians.
    reach
        Modes with up to this many waves in a radian are kept (the length of a baseline in wavelengths).
    taper
        How the image fades towards the edges of the field, along both axes: ``none``, ``hann``, ``blackmanharris``.

    Raises
    ------
    UsageError
        There is no such taper.
    """

    start: tuple[int, int]
    shape: tuple[int, int]
    pixel: tuple[float, float]
    reach: float
    taper: str = "none"

    def __post_init__(self) -> None:
        if self.taper not in TAPERS:
            raise UsageError(f"There is no taper {self.taper!r}. Choose one of {', '.join(TAPERS)}.")

    @property
    def n_columns(self) -> int:
        """How many frequencies along m are kept: zero and upwards, since the image is real."""
        return _farthest(self.reach, self.shape[1], self.pixel[1]) + 1

    def modes(self) -> KeptModes:
        """Return the modes that are kept: half of the plane, each mode once."""
        n_l, n_m = self.shape
        farthest = _farthest(self.reach, n_l, self.pixel[0])
        signed = np.arange(-min(farthest, (n_l - 1) // 2), farthest + 1)
        rows, columns = (
            grid.ravel() for grid in np.meshgrid(signed, np.arange(self.n_columns), indexing="ij")
        )
        waves = np.hypot(rows / (n_l * self.pixel[0]), columns / (n_m * self.pixel[1]))
        mirrored = (columns == 0) | (2 * columns == n_m)  # where the other half of the plane is also along l
        kept = (waves <= self.reach * (1.0 + _SLACK)) & ~(mirrored & (rows < 0))
        alone = mirrored & ((rows == 0) | (2 * rows == n_l))
        multiplicity = np.where(alone, 1, 2)
        return KeptModes((rows % n_l)[kept], columns[kept], waves[kept], multiplicity[kept])


@dataclass(frozen=True, slots=True, eq=False)
class KeptModes:
    """Modes of a field, int64 and float64 arrays (mode).

    Attributes
    ----------
    rows, columns
        Where a mode stands in the FFT along l and in the real FFT along m.
    waves
        Waves in a radian.
    multiplicity
        For how many modes of the whole plane it stands: 2 with its mirror image, 1 where it is its own.
    """

    rows: IntArray
    columns: IntArray
    waves: DoubleArray
    multiplicity: IntArray

    def __len__(self) -> int:
        return self.rows.size


def field_of(meta: CubeMeta, reach: float, degrees: float | None = None, taper: str = "none") -> SkyField:
    """Return the whole field of a cube, or the square of some degrees in its centre.

    Parameters
    ----------
    meta
        The cube.
    reach
        Modes with up to this many waves in a radian are kept.
    degrees
        Side of the central square; None for the whole field.
    taper
        As for `SkyField`.

    Raises
    ------
    InputError
        The cube does not say how large its pixels are.
    UsageError
        It is smaller than the field that was asked for.
    """
    if meta.pixel_size is None:
        raise InputError(
            f"{meta.name} does not say how large its pixels are, and lengths on the sky need that. Add CDELT1 and "
            "CDELT2 to its header."
        )
    shape = meta.shape[1:]
    if degrees is not None:
        wanted = (round(degrees / meta.pixel_size[0]), round(degrees / meta.pixel_size[1]))
        if min(wanted) < 1 or wanted[0] > shape[0] or wanted[1] > shape[1]:
            widths = [n * size for n, size in zip(shape, meta.pixel_size, strict=True)]
            raise UsageError(
                f"A field of {degrees:g} degrees was asked for, and {meta.name} has {widths[0]:.4g} x "
                f"{widths[1]:.4g} degrees. Ask for less, or for the whole field."
            )
        shape = wanted
    start = ((meta.shape[1] - shape[0]) // 2, (meta.shape[2] - shape[1]) // 2)
    pixel = (float(np.radians(meta.pixel_size[0])), float(np.radians(meta.pixel_size[1])))
    return SkyField(start, shape, pixel, min(reach, hypot(0.5 / pixel[0], 0.5 / pixel[1])), taper)


def _farthest(reach: float, n_pixels: int, pixel: float) -> int:
    """Return the highest frequency along an axis, in waves over its length, that is kept."""
    return min(n_pixels // 2, floor(reach * n_pixels * pixel * (1.0 + _SLACK) + _SLACK))
