"""Which settings a field like that of the challenge may have; every problem is told at once."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tessellar.simulate.header import REST_FREQUENCY
from tessellar.simulate.voxels import MAX_AXIS

if TYPE_CHECKING:
    from tessellar.simulate.sdc2.sky import Sdc2Sky

POPULATIONS = ("mass-function", "sdc2")
SHAPES = ("discs", "atlas")
NOISES = ("expected", "measured")
MAX_SEED = 2**64 - 1
MAX_GALAXIES = 3_000_000
BEAM_PIXELS = (2.0, 16.0)

RANGES = {
    "rms_jy": (0.0, 1e9),
    "density": (0.0, 100.0),
    "edge_noise": (1.0, 100.0),
    "satellites": (0.0, 20.0),
    "rfi_channels": (0.0, 1.0),
    "continuum_residual": (0.0, 1.0),
    "beam_arcsec": (1e-3, 1e6),
    "pixel_arcsec": (1e-3, 1e5),
    "channel_hz": (1.0, 1e8),
    "first_frequency_hz": (1e8, 1.419e9),
}
_CHOICES = {"population": POPULATIONS, "shapes": SHAPES, "noise": NOISES}


def problems_of(sky: Sdc2Sky) -> Iterator[str]:
    """Yield what is wrong with the settings of a field, in words."""
    for name, choices in _CHOICES.items():
        if getattr(sky, name) not in choices:
            yield f"{name} is {getattr(sky, name)!r}, needed is {' or '.join(choices)}"
    if not 0 <= sky.seed <= MAX_SEED:
        yield "seed is out of range, needed is a whole number from 0 to 2^64 - 1"
    wrong = [name for name, (low, high) in RANGES.items() if not low <= getattr(sky, name) <= high]
    for name in wrong:
        low, high = RANGES[name]
        yield f"{name} is {getattr(sky, name):g}, needed is {low:g} to {high:g}"
    if len(sky.shape) != 3 or not all(1 <= n <= MAX_AXIS for n in sky.shape):
        yield f"shape is {sky.shape}, needed are three axes of 1 to {MAX_AXIS} voxels (frequency, l, m)"
    elif not wrong:
        yield from _problems_of_sampling(sky)


def _problems_of_sampling(sky: Sdc2Sky) -> Iterator[str]:
    low, high = BEAM_PIXELS
    if not low <= round(sky.beam_arcsec / sky.pixel_arcsec, 9) <= high:
        yield (
            f"the beam is {sky.beam_arcsec / sky.pixel_arcsec:.3g} pixels wide, needed are {low:.0f} to {high:.0f}: "
            "change beam_arcsec or pixel_arcsec"
        )
    last = sky.first_frequency_hz + sky.channel_hz * sky.shape[0]
    if last >= 0.9995 * REST_FREQUENCY:
        yield f"the band ends at {last / 1e6:.1f} MHz, needed is below 1419 MHz, where galaxies are far enough"
    if math.radians(sky.pixel_arcsec / 3600.0) * math.hypot(*sky.shape[1:]) / 2.0 >= 1.0:
        yield (
            f"{sky.shape[1]} × {sky.shape[2]} pixels of {sky.pixel_arcsec} arcsec exceed half of the sky: "
            "use fewer, or a smaller pixel_arcsec"
        )
