"""How strong the noise of a channel is: as a power of the frequency, as SKA-Low reaches it, or as a table says.

SKA-Low: what a station of 256 antennas collects over the temperature of its system, the table of SKA-TEL-SKO-0000818
("Anticipated SKA1 science performance", revision 2; Braun et al. 2019, arXiv:1912.12699), in the values of the
noise tables of SKA Data Challenge 3a. The noise of an image is that of all baselines of 512 stations and both
polarisations with equal (natural) weights, at full efficiency.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tessellar.model import GAUSSIAN_AREA, DoubleArray
from tessellar.simulate.eor.noise_table import table_of
from tessellar.simulate.eor.points import kelvin_per_jansky
from tessellar.simulate.voxels import exponential, logarithm

if TYPE_CHECKING:
    from tessellar.simulate.eor.sky import EorSky

SKA_LOW = "ska-low"
STATIONS = 512
STATION_HZ = tuple(1e6 * mhz for mhz in range(50, 351, 10))
# fmt: off
STATION_M2_PER_K = (
    0.102, 0.255, 0.420, 0.580, 0.781, 0.862, 0.885, 0.924, 0.965, 1.052,
    1.119, 1.159, 1.171, 1.190, 1.195, 1.223, 1.235, 1.263, 1.226, 1.234,
    1.282, 1.304, 1.297, 1.306, 1.314, 1.289, 1.294, 1.327, 1.286, 1.204,
    1.156,
)
# fmt: on

_BOLTZMANN_JY = 1.380649e3  # Jy m²/K
_SECONDS = 3600.0


def noise_of_half(sky: EorSky, start: int, stop: int) -> DoubleArray:
    """Return the standard deviation of a voxel in one half of the observing time, K, √2 times that of the whole.

    Parameters
    ----------
    sky
        The sky.
    start, stop
        First channel, and the one after the last.

    Returns
    -------
    DoubleArray
        float64 array (frequency), the same bits on every machine.
    """
    hertz = [sky.frequency(channel) for channel in range(start, stop)]
    if not sky.noise and not sky.noise_table:
        strength, reference = math.sqrt(2.0) * sky.noise_mk * 1e-3, sky.reference_hz
        return np.array([strength * exponential(sky.noise_index * logarithm(f / reference)) for f in hertz])
    if sky.noise:
        jansky = [image_noise(f, sky.channel_hz, sky.hours) for f in hertz]
        factors = [_kelvin_in_image(sky, channel) for channel in range(start, stop)]
        whole = [rms * kelvin for rms, kelvin in zip(jansky, factors, strict=True)]
    else:
        table = table_of(sky.noise_table)
        whole = [between(table.hertz, table.rms, f) for f in hertz]
        if table.per_beam:
            whole = [rms * _kelvin_in_image(sky, start + n) for n, rms in enumerate(whole)]
    return math.sqrt(2.0) * np.array(whole)


def station_flux(hertz: float) -> float:
    """Return the system equivalent flux density of a station of SKA-Low, Jy, for 50 to 350 MHz."""
    return 2.0 * _BOLTZMANN_JY / between(STATION_HZ, STATION_M2_PER_K, hertz)


def image_noise(hertz: float, channel_hz: float, hours: float) -> float:
    """Return the thermal noise of a naturally weighted image of SKA-Low in Stokes I, Jy/beam.

    Parameters
    ----------
    hertz
        Frequency, 50 to 350 MHz.
    channel_hz
        Width of the channel.
    hours
        Time on the field.
    """
    pairs = STATIONS * (STATIONS - 1)  # twice the baselines, for two polarisations
    return station_flux(hertz) / math.sqrt(2.0 * pairs * channel_hz * hours * _SECONDS)


def problems_of_noise(sky: EorSky) -> Iterator[str]:
    """Yield what is wrong with the noise of a sky, in words.

    Raises
    ------
    InputError
        The table of the noise cannot be used.
    """
    if sky.noise not in ("", SKA_LOW):
        yield f"noise is {sky.noise!r}, needed is {SKA_LOW}, or nothing for noise_mk"
    if sky.noise and sky.noise_table:
        yield f"noise is {sky.noise} and noise_table is {sky.noise_table}: leave one of them out"
    if (sky.noise or sky.noise_table) and (sky.noise_mk, sky.noise_index) != _usual(
        sky, "noise_mk", "noise_index"
    ):
        yield "noise_mk and noise_index do not count beside noise or noise_table: leave them out"
    if (sky.hours,) != _usual(sky, "hours") and sky.noise != SKA_LOW:
        yield f"hours count for noise={SKA_LOW} alone: leave them out, or ask for that noise"
    if sky.noise == SKA_LOW:
        yield from _not_covered(sky, STATION_HZ, "the sensitivity of SKA-Low is known")
    elif sky.noise_table:
        table = table_of(sky.noise_table)
        yield from _not_covered(sky, table.hertz, f"{sky.noise_table} goes")
        if table.per_beam and not sky.beam_arcsec:
            yield f"{sky.noise_table} has Jy/beam, and there is no beam: give a beam_arcsec, or a table in mK"


def between(knots: Sequence[float], values: Sequence[float], place: float) -> float:
    """Return the value on the straight line between the knots around a place; knots ascend and span it."""
    right = min(max(bisect_right(knots, place), 1), len(knots) - 1)
    if right == 0:
        return values[0]
    left = right - 1
    share = (place - knots[left]) / (knots[right] - knots[left])
    return values[left] + share * (values[right] - values[left])


def _kelvin_in_image(sky: EorSky, channel: int) -> float:
    """Return the kelvin of one Jy/beam in a channel, of a beam as large as a pixel where the sky has none."""
    in_pixel = kelvin_per_jansky(sky.pixel_arcsec, sky.frequency(channel))
    return in_pixel / (GAUSSIAN_AREA * sky.beam_pixels(channel) ** 2) if sky.beam_arcsec else in_pixel


def _usual(sky: EorSky, *names: str) -> tuple[float, ...]:
    return tuple(getattr(type(sky), name) for name in names)


def _not_covered(sky: EorSky, hertz: Sequence[float], words: str) -> Iterator[str]:
    first, last = sky.frequency(0), sky.frequency(sky.shape[0] - 1)
    slack = 1e-9 * last
    if first < hertz[0] - slack or last > hertz[-1] + slack:
        yield (
            f"the channels go from {first / 1e6:g} to {last / 1e6:g} MHz and {words} from {hertz[0] / 1e6:g} to "
            f"{hertz[-1] / 1e6:g} MHz: choose channels within"
        )
