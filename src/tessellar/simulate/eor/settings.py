"""Which settings a made-up low-frequency sky may have; every problem is told at once."""

from __future__ import annotations

import math
from collections.abc import Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING

from tessellar.cosmology import LINE_HZ
from tessellar.simulate.eor.points import MAX_IN_PIXEL
from tessellar.simulate.eor.sensitivity import problems_of_noise

if TYPE_CHECKING:
    from tessellar.simulate.eor.sky import EorSky

PARTS = {
    "all": ("synchrotron", "freefree", "points", "signal", "noise"),
    "sky": ("synchrotron", "freefree", "points", "signal"),
    "foregrounds": ("synchrotron", "freefree", "points"),
    "signal": ("signal",),
    "noise": ("noise",),
    "synchrotron": ("synchrotron",),
    "freefree": ("freefree",),
    "points": ("points",),
}
HALVES = (0, 1, 2)
MAX_SEED = 2**64 - 1
MAX_CHANNELS, MAX_PIXELS = 1 << 19, 1 << 20  # lattices go on around the cube
BEAM_PIXELS = (1.0, 64.0)

RANGES = {
    "first_frequency_hz": (1e6, 1.4e9),
    "channel_hz": (100.0, 1e9),
    "pixel_arcsec": (0.1, 36000.0),
    "signal_mk": (1e-9, 1e9),
    "noise_mk": (0.0, 1e9),
    "noise_index": (-10.0, 10.0),
    "hours": (1e-6, 1e9),
    "synchrotron_k": (0.0, 1e9),
    "synchrotron_spread": (0.0, 1.0),
    "synchrotron_index": (-10.0, 10.0),
    "index_spread": (0.0, 2.0),
    "curvature": (-1.0, 1.0),
    "curvature_spread": (0.0, 0.3),
    "freefree_k": (0.0, 1e9),
    "freefree_spread": (0.0, 5.0),
    "points_per_deg2": (0.0, 1e9),
    "points_slope": (1.05, 5.0),
    "points_index": (-10.0, 10.0),
    "points_index_spread": (0.0, 2.0),
    "beam_arcsec": (0.0, 1e6),
    "sidelobe": (-0.5, 0.5),
    "rfi_fraction": (0.0, 1.0),
    "rfi_channels": (0.0, 1.0),
}


def problems_of(sky: EorSky) -> Iterator[str]:
    """Yield what is wrong with the settings of a sky, in words."""
    if sky.part not in PARTS:
        yield f"part is {sky.part!r}, needed is {', '.join(PARTS)}"
    if sky.half not in HALVES:
        yield f"half is {sky.half}, needed is 1 or 2, or 0 for the whole data set"
    if not 0 <= sky.seed <= MAX_SEED:
        yield "seed is out of range, needed is a whole number from 0 to 2^64 - 1"
    wrong = [name for name, (low, high) in RANGES.items() if not low <= getattr(sky, name) <= high]
    for name in wrong:
        low, high = RANGES[name]
        yield f"{name} is {getattr(sky, name):g}, needed is {low:g} to {high:g}"
    low_flux, high_flux = (*sky.points_jy, math.nan, math.nan)[:2]
    if len(sky.points_jy) != 2 or not 1e-30 <= low_flux <= high_flux <= 1e30:
        yield f"points_jy is {sky.points_jy}, needed are two positive numbers, the lower first"
    if sky.gsm and find_spec("astropy_healpix") is None:
        yield "gsm needs astropy-healpix, which is not installed: pip install 'tessellar[sky]'"
    longest = (MAX_CHANNELS, MAX_PIXELS, MAX_PIXELS)
    if len(sky.shape) != 3 or not all(1 <= n <= most for n, most in zip(sky.shape, longest, strict=True)):
        yield (
            f"shape is {sky.shape}, needed are 1 to {MAX_CHANNELS} channels and 1 to {MAX_PIXELS} pixels along "
            "l and m"
        )
    elif not wrong:
        yield from _problems_of_sampling(sky)


def _problems_of_sampling(sky: EorSky) -> Iterator[str]:
    if sky.frequency(sky.shape[0] - 1) >= LINE_HZ:
        yield (
            f"the last channel lies at {sky.frequency(sky.shape[0] - 1) / 1e6:.1f} MHz, needed is below the 21-cm "
            "line at 1420.4 MHz"
        )
    if math.radians(sky.pixel_arcsec / 3600.0) * math.hypot(*sky.shape[1:]) / 2.0 >= 1.0:
        yield (
            f"{sky.shape[1]} × {sky.shape[2]} pixels of {sky.pixel_arcsec} arcsec exceed half of the sky: "
            "use fewer, or a smaller pixel_arcsec"
        )
    if sky.points_in_pixel > MAX_IN_PIXEL:
        yield (
            f"there are {sky.points_in_pixel:.3g} points in a pixel, needed are {MAX_IN_PIXEL:.0f} or fewer: change "
            "points_per_deg2 or pixel_arcsec"
        )
    yield from _problems_of_beam(sky)
    yield from problems_of_noise(sky)


def _problems_of_beam(sky: EorSky) -> Iterator[str]:
    if sky.beam_arcsec == 0.0:
        if sky.chromatic or sky.sidelobe:
            yield "there is no beam that could be chromatic or have a sidelobe: give a beam_arcsec"
        return
    low, high = BEAM_PIXELS
    for channel in (0, sky.shape[0] - 1):
        width = sky.beam_pixels(channel)
        if not low <= round(width, 9) <= high:
            yield (
                f"the beam is {width:.3g} pixels wide in channel {channel}, needed are {low:.0f} to {high:.0f}: "
                "change beam_arcsec or pixel_arcsec"
            )
            return
