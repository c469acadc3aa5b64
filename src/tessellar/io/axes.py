"""Which axis of a FITS file is which: longitude (l), latitude (m), spectral, and those read in one plane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tessellar.errors import InputError
from tessellar.io.cards import Cards

LONGITUDES = {"RA", "GLON", "ELON", "SLON", "HLON", "LON", "LL"}
LATITUDES = {"DEC", "GLAT", "ELAT", "SLAT", "HLAT", "LAT", "MM"}
SPECTRAL = {
    "FREQ", "FREQUENCY", "VRAD", "VOPT", "VELO", "VELOCITY", "FELO", "ZOPT", "BETA",
    "WAVE", "AWAV", "WAVN", "ENER", "CHAN", "CHANNEL",
}  # fmt: skip
POLARISATION = {"STOKES", "POL", "POLARIZATION", "POLARISATION"}


@dataclass(frozen=True, slots=True)
class CubeAxes:
    """The FITS axis numbers (from 1) of a cube's three axes, and the lengths of all axes."""

    l: int  # noqa: E741  # the direction cosine's own name
    m: int
    spectral: int
    lengths: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of the cube, ``(frequency, l, m)``."""
        return (self.lengths[self.spectral - 1], self.lengths[self.l - 1], self.lengths[self.m - 1])

    @property
    def rest(self) -> tuple[int, ...]:
        """The axes of which only the first plane is read."""
        return tuple(n for n in range(1, len(self.lengths) + 1) if n not in (self.l, self.m, self.spectral))


def axis_word(cards: Cards, axis: int) -> str:
    """Return what ``CTYPEn`` says before its first dash, in capitals."""
    return cards.word(f"CTYPE{axis}").upper().split("-")[0].strip()


def find_axes(cards: Cards, lengths: Sequence[int], name: str) -> CubeAxes:
    """Return which axis is which: by ``CTYPE`` where it says so, else in the order of the file.

    Raises
    ------
    InputError
        If fewer than three axes remain beside the polarisation.
    """
    words = {n: axis_word(cards, n) for n in range(1, len(lengths) + 1)}
    found = {role: _first(words, names) for role, names in _ROLES.items()}
    free = [n for n, word in words.items() if n not in found.values() and word not in POLARISATION]
    free.sort(key=lambda n: lengths[n - 1] == 1)
    for role, axis in found.items():
        if axis is None and free:
            found[role] = free.pop(0)
    l, m, spectral = (found[role] for role in _ROLES)  # noqa: E741
    if l is None or m is None or spectral is None:
        raise InputError(
            f"{name} is an image of {' x '.join(map(str, lengths))} pixels with axes "
            f"{', '.join(word or 'unnamed' for word in words.values())}: it has no spectral axis. "
            "A cube of three axes, two on the sky and one spectral, is needed."
        )
    return CubeAxes(l, m, spectral, tuple(lengths))


def unread_planes(cards: Cards, axes: CubeAxes) -> list[str]:
    """Return a sentence for every further axis of which planes are left out."""
    names = {n: axis_word(cards, n) or "unnamed" for n in axes.rest if axes.lengths[n - 1] > 1}
    return [
        f"Axis {n} ({name}) has {axes.lengths[n - 1]} planes: only the first is read."
        for n, name in names.items()
    ]


_ROLES = {"l": LONGITUDES, "m": LATITUDES, "spectral": SPECTRAL}


def _first(words: dict[int, str], names: set[str]) -> int | None:
    return next((n for n, word in words.items() if word in names), None)
