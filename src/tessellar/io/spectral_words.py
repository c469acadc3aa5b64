"""The words of a header about its spectral axis: convention, unit, rest frequency and frame, old and new."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from tessellar.io.cards import Cards
from tessellar.io.units import spectral_unit
from tessellar.model import DoubleArray, SpectralAxis

FRAMES = {
    "LSR": "LSRK", "LSRK": "LSRK", "LSD": "LSRD", "LSRD": "LSRD", "HEL": "BARYCENT", "BAR": "BARYCENT",
    "OBS": "TOPOCENT", "TOP": "TOPOCENT", "GEO": "GEOCENTR", "GAL": "GALACTOC",
}  # fmt: skip
# VELREF modulo 256, AIPS memo 117
AIPS_FRAMES = ("", "LSRK", "BARYCENT", "TOPOCENT", "LSRD", "GEOCENTR", "SOURCE", "GALACTOC")
KINDS = {
    "FREQ": ("freq", "Hz"), "FREQUENCY": ("freq", "Hz"), "WAVE": ("freq", "m"),
    "VRAD": ("v_rad", "m/s"), "VOPT": ("v_opt", "m/s"), "FELO": ("v_opt", "m/s"),
    "VELO": ("v_app", "m/s"), "VELOCITY": ("v_app", "m/s"),
}  # fmt: skip
CTYPES = {"freq": "FREQ", "v_rad": "VRAD", "v_opt": "VOPT", "v_app": "VELO"}

_EVEN = 1e-3  # of a channel: what channels of even spacing may be off
LOWEST_FREQUENCY = 1e6  # Hz: a rest frequency below it is in another unit
NARROWEST_CHANNEL = 30.0  # m/s: a velocity axis without unit and with finer steps is in km/s


@dataclass(frozen=True, slots=True)
class Linear:
    """A linear axis: value, pixel (from 1) and step at its reference."""

    value: float
    pixel: float
    step: float

    def scaled(self, factor: float) -> Linear:
        """Return the axis in another unit."""
        return Linear(self.value * factor, self.pixel, self.step * factor)

    def values(self, count: int) -> DoubleArray:
        """Return the centres of ``count`` channels, float64 array (frequency)."""
        return self.value + self.step * (np.arange(1, count + 1, dtype=np.float64) - self.pixel)


def linear_axis(cards: Cards, number: int) -> Linear | None:
    """Return the reference and step of an axis, None where the header lacks one of them."""
    value, pixel = cards.number(f"CRVAL{number}"), cards.number(f"CRPIX{number}")
    step = cards.number(f"CD{number}_{number}")
    if step is None:
        step = cards.number(f"CDELT{number}")
        turn = cards.number(f"PC{number}_{number}", 1.0)
        step = None if step is None or turn is None else step * turn
    return None if value is None or pixel is None or step is None else Linear(value, pixel, step)


def velocity_convention(cards: Cards, word: str, missing: list[str]) -> str:
    """Return the kind of axis; for VELO the AIPS keyword VELREF tells optical (below 256) from radio."""
    kind = KINDS[word][0]
    if kind != "v_app":
        return kind
    reference = cards.integer("VELREF")
    if reference > 0:
        return "v_rad" if reference > 256 else "v_opt"
    missing.append(
        f"{word} without VELREF: whether velocities are radio or optical is not said, taken as v_app."
    )
    return kind


def in_native_unit(cards: Cards, number: int, linear: Linear, base: str, missing: list[str]) -> Linear:
    """Return the axis in Hz, m/s or m."""
    text = cards.word(f"CUNIT{number}")
    known = spectral_unit(text)
    if known and known[1] == base:
        return linear.scaled(known[0])
    kilo = base == "m/s" and 0 < abs(linear.step) < NARROWEST_CHANNEL
    found = f"CUNIT{number} is {text}" if text else f"No CUNIT{number}"
    missing.append(f"{found}: the spectral axis is taken to be in {'km/s' if kilo else base}.")
    return linear.scaled(1e3 if kilo else 1.0)


def rest_frequency(cards: Cards, kind: str, missing: list[str]) -> float | None:
    """Return the rest frequency in Hz, None where the header has none."""
    for keyword in ("RESTFRQ", "RESTFREQ", "FREQ0"):
        rest = cards.number(keyword)
        if rest is not None and rest >= LOWEST_FREQUENCY:
            if keyword == "FREQ0":
                missing.append("No RESTFRQ: the rest frequency is taken from FREQ0.")
            return rest
        if rest is not None and rest > 0:
            missing.append(f"{keyword} = {rest:g} is no rest frequency in Hz: ignored.")
    use = "frequencies cannot be had from velocities" if kind != "freq" else "velocities cannot be had"
    missing.append(f"No rest frequency (RESTFRQ): {use}.")
    return None


def spectral_frame(cards: Cards, suffix: str, missing: list[str]) -> str:
    """Return the frame of rest in the word of ``SPECSYS``, ``""`` where the header has none."""
    frame = cards.word("SPECSYS").upper() or FRAMES.get(suffix, "")
    if not frame and re.fullmatch(r"[OR](HEL|LSR)", suffix):
        missing.append(f"FREQ-{suffix} (GIPSY): frequencies are taken as observed, in the frame TOPOCENT.")
        return "TOPOCENT"
    aips = cards.integer("VELREF") % 256
    if not frame and 0 < aips < len(AIPS_FRAMES):
        frame = AIPS_FRAMES[aips]
    if not frame:
        missing.append("No SPECSYS: the frame of the spectral axis (LSRK, BARYCENT, TOPOCENT) is unknown.")
    return frame


def algorithm(word: str, suffix: str) -> str:
    """Return the code of a non-linear axis (``F2W``, ``LOG``), or ``""``; FELO is AIPS for VOPT-F2W."""
    if word == "FELO":
        return "F2W"
    code = suffix.strip("-")
    return code if re.fullmatch(r"[FWAV]2[FWAV]|LOG", code) else ""


def is_even(axis: SpectralAxis, first: int = 0, stop: int | None = None) -> bool:
    """Return whether channels ``first`` to ``stop`` are evenly spaced, to a thousandth of a channel."""
    values = np.asarray(axis.values[first:stop])
    if len(values) < 3:
        return True
    step = (values[-1] - values[0]) / (len(values) - 1)
    off = values - (values[0] + step * np.arange(len(values)))
    return bool(np.abs(off).max() <= _EVEN * abs(step))
