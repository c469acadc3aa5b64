"""Units as headers spell them, turned into the ones that astropy reads or that Tessellar counts in."""

from __future__ import annotations

import re
import warnings
from math import isfinite

SPEED_OF_LIGHT = 299_792_458.0  # m/s

_METRE_PER_SECOND = (
    "m/s",
    "ms-1",
    "ms^-1",
    "m.s-1",
    "m*s-1",
    "m/sec",
    "meter/sec",
    "meters/sec",
    "metres/sec",
)
_SPECTRAL = {
    "hz": (1.0, "Hz"), "khz": (1e3, "Hz"), "mhz": (1e6, "Hz"), "ghz": (1e9, "Hz"), "thz": (1e12, "Hz"),
    "hertz": (1.0, "Hz"),
    **dict.fromkeys(_METRE_PER_SECOND, (1.0, "m/s")),
    **{"k" + text: (1e3, "m/s") for text in _METRE_PER_SECOND},
    "m": (1.0, "m"), "meter": (1.0, "m"), "cm": (1e-2, "m"), "mm": (1e-3, "m"), "um": (1e-6, "m"),
    "micron": (1e-6, "m"), "nm": (1e-9, "m"), "angstrom": (1e-10, "m"),
}  # fmt: skip

_DEGREES = {
    "deg": 1.0, "degree": 1.0, "degrees": 1.0, "rad": 57.29577951308232, "radian": 57.29577951308232,
    "radians": 57.29577951308232, "arcmin": 1 / 60, "arcsec": 1 / 3600, "mas": 1 / 3.6e6,
}  # fmt: skip

_WORDS = {
    "jy": "Jy", "jansky": "Jy", "mjy": "mJy", "ujy": "uJy", "njy": "nJy", "kjy": "kJy",
    "beam": "beam", "bm": "beam", "beams": "beam", "pixel": "pix", "pixels": "pix", "pix": "pix",
    "k": "K", "kelvin": "K", "kelvins": "K", "mk": "mK", "uk": "uK",
    "sr": "sr", "ster": "sr", "steradian": "sr",
    "hz": "Hz", "khz": "kHz", "mhz": "MHz", "ghz": "GHz", "km": "km", "m": "m", "s": "s", "sec": "s",
    "w": "W", "erg": "erg", "ergs": "erg", "cm": "cm", "angstrom": "Angstrom",
    "arcsec": "arcsec", "arcmin": "arcmin",
}  # fmt: skip


def spectral_unit(text: str) -> tuple[float, str] | None:
    """Return the factor that turns a spectral unit into Hz, m/s or m, and which of them; None if not known.

    Examples
    --------
    >>> spectral_unit("KM/S"), spectral_unit("M S-1"), spectral_unit("parsec")
    ((1000.0, 'm/s'), (1.0, 'm/s'), None)
    """
    return _SPECTRAL.get(re.sub(r"\s+", "", text.lower()).replace("metre", "meter"))


def degrees_per(text: str) -> float | None:
    """Return the degrees in an angular unit, None if it is not known."""
    return _DEGREES.get(text.strip().lower())


def voxel_unit(text: str) -> str:
    """Return ``BUNIT`` as astropy writes it, ``""`` where it is absent or no unit.

    Examples
    --------
    >>> voxel_unit("JY/BEAM"), voxel_unit("beam-1 Jy"), voxel_unit("K (Tmb)"), voxel_unit("W.U.")
    ('Jy / beam', 'Jy / beam', 'K', '')
    """
    scale_of_temperature = re.fullmatch(r"(.*K)\s*\(?\s*T\S*?\)?", text.strip())
    text = scale_of_temperature.group(1) if scale_of_temperature else text.strip()
    return _parsed(text) or _parsed(_respelled(text))


def _parsed(text: str) -> str:
    from astropy import units

    if not text:
        return ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            unit = units.Unit(text)
        except (ValueError, TypeError):
            return ""
        return str(unit.to_string()) if isfinite(unit.scale) else ""


def _respelled(text: str) -> str:
    """Return a unit with its words in the usual case; a capital MJY is mega only for a surface brightness."""
    words = re.sub(r"[A-Za-z]+", lambda word: _WORDS.get(word[0].lower(), word[0]), text)
    return words.replace("mJy", "MJy") if "MJ" in text and "sr" in words else words
