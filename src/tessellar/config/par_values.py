"""Values of a SoFiA parameter file: switches, numbers and lists; each is read, or refused in a few words."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import TypeVar

T = TypeVar("T")


def switch(text: str) -> bool:
    """Read ``true`` or ``false``."""
    if text.lower() not in ("true", "false"):
        raise ValueError("neither true nor false")
    return text.lower() == "true"


def number(text: str) -> float:
    """Read a number."""
    try:
        found = float(text)
    except ValueError:
        found = float("nan")
    if not isfinite(found):
        raise ValueError("not a number")
    return found


def whole(text: str) -> int:
    """Read a whole number, also one written as 3.0."""
    found = number(text)
    if found != int(found):
        raise ValueError("not a whole number")
    return int(found)


def row_of(item: Callable[[str], T]) -> Callable[[str], list[T]]:
    """Return how a list with commas is read."""

    def read(text: str) -> list[T]:
        return [item(part.strip()) for part in text.split(",")]

    return read


def words(text: str) -> frozenset[str]:
    """Read names whose order does not matter."""
    return frozenset(part.strip().lower() for part in text.split(",") if part.strip())


def word(text: str) -> str:
    """Read a name from a list of names."""
    return text.lower()
