"""The sky axes of a header in the words of the FITS standard, whatever older convention they were in."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import cos, hypot, isclose, radians, sin, sqrt

from tessellar.io.axes import CubeAxes, axis_word
from tessellar.io.cards import Cards, Value
from tessellar.io.units import degrees_per

SYSTEMS = {("RA", "DEC"), ("GLON", "GLAT")}
FRAMES = ("ICRS", "FK5", "FK4", "FK4-NO-E")
_SKEWED = 1e-9  # of its area that a skewed pixel lacks at least; less is rounding


@dataclass(slots=True)
class Celestial:
    """Sky axes as FITS axes 1 (longitude) and 2 (latitude); ``cards`` is empty where they are not usable."""

    cards: dict[str, Value] = field(default_factory=dict)
    pixel_size: tuple[float, float] | None = None
    missing: list[str] = field(default_factory=list)


def read_celestial(cards: Cards, axes: CubeAxes) -> Celestial:
    """Return the sky axes of a header: degrees, standard projections, frame, and what had to be assumed."""
    sky = Celestial()
    numbers = (axes.l, axes.m)
    scales = [degrees_per(cards.word(f"CUNIT{number}")) or 1.0 for number in numbers]
    sky.missing += _units_assumed(cards, numbers)
    matrix = _matrix(cards, numbers, scales, sky)
    if matrix is None:
        sky.missing.append(f"CDELT{axes.l} or CDELT{axes.m} is missing or 0: the pixel size is unknown.")
        return sky
    sky.pixel_size = _pixel_size(matrix)
    system = (axis_word(cards, axes.l), axis_word(cards, axes.m))
    if system not in SYSTEMS:
        named = " and ".join(word or "unnamed" for word in system)
        sky.missing.append(f"The sky axes are {named}: positions need RA and DEC, or GLON and GLAT.")
        return sky
    reference = _reference(cards, numbers, scales)
    if reference is None:
        sky.missing.append("CRVAL or CRPIX of a sky axis is missing: there are no sky positions.")
        return sky
    sky.cards.update(reference)
    sky.cards.update(_linear_cards(matrix))
    sky.cards.update(_pole(cards))
    _project(cards, numbers, system, sky)
    if system[0] == "RA":
        _frame(cards, sky)
    return sky


Matrix = tuple[tuple[float, float], tuple[float, float]]


def _units_assumed(cards: Cards, numbers: tuple[int, int]) -> list[str]:
    """Return a sentence where CUNIT of a sky axis is absent or not known."""
    words = {number: cards.word(f"CUNIT{number}") for number in numbers}
    unknown = [f"CUNIT{n} ({word or 'absent'})" for n, word in words.items() if degrees_per(word) is None]
    verb = "is" if len(unknown) == 1 else "are"
    return [f"{' and '.join(unknown)} {verb} taken as degrees."] if unknown else []


def _matrix(cards: Cards, numbers: tuple[int, int], scales: list[float], sky: Celestial) -> Matrix | None:
    """Return degrees per pixel, rows (longitude, latitude), columns (l, m); None if a pixel has no size."""
    i, j = numbers
    cd = cards.numbers_like(r"CD(\d+)_(\d+)")
    if any(pair in cd for pair in ((i, i), (j, j), (i, j), (j, i))):
        rows = [
            [cd.get((a, b), 0.0) * scale for b in numbers] for a, scale in zip(numbers, scales, strict=True)
        ]
        mixed = cd
    else:
        steps = [cards.number(f"CDELT{n}", 0.0) or 0.0 for n in numbers]
        mixed = cards.numbers_like(r"PC(\d+)_(\d+)") or cards.numbers_like(r"PC(\d{3})(\d{3})")
        turn = [[mixed.get((a, b), float(a == b)) for b in numbers] for a in numbers]
        angle = radians(cards.number(f"CROTA{j}", 0.0) or 0.0)
        if angle and not mixed and all(steps):
            turn = [
                [cos(angle), -sin(angle) * steps[1] / steps[0]],
                [sin(angle) * steps[0] / steps[1], cos(angle)],
            ]
        rows = [[steps[a] * scales[a] * turn[a][b] for b in range(2)] for a in range(2)]
    if any(value and (a in numbers) != (b in numbers) for (a, b), value in mixed.items()):
        sky.missing.append("The header mixes sky axes with another axis (PC or CD): that is left out.")
    (a, b), (c, d) = rows
    return ((a, b), (c, d)) if a * d - b * c else None


def _pixel_size(matrix: Matrix) -> tuple[float, float]:
    """Return the sides of a pixel, degrees; those of a skewed one are shortened so that their product is its area."""
    (a, b), (c, d) = matrix
    sides, area = (hypot(a, c), hypot(b, d)), abs(a * d - b * c)
    skewed = area < (1.0 - _SKEWED) * sides[0] * sides[1]
    shorter = sqrt(area / (sides[0] * sides[1])) if skewed else 1.0
    return sides[0] * shorter, sides[1] * shorter


def _linear_cards(matrix: Matrix) -> dict[str, Value]:
    """Return CDELT, and PC where the axes are turned."""
    cards: dict[str, Value] = {}
    for n, row in enumerate(matrix):
        step = row[n] if not row[1 - n] else hypot(*row) * (-1.0 if n == 0 and row[n] <= 0 else 1.0)
        cards[f"CDELT{n + 1}"] = step
        if row[1 - n]:
            cards[f"PC{n + 1}_1"], cards[f"PC{n + 1}_2"] = row[0] / step, row[1] / step
    return cards


def _reference(cards: Cards, numbers: tuple[int, int], scales: list[float]) -> dict[str, Value] | None:
    found: dict[str, Value] = {}
    for n, (number, scale) in enumerate(zip(numbers, scales, strict=True), start=1):
        value, pixel = cards.number(f"CRVAL{number}"), cards.number(f"CRPIX{number}")
        if value is None or pixel is None:
            return None
        found |= {f"CRVAL{n}": value * scale, f"CRPIX{n}": pixel, f"CUNIT{n}": "deg"}
    longitude = float(found["CRVAL1"])
    return found if 0 <= longitude <= 360 else found | {"CRVAL1": longitude % 360}


def _pole(cards: Cards) -> dict[str, Value]:
    return {key: value for key in ("LONPOLE", "LATPOLE") if (value := cards.number(key)) is not None}


def _project(cards: Cards, numbers: tuple[int, int], system: tuple[str, str], sky: Celestial) -> None:
    """Name the projection; those older than the standard become their equals in it (FITS paper II, § 6)."""
    parts = [part for part in cards.word(f"CTYPE{numbers[0]}").upper().split("-") if part]
    code = parts[1] if len(parts) > 1 else ""
    if "SIP" in parts[2:]:
        sky.missing.append("The SIP distortion of the sky axes is left out.")
    latitude = float(sky.cards["CRVAL2"])
    if code == "NCP" and not isclose(latitude, 0.0):
        code = "SIN"
        sky.cards |= {"PV2_1": 0.0, "PV2_2": cos(radians(latitude)) / sin(radians(latitude))}
    elif code in ("GLS", ""):
        if not code:
            sky.missing.append("The sky axes name no projection: plate carrée (CAR) is taken.")
        code = "SFL" if code else "CAR"
        sky.cards |= {"PV1_0": 1.0, "PV1_1": 0.0, "PV1_2": latitude}
    else:
        for n, number in enumerate(numbers, start=1):
            terms = cards.numbers_like(rf"PV{number}_(\d+)")
            sky.cards |= {f"PV{n}_{m}": value for (m,), value in terms.items()}
    for n, word in enumerate(system, start=1):
        sky.cards[f"CTYPE{n}"] = f"{word}{'-' * (8 - len(word) - len(code))}{code}"


def _frame(cards: Cards, sky: Celestial) -> None:
    """Name the equatorial frame; an equinox before 1984 means FK4, as the standard says."""
    frame = cards.word("RADESYS", "RADECSYS").upper()
    equinox = _equinox(cards)
    if frame and frame not in FRAMES:
        sky.missing.append(f"RADESYS is {frame}, which Tessellar does not read.")
        frame = ""
    if not frame and equinox is None:
        sky.missing.append("No usable RADESYS or EQUINOX: RA and Dec are taken as ICRS.")
    sky.cards["RADESYS"] = frame or ("ICRS" if equinox is None else "FK4" if equinox < 1984 else "FK5")
    if sky.cards["RADESYS"] != "ICRS":
        sky.cards["EQUINOX"] = equinox or (2000.0 if frame == "FK5" else 1950.0)


def _equinox(cards: Cards) -> float | None:
    """Return EQUINOX or EPOCH in years, also where it is written as J2000 or is plainly no year."""
    for key in ("EQUINOX", "EPOCH"):
        value = cards.number(key)
        if value is None:
            try:
                value = float(cards.word(key).upper().lstrip("BJ"))
            except ValueError:
                continue
        if 1800 < value < 2200:
            return value
    return None
