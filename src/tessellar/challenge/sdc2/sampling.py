"""How the cube that was searched samples the sky, as the folder of its run tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from tessellar.errors import InputError
from tessellar.io.wcs import north_of
from tessellar.model import DoubleArray

Matrix: TypeAlias = tuple[tuple[float, float], tuple[float, float]]
FWHM = 2.354820045030949
"""Full width at half maximum of a Gaussian in standard deviations."""


_NORTH_UP: Matrix = ((-1.0, 0.0), (0.0, 1.0))
_ICRS = ("icrs", "")


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the cube that was searched samples the sky.

    Attributes
    ----------
    beam_arcsec
        Full widths of the beam at half maximum, major and minor.
    beam_pa
        Its position angle, degrees.
    pixel_arcsec
        Side of a pixel.
    upper_recedes
        Whether the upper channels are the receding ones: a velocity axis that grows, or a frequency axis that falls.
    matrix
        Degrees on the sky, east and north, of a step along l and one along m: rows are (longitude, latitude).
    frame
        The sky frame of these, as `tessellar.io.wcs.frame_record` tells it.
    """

    beam_arcsec: tuple[float, float]
    beam_pa: float
    pixel_arcsec: float
    upper_recedes: bool
    matrix: Matrix = _NORTH_UP
    frame: tuple[str, str] = _ICRS

    def sky_angle(self, angle: DoubleArray, ra: DoubleArray, dec: DoubleArray) -> DoubleArray:
        """Return angles from ICRS north through east of those in pixels, from the m axis anticlockwise; degrees.

        Parameters
        ----------
        angle
            In pixels, float64 array (source).
        ra, dec
            Where they are measured, ICRS, float64 arrays (source).
        """
        own = self._own_angle(angle)
        return own if self.frame == _ICRS else np.mod(own + north_of(self.frame, ra, dec), 360.0)

    def _own_angle(self, angle: DoubleArray) -> DoubleArray:
        """Return angles from north through east of the cube's own sky system."""
        if self.matrix == _NORTH_UP:
            return angle
        radians = np.radians(angle)
        steps = np.stack([-np.sin(radians), np.cos(radians)])
        east, north = np.asarray(self.matrix) @ steps
        return np.asarray(np.degrees(np.arctan2(east, north)) % 360.0)

    @classmethod
    def of_run(cls, info: Mapping[str, Any]) -> Sampling:
        """Return that of a run from what its ``run.json`` holds.

        Raises
        ------
        InputError
            The cube has no beam, no pixel size, or no spectral axis that tells which side recedes.
        """
        cube = info["cube"]
        axis = cube.get("spectral") or {}
        lacking = [word for word in ("beam_arcsec", "pixel_arcsec") if not cube.get(word)]
        if axis.get("unit") not in ("Hz", "m/s"):
            lacking.append("a frequency or velocity axis")
        if lacking:
            raise InputError(
                f"The run does not say {' and '.join(lacking)} of {cube.get('name')}: sizes in arcsec and line fluxes "
                "need them. Search a cube whose header has them."
            )
        rises = axis["last"] >= axis["first"]
        major, minor = cube["beam_arcsec"]
        pixel = float(np.sqrt(np.prod(cube["pixel_arcsec"])))
        recedes = rises == (axis["unit"] == "m/s")
        name, equinox = cube.get("sky_frame") or _ICRS
        frame = (str(name), str(equinox))
        return cls((major, minor), cube.get("beam_pa") or 0.0, pixel, recedes, _matrix_of(cube), frame)


def _matrix_of(cube: Mapping[str, Any]) -> Matrix:
    """Return the matrix of a cube; north is up, and east to the left, where the record does not say."""
    found = cube.get("sky_matrix")
    if not found:
        return _NORTH_UP
    (a, b), (c, d) = found
    upright = a < 0 < d and b == c == 0 and np.isclose(-a, d, rtol=1e-9)
    return _NORTH_UP if upright else ((float(a), float(b)), (float(c), float(d)))
