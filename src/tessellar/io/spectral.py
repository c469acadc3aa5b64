"""The spectral axis of a header, channel by channel: what it counts, in which unit, frame and convention."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from tessellar.io.axes import CubeAxes
from tessellar.io.cards import Cards, Value
from tessellar.io.spectral_words import (
    CTYPES,
    KINDS,
    Linear,
    algorithm,
    in_native_unit,
    linear_axis,
    rest_frequency,
    spectral_frame,
    velocity_convention,
)
from tessellar.io.units import SPEED_OF_LIGHT
from tessellar.model import DoubleArray, SpectralAxis


@dataclass(frozen=True, slots=True)
class Spectral:
    """A spectral axis, the cards that describe it as FITS axis 3, and sentences about what was assumed."""

    axis: SpectralAxis
    cards: dict[str, Value]
    missing: tuple[str, ...]


def read_spectral(cards: Cards, axes: CubeAxes) -> Spectral:
    """Return the spectral axis of a header; bare channels where it does not say enough."""
    number, count = axes.spectral, axes.shape[0]
    ctype = cards.word(f"CTYPE{number}").upper()
    word, _, suffix = ctype.partition("-")
    linear = linear_axis(cards, number)
    if word not in KINDS:
        spoken = f"CTYPE{number} is {ctype or 'absent'}"
        return _channels(count, f"{spoken}: the spectral axis is not known, channels are numbered.")
    if linear is None or (linear.step == 0 and count > 1):
        return _channels(
            count, f"CRVAL{number}, CRPIX{number} or CDELT{number} is missing: channels are numbered."
        )
    missing: list[str] = []
    kind = velocity_convention(cards, word, missing)
    linear = in_native_unit(cards, number, linear, KINDS[word][1], missing)
    rest = rest_frequency(cards, kind, missing)
    frame = spectral_frame(cards, suffix.strip("-"), missing)
    code = algorithm(word, suffix)
    return _build(_Axis(kind, word, code, linear, rest, frame, count), missing)


@dataclass(frozen=True, slots=True)
class _Axis:
    kind: str
    word: str
    code: str
    linear: Linear
    rest: float | None
    frame: str
    count: int


def _build(axis: _Axis, missing: list[str]) -> Spectral:
    cards = _cards(axis)
    values = axis.linear.values(axis.count)
    if axis.code:
        curved = _nonlinear(cards, axis.count)
        if curved is None:
            cards["CTYPE3"] = str(cards["CTYPE3"])[:4]
            missing.append(
                f"{axis.word}-{axis.code} could not be computed: channels are taken as equally wide."
            )
        else:
            values = curved
            if axis.rest is None:
                del cards["RESTFRQ"]
                cards["CTYPE3"] = str(cards["CTYPE3"])[:4]
    if axis.word == "WAVE":
        with np.errstate(divide="ignore"):
            values = SPEED_OF_LIGHT / values
        missing.append("The spectral axis is in wavelengths: it is shown as frequencies.")
    if not np.isfinite(values).all():
        return _channels(axis.count, "The spectral axis has no finite values: channels are numbered.")
    unit = "Hz" if axis.kind == "freq" else "m/s"
    width = _only_width(axis)
    spectral = SpectralAxis(axis.kind, unit, tuple(map(float, values)), axis.rest, axis.frame, width)
    return Spectral(spectral, cards, tuple(missing))


def _only_width(axis: _Axis) -> float | None:
    """Return the width of a single channel, which its value cannot tell, where the header does."""
    if axis.count > 1 or axis.linear.step == 0 or axis.word == "WAVE":
        return None
    return abs(float(axis.linear.step))


def _cards(axis: _Axis) -> dict[str, Value]:
    """Return the axis as FITS axis 3; a curved one needs a rest frequency, though its shape does not."""
    name = "WAVE" if axis.word == "WAVE" else CTYPES[axis.kind]
    unit = {"WAVE": "m", "FREQ": "Hz"}.get(name, "m/s")
    cards: dict[str, Value] = {
        "CTYPE3": f"{name}-{axis.code}" if axis.code else name,
        "CUNIT3": unit,
        "CRVAL3": axis.linear.value,
        "CRPIX3": axis.linear.pixel,
        "CDELT3": axis.linear.step,
    }
    if axis.rest is not None or axis.code:
        cards["RESTFRQ"] = axis.rest or 1e9
    if axis.frame:
        cards["SPECSYS"] = axis.frame
    return cards


def _nonlinear(cards: dict[str, Value], count: int) -> DoubleArray | None:
    """Return the values of an axis that is linear in another quantity (FITS paper III), by wcslib."""
    from astropy.io.fits import Header
    from astropy.wcs import WCS

    header = Header({key.replace("3", "1"): value for key, value in cards.items()})
    header["WCSAXES"] = 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            values = WCS(header).wcs_pix2world(np.arange(count, dtype=np.float64)[:, None], 0)[:, 0]
        except (ValueError, RuntimeError):
            return None
    return np.asarray(values, dtype=np.float64) if np.isfinite(values).all() else None


def _channels(count: int, sentence: str) -> Spectral:
    cards: dict[str, Value] = {"CTYPE3": "CHANNEL", "CRVAL3": 0.0, "CRPIX3": 1.0, "CDELT3": 1.0}
    return Spectral(SpectralAxis("channel", "", tuple(map(float, range(count)))), cards, (sentence,))
