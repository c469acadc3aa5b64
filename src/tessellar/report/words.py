"""Numbers as people read them: 4.7 million voxels, 3 min 20 s, 83 %."""

from __future__ import annotations

from math import floor, isfinite, log10

_LARGE = ((1e12, "trillion"), (1e9, "billion"), (1e6, "million"))
_PREFIXES = {-9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G"}


def count(number: float) -> str:
    """Return a number of things.

    Examples
    --------
    >>> count(4_718_592), count(12_345), count(1)
    ('4.72 million', '12,345', '1')
    """
    for size, word in _LARGE:
        if number >= size:
            return f"{significant(number / size)} {word}"
    return f"{int(number):,}"


def things(number: float, one: str, many: str | None = None) -> str:
    """Return a number with its noun, in the plural where it needs it."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def duration(seconds: float) -> str:
    """Return a time span.

    Examples
    --------
    >>> duration(0.01234), duration(12.34), duration(200), duration(7320)
    ('0.012 s', '12.3 s', '3 min 20 s', '2 h 02 min')
    """
    if seconds < 60:
        return f"{seconds:.3f} s" if seconds < 0.1 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def significant(number: float, digits: int = 3) -> str:
    """Return a number with so many significant digits, without useless zeros; a dash where it is not finite.

    Examples
    --------
    >>> significant(0.0012345), significant(1234.5), significant(2.50), significant(float("nan"))
    ('0.00123', '1234', '2.5', '–')
    """
    if not isfinite(number):
        return "–"
    if number == 0:
        return "0"
    exponent = floor(log10(abs(number)))
    if not -5 < exponent < 7:
        return f"{number:.{digits - 1}e}"
    text = f"{number:.{max(digits - 1 - exponent, 0)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(share: float) -> str:
    """Return a share between 0 and 1 in per cent."""
    return f"{100 * share:.0f} %" if isfinite(share) else "–"


def squared(unit: str) -> str:
    """Return a unit squared.

    Examples
    --------
    >>> squared("K"), squared("Jy / beam"), squared("")
    ('K²', '(Jy / beam)²', '')
    """
    return f"({unit})²" if " " in unit or "/" in unit else f"{unit}²" if unit else ""


def metric(number: float, unit: str) -> tuple[float, str]:
    """Return the factor and the prefixed unit that bring a number near 1.

    Only simple units take a prefix (Hz, K, Jy or Jy / beam); others keep theirs.

    Examples
    --------
    >>> metric(0.0021, "Jy / beam")
    (1000.0, 'mJy / beam')
    >>> metric(1.42e9, "Hz")
    (1e-06, 'MHz')
    """
    if not unit.startswith(("Hz", "K", "Jy")) or not isfinite(number) or number == 0:
        return 1.0, unit
    if unit == "Hz":
        return 1e-6, "MHz"
    power = min(max(3 * floor(log10(abs(number)) / 3), -9), 9)
    return 10.0**-power, _PREFIXES[power] + unit
