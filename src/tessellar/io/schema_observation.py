"""When, of what and by whom a cube was observed: what the xradio schema takes from a FITS header."""

from __future__ import annotations

import re
from typing import Any

from tessellar.io.axes import POLARISATION, axis_word
from tessellar.io.cards import Cards

_STOKES = {1: "I", 2: "Q", 3: "U", 4: "V", -1: "RR", -2: "LL", -3: "RL", -4: "LR"}
_STOKES |= {-5: "XX", -6: "YY", -7: "XY", -8: "YX"}
_WORDS = {"OBJECT": "object_name", "OBSERVER": "observer"}


def observation_mjd(header: str) -> float:
    """Return when the observation began as a modified Julian date (UTC, days), NaN where unknown.

    Parameters
    ----------
    header
        FITS cards joined by newlines; dates of both centuries' conventions are understood.
    """
    from astropy.time import Time

    cards = Cards.from_text(header)
    written = cards.word("DATE-OBS")
    old_style = re.fullmatch(r"(\d{2})/(\d{2})/(\d{2})", written)
    if old_style:
        written = f"19{old_style[3]}-{old_style[2]}-{old_style[1]}"
    try:
        return float(Time(written, format="fits", scale="utc").mjd)
    except ValueError:
        mjd = cards.number("MJD-OBS")
        return float("nan") if mjd is None else mjd


def polarization_label(header: str) -> str:
    """Return the polarization of the first plane, ``"I"`` where the header has no Stokes axis."""
    cards = Cards.from_text(header)
    for number in range(1, cards.integer("NAXIS") + 1):
        if axis_word(cards, number) in POLARISATION:
            value, pixel, step = (cards.number(f"{key}{number}", 1.0) for key in ("CRVAL", "CRPIX", "CDELT"))
            if value is not None and pixel is not None and step is not None:
                return _STOKES.get(round(value + (1 - pixel) * step), "I")
    return "I"


def sky_words(header: str) -> dict[str, Any]:
    """Return object, observer and telescope as the schema names them; only what the header has."""
    cards = Cards.from_text(header)
    words: dict[str, Any] = {name: cards.word(key) for key, name in _WORDS.items() if cards.word(key)}
    if cards.word("TELESCOP"):
        words["telescope"] = {"name": cards.word("TELESCOP")}
    return words
