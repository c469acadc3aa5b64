"""The six bands and the ten by ten bins of SKA Data Challenge 3a, and how its files name a band."""

from __future__ import annotations

import re

import numpy as np

from tessellar.kernels.power.band import Band

BANDS = tuple(Band.of_mhz(low, low + 15) for low in range(106, 196, 15))
K_CENTRES = 0.05 * np.arange(1, 11)  # h/cMpc, along k_par and k_perp alike; edges 0.025 below and above

_NAME = re.compile(r"(?P<low>\d+(?:\.\d+)?)MHz-(?P<high>\d+(?:\.\d+)?)MHz")


def band_name(band: Band) -> str:
    """Return how the challenge writes a band: ``106MHz-121MHz``.

    Examples
    --------
    >>> band_name(BANDS[0])
    '106MHz-121MHz'
    """
    return f"{band.low / 1e6:g}MHz-{band.high / 1e6:g}MHz"


def band_in(text: str) -> Band | None:
    """Return the band of the challenge that a text ends in, ``106MHz-121MHz`` or ``106.0MHz-121.0MHz``, or None."""
    found = _NAME.search(text)
    if found is None or found.end() != len(text):
        return None
    band = Band.of_mhz(float(found["low"]), float(found["high"])) if _ascends(found) else None
    return band if band in BANDS else None


def _ascends(found: re.Match[str]) -> bool:
    return 0 < float(found["low"]) < float(found["high"])
