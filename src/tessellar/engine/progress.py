"""Progress in words: how much is done, how fast, how long still, and where the time goes."""

from __future__ import annotations

from typing import Any

from tessellar.model import Progress

_MEGA = 1e6


def progress_line(event: Progress) -> str:
    """Return one line for people: ``detect 1204/8192  14.7 %  310 Mvoxel/s  eta 02:10  read 20 % …``."""
    parts = [f"{event.stage} {event.done}/{event.total}", f"{percent(event):.1f} %", *rates(event)]
    return "  ".join(parts)


def rates(event: Progress) -> list[str]:
    """Return the speeds, the time left and the shares of time, each as far as it is known."""
    seconds = max(event.seconds, 1e-9)
    parts = []
    if event.voxels:
        parts.append(f"{event.voxels / seconds / _MEGA:.3g} Mvoxel/s")
    if event.bytes_read:
        parts.append(f"{event.bytes_read / seconds / _MEGA:.3g} MB/s")
    left = seconds_left(event)
    if left is not None:
        parts.append(f"eta {clock(left)}")
    if any(event.shares.values()):
        parts.append(" ".join(f"{name} {100 * share:.0f} %" for name, share in event.shares.items()))
    return parts


def percent(event: Progress) -> float:
    """Return how much is done, in percent."""
    return 100.0 * event.done / event.total if event.total else 100.0


def seconds_left(event: Progress) -> float | None:
    """Return the seconds that the rest takes at the speed so far, None when nothing was done yet."""
    fresh = event.done - event.resumed
    if fresh <= 0:
        return None
    return (event.total - event.done) * event.seconds / fresh


def clock(seconds: float) -> str:
    """Return a duration as ``02:10`` or ``1:02:10``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes:02d}:{rest:02d}"


def progress_record(event: Progress) -> dict[str, Any]:
    """Return the same for machines: plain numbers in base units."""
    seconds = max(event.seconds, 1e-9)
    return {
        "event": "progress",
        "stage": event.stage,
        "done": event.done,
        "total": event.total,
        "resumed": event.resumed,
        "percent": round(percent(event), 3),
        "voxels": event.voxels,
        "bytes_read": event.bytes_read,
        "seconds": round(event.seconds, 3),
        "voxels_per_second": round(event.voxels / seconds, 1),
        "bytes_per_second": round(event.bytes_read / seconds, 1),
        "seconds_left": seconds_left(event),
        "shares": {name: round(share, 4) for name, share in event.shares.items()},
    }
