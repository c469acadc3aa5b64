"""Shapes, bytes and times as a plan says them."""

from __future__ import annotations

from collections.abc import Sequence


def sides(shape: Sequence[int]) -> str:
    """Return ``64 x 256 x 256``."""
    return " x ".join(map(str, shape))


def size(count: float) -> str:
    """Return a number of bytes with the prefix that it needs."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(count) < 1024:
            return f"{count:.3g} {unit}"
        count /= 1024
    return f"{count:.3g} TiB"


def mib(count: int) -> int:
    """Return bytes as MiB, made up to the next whole one."""
    return -(-count // 2**20)


def length(seconds: float) -> str:
    """Return a time in seconds, minutes or hours."""
    if seconds < 120:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
