"""The cards of one FITS header: its text as it stands in the file, and the values that can be read."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from astropy.io.fits import Header

Value: TypeAlias = str | int | float | bool

CARD = 80
COMMENTARY = ("HISTORY", "COMMENT", "")


@dataclass(frozen=True, slots=True)
class Cards:
    """A header that never raises: what cannot be understood is simply not there.

    Attributes
    ----------
    text
        The 80-column cards joined by newlines, without ``END``, as the file has them.
    values
        Value of every card that has one, by keyword; the first of equal keywords counts.
    """

    text: str
    values: Mapping[str, Value]

    @classmethod
    def from_text(cls, text: str) -> Cards:
        """Read cards that are joined by newlines."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            values: dict[str, Value] = {}
            for line in text.split("\n"):
                keyword = line[:8].strip()
                if keyword in COMMENTARY or keyword in values:
                    continue
                value = _value(line)
                if value is not None:
                    values[keyword] = value
        return cls(text, values)

    @classmethod
    def of(cls, header: str | Header | Cards) -> Cards:
        """Read a header that is text, an astropy header, or cards already."""
        if isinstance(header, Cards):
            return header
        if isinstance(header, str):
            return cls.from_text(header)
        return cls.from_text(header.tostring(sep="\n", endcard=False, padding=False))

    def number(self, keyword: str, default: float | None = None) -> float | None:
        """Return a finite number, also one that is written in quotes; ``default`` where there is none."""
        value = self.values.get(keyword)
        if value is None or isinstance(value, bool):
            return default
        try:
            number = float(value)
        except ValueError:
            return default
        return number if abs(number) < float("inf") else default

    def integer(self, keyword: str, default: int = 0) -> int:
        """Return a whole number, or ``default``."""
        value = self.values.get(keyword)
        return value if isinstance(value, int) and not isinstance(value, bool) else default

    def word(self, *keywords: str) -> str:
        """Return the first non-empty text under these keywords, stripped, or ``""``."""
        texts = (self.values.get(keyword) for keyword in keywords)
        return next((text.strip() for text in texts if isinstance(text, str) and text.strip()), "")

    def numbers_like(self, pattern: str) -> dict[tuple[int, ...], float]:
        """Return the numbers whose keywords match, by the integers in the keyword: ``PC(\\d+)_(\\d+)``."""
        found = {}
        for keyword in self.values:
            match = re.fullmatch(pattern, keyword)
            number = self.number(keyword) if match else None
            if match and number is not None:
                found[tuple(int(group) for group in match.groups())] = number
        return found

    def history(self) -> list[str]:
        """Return the lines of the header's history."""
        return [line[8:].strip() for line in self.text.split("\n") if line.startswith("HISTORY")]


def _value(line: str) -> Value | None:
    from astropy.io.fits import Card
    from astropy.io.fits.verify import VerifyError

    try:
        value = Card.fromstring(line).value
    except (VerifyError, ValueError):
        return None
    return value if isinstance(value, str | int | float) else None
