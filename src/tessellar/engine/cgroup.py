"""What this process may use of the machine: a container or a batch job is often given less than there is."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")
_UNLIMITED_BYTES = 2**60  # version 1 writes a huge number where there is no limit


def usable_cores(root: Path = _ROOT, membership: Path = _MEMBERSHIP) -> int:
    """Return the number of cores that the process may keep busy: affinity and CPU quota, at least 1."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = [_quota(folder) for folder in _folders("cpu", root, membership)]
    return max(1, min([affinity, *(math.ceil(q) for q in quotas if q)]))


def memory_headroom(root: Path = _ROOT, membership: Path = _MEMBERSHIP) -> int | None:
    """Return the bytes that the process's group may still take, None where nothing limits it.

    Page cache of files that are not in active use counts as free: the kernel drops it when needed.
    """
    rooms = [_room(folder) for folder in _folders("memory", root, membership)]
    return min((room for room in rooms if room is not None), default=None)


def _folders(controller: str, root: Path, membership: Path) -> Iterator[Path]:
    """Yield the group's folder and the folders above it, of version 2 and of version 1."""
    for line in (_text(membership) or "").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        top = root / controller if controllers else root
        group = top / path.lstrip("/")
        # Inside a container the path is often the host's, and only the top is visible.
        yield from (folder for folder in (group, *group.parents) if folder == top or top in folder.parents)


def _room(folder: Path) -> int | None:
    for limit, used, idle in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        allowed, taken = _number(folder / limit), _number(folder / used)
        if allowed is not None and taken is not None and allowed < _UNLIMITED_BYTES:
            return max(0, allowed - taken + _statistic(folder / "memory.stat", idle))
    return None


def _quota(folder: Path) -> float | None:
    text = _text(folder / "cpu.max")
    if text is None:
        text = f"{_text(folder / 'cpu.cfs_quota_us')} {_text(folder / 'cpu.cfs_period_us')}"
    quota, _, period = text.partition(" ")
    if not (quota.isdigit() and period.isdigit()) or int(quota) == 0 or int(period) == 0:
        return None
    return int(quota) / int(period)


def _statistic(path: Path, name: str) -> int:
    for line in (_text(path) or "").splitlines():
        key, _, value = line.partition(" ")
        if key == name and value.isdigit():
            return int(value)
    return 0


def _number(path: Path) -> int | None:
    text = _text(path)
    return int(text) if text is not None and text.isdigit() else None


def _text(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None
