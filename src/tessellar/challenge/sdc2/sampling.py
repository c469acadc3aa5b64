"""How the cube that was searched samples the sky, as the folder of its run tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tessellar.errors import InputError

FWHM = 2.354820045030949
"""Full width at half maximum of a Gaussian in standard deviations."""


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
    """

    beam_arcsec: tuple[float, float]
    beam_pa: float
    pixel_arcsec: float
    upper_recedes: bool

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
        return cls((major, minor), cube.get("beam_pa") or 0.0, pixel, rises == (axis["unit"] == "m/s"))
