"""Bands of frequencies as people write them: 106-121,121-136 (MHz), or the name of a challenge's."""

from __future__ import annotations

from typing import Any

from tessellar.cli import values
from tessellar.cli.values import Written


def bands(value: Any) -> str | tuple[tuple[float, float], ...]:
    """Read bands such as ``106-121,121-136``, in MHz, or the word for those of the challenge."""
    if value == "sdc3a":
        return "sdc3a"
    if isinstance(value, list) and all(isinstance(pair, list) and len(pair) == 2 for pair in value):
        return tuple((values.positive(low), values.positive(high)) for low, high in value)  # of a file
    edges = [part.split("-") for part in values.words(value).split(",")]
    if any(len(pair) != 2 for pair in edges):
        raise ValueError(f"{value!r} is not sdc3a nor a list of bands in MHz such as 106-121,121-136.")
    return tuple((values.positive(Written(low)), values.positive(Written(high))) for low, high in edges)
