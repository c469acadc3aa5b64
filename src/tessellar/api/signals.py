"""A 21-cm signal made for a cube: what a separation leaves of it tells what it leaves of the real one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tessellar.errors import InputError

if TYPE_CHECKING:
    from tessellar.model import CubeMeta
    from tessellar.simulate.eor.sky import EorSky

AUTO = "auto"
SIGNAL_MK = 5.0
SEED = 21
_EVEN = 1e-3  # of a channel, or of a pixel


def is_auto(inject: object) -> bool:
    """Return whether a signal is to be made; a cube of xarray compares its voxels with a word."""
    return isinstance(inject, str) and inject == AUTO


def signal_like(meta: CubeMeta) -> EorSky:
    """Return a Gaussian signal of 5 mK on the grid of a cube, with its beam if it has one.

    Raises
    ------
    InputError
        The cube has no square pixels, or no evenly spaced frequencies that ascend.
    """
    from tessellar.io.schema_spectral import frequencies
    from tessellar.simulate.eor.sky import EorSky

    hertz = frequencies(meta.spectral)
    steps = np.diff(hertz)
    step = float(steps.mean()) if steps.size else float("nan")
    if not step > 0 or np.abs(steps - step).max() > _EVEN * step:
        raise InputError(
            f"The channels of {meta.name} do not ascend in frequency at even steps, so no signal can be made for them. "
            "Give a cube of your own as --inject."
        )
    pixel = meta.pixel_size
    if pixel is None or abs(pixel[0] - pixel[1]) > _EVEN * pixel[0]:
        raise InputError(
            f"The pixels of {meta.name} are not square, or of no known size, so no signal can be made for them. Give a "
            "cube of your own as --inject."
        )
    beam = meta.beams[0] if len(meta.beams) == 1 else None
    arcsec = 0.0 if beam is None else 3600.0 * float(np.sqrt(beam.major * beam.minor))
    return EorSky(
        meta.shape,
        seed=SEED,
        part="signal",
        first_frequency_hz=float(hertz[0]),
        channel_hz=step,
        pixel_arcsec=3600.0 * pixel[0],
        signal_mk=SIGNAL_MK,
        beam_arcsec=arcsec if arcsec >= 3600.0 * pixel[0] else 0.0,
    )
