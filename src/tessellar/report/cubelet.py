"""One source as pictures show it: its maps, its slice along the kinematic axis, its spectrum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]

_LIGHT_KM_S = 299_792.458


@dataclass(frozen=True, slots=True)
class Sky:
    """How pixels lie on the sky.

    Attributes
    ----------
    pixel
        Degrees on the sky of a step along l.
    beam
        Major and minor axis in pixels, and the position angle in degrees anticlockwise from the m axis; None where
        the header has no beam.
    """

    pixel: float
    beam: tuple[float, float, float] | None


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """The spectrum of a source.

    Attributes
    ----------
    kind, units
        ``freq``, ``v_rad``, … and the units of the spectral axis and of the flux density.
    values, flux, noise
        float64 arrays (frequency): the axis, flux density within the mask, and its noise.
    aperture
        Flux density in all pixels that the mask covers in any channel, float64 array (frequency); None where the
        cubelet is too large to be read for it.
    inside
        Whether the mask has voxels, boolean array (frequency).
    """

    kind: str
    units: tuple[str, str]
    values: Numbers
    flux: Numbers
    noise: Numbers
    aperture: Numbers | None
    inside: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Cubelet:
    """The pictures of a source.

    Attributes
    ----------
    moment0, snr, moment1
        float64 arrays (l, m); NaN in the last two where the mask has no voxel.
    step
        Pixels of the cubelet along a pixel of the maps.
    sky
        How they lie on the sky, None where that is not known.
    slice
        float64 array (frequency, offset) along the kinematic axis.
    offsets
        Offset of each column of it in pixels, float64 array (offset).
    axis
        Pixel of the cubelet at offset 0 along l and m, and degrees anticlockwise from the m axis; None where the
        source does not tell its axis.
    line
        The spectrum.
    """

    moment0: Numbers
    snr: Numbers
    moment1: Numbers
    step: int
    sky: Sky | None
    slice: Numbers
    offsets: Numbers
    axis: tuple[float, float, float] | None
    line: Line

    @property
    def systemic(self) -> float:
        """Flux-weighted mean of moment 1, NaN where the mask holds no flux."""
        weight = np.where(np.isfinite(self.moment1), np.maximum(self.moment0, 0.0), 0.0)
        total = float(np.nansum(weight))
        return float(np.nansum(weight * self.moment1)) / total if total > 0 else float("nan")

    def velocities(self, values: Numbers) -> tuple[Numbers, str]:
        """Return spectral coordinates as velocities about the mean, positive away from us, and their unit."""
        if self.line.kind == "freq":
            return _LIGHT_KM_S * (self.systemic / values - 1.0), "km/s"
        offset = values - self.systemic
        return (offset * 1e-3, "km/s") if self.line.units[0] else (offset, "channels")
