"""Memory in bytes: what a run may take, what this process takes, and how people write such numbers."""

from __future__ import annotations

import ctypes
import re
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

from tessellar.engine.cgroup import memory_headroom
from tessellar.errors import UsageError

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")  # writing 5 sets the peak back to what is held now
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of malloc.h
_LARGE_BYTES = 4 << 20  # from here on NumPy asks for huge pages, which the system clears in few steps
_WRITTEN = re.compile(r"\s*([0-9]*\.?[0-9]+)\s*([kmgt]?)(i?)(b?)\s*", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def parse_bytes(text: str | int) -> int:
    """Return a number of bytes written for people: ``4GiB``, ``500 MB``, ``1.5G``, or a plain number.

    ``GB`` and ``G`` are 10⁹ bytes, ``GiB`` is 2³⁰.

    Raises
    ------
    UsageError
        The text is no such number, or it is not above zero.
    """
    match = _WRITTEN.fullmatch(str(text))
    if match is None or (match[3] and not match[2]):
        raise UsageError(f"'{text}' is not an amount of memory. Write it like 4GiB, 500MB or 1.5G.")
    base = 1024 if match[3] else 1000
    size = int(float(match[1]) * base ** _POWERS[match[2].lower()])
    if size <= 0:
        raise UsageError(f"An amount of memory of '{text}' is not above zero. Write it like 4GiB or 500MB.")
    return size


def available_bytes() -> int:
    """Return the bytes that can still be taken: what the machine, the job or the container has left."""
    import psutil

    free = int(psutil.virtual_memory().available)
    room = memory_headroom()
    return free if room is None else min(free, room)


def memory_budget(memory: str | int | None = None) -> int:
    """Return the bytes that a run may take: as asked, else half of what is available.

    Raises
    ------
    UsageError
        ``memory`` is not an amount of memory.
    """
    return available_bytes() // 2 if memory is None else parse_bytes(memory)


def resident_bytes() -> int:
    """Return the bytes of memory that this process holds now."""
    import psutil

    return int(psutil.Process().memory_info().rss)


def peak_rss_bytes() -> int:
    """Return the most bytes of memory that this process ever held at once."""
    try:
        text = _STATUS.read_text()
    except OSError:
        return _peak_of_usage()
    match = re.search(r"^VmHWM:\s+(\d+) kB$", text, re.MULTILINE)
    return int(match[1]) * 1024 if match else _peak_of_usage()


def forget_peak() -> None:
    """Let `peak_rss_bytes` count from now on, where the system can; elsewhere it counts from the start."""
    with suppress(OSError):
        _CLEAR.write_text("5")


@cache
def give_back_freed_memory() -> None:
    """Let the C library of Linux return every large array to the system as soon as it is freed.

    Otherwise it learns to keep arrays as large as tiles for the thread that freed them, and a process with several
    threads holds a tile's memory several times. The memory of smaller arrays, which would come page by page, is used
    again: a thread keeps the size of one that it does not need at the moment.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, _LARGE_BYTES)
        ctypes.CDLL(None).mallopt(_TRIM_THRESHOLD, _LARGE_BYTES)


def _peak_of_usage() -> int:
    """Return the peak of ``getrusage``, second choice: in a spawned process it includes the parent's."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
