"""Numbers as people say them: bytes, angles, frequencies and velocities in the unit that suits their size."""

from __future__ import annotations

from collections.abc import Sequence

# From which value on a unit is used, its size, its name.
_Units = Sequence[tuple[float, float, str]]
_BYTES: _Units = tuple((2**n, 2**n, name) for n, name in ((40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")))
_DEGREES: _Units = (
    (1.0, 1.0, "deg"), (0.1, 1 / 60, "arcmin"), (0.1 / 3600, 1 / 3600, "arcsec"), (0.0, 1 / 3.6e6, "mas")
)  # fmt: skip
_HERTZ: _Units = ((1e9, 1e9, "GHz"), (1e6, 1e6, "MHz"), (1e3, 1e3, "kHz"), (0.0, 1.0, "Hz"))
_SPEEDS: _Units = ((1e3, 1e3, "km/s"), (0.0, 1.0, "m/s"))


def size_words(count: int) -> str:
    """Return a number of bytes in words.

    Examples
    --------
    >>> size_words(3 * 2**30), size_words(100)
    ('3 GiB', '100 bytes')
    """
    return _in_words(float(count), (*_BYTES, (0.0, 1.0, "bytes")), digits=3)


def angle_words(degrees: float, digits: int = 4) -> str:
    """Return an angle in words.

    Examples
    --------
    >>> angle_words(0.01), angle_words(0.78 / 3600), angle_words(0.25)
    ('36 arcsec', '0.78 arcsec', '15 arcmin')
    """
    return _in_words(degrees, _DEGREES, digits)


def spectral_words(value: float, unit: str, digits: int = 6) -> str:
    """Return a frequency in Hz, or a velocity in m/s, in words.

    Examples
    --------
    >>> spectral_words(1420405752.0, "Hz", 9), spectral_words(-4200.0, "m/s")
    ('1.42040575 GHz', '-4.2 km/s')
    """
    return _in_words(value, _HERTZ if unit == "Hz" else _SPEEDS, digits)


def _in_words(value: float, units: _Units, digits: int) -> str:
    _, size, name = next(entry for entry in units if abs(value) * (1 + 1e-6) >= entry[0])
    number = value / size
    form = f",.{digits}g" if abs(number) < 10**digits else ",.0f"
    return f"{number:{form}} {name}"
