"""How fast the bytes of a cube come from its disk: once after the system was asked to forget them, and once more."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from tessellar.io.extents import Extent
from tessellar.io.reading import reading

SAMPLE_BYTES = 256 * 2**20
_BLOCK = 4 * 2**20
_STRETCH = 32 * 2**20  # what is read in one go of a large file
_IO = Path("/proc/self/io")


@dataclass(frozen=True, slots=True)
class DiskRates:
    """What was read, and how fast.

    Attributes
    ----------
    cold, cached
        Bytes a second after the system was asked to forget the sample, and right after that.
    fetched
        The share of the first reading that came from the device, as the system counts it; None where it does not
        tell. A network disk may not be counted, and files that others have mapped are not forgotten.
    """

    cold: float
    cached: float
    fetched: float | None


def measure_disk(extents: Iterable[Extent], seconds: float) -> DiskRates:
    """Read a sample of a cube's files twice, each time no longer than so many seconds.

    No right is needed to drop one's own clean pages from the file cache, and nothing is written.

    Parameters
    ----------
    extents
        Where the voxels lie.
    seconds
        How long either reading may last.

    Raises
    ------
    InputError
        A file cannot be read.
    """
    sample = _sample(extents)
    for stretch in sample:
        _forget(stretch)
    before = _bytes_fetched()
    n_cold, cold = _read(sample, seconds)
    after = _bytes_fetched()
    n_cached, cached = _read(_beginning(sample, n_cold), seconds)
    told = None if before is None or after is None else min(1.0, (after - before) / max(1, n_cold))
    return DiskRates(n_cold / cold, n_cached / cached, told)


def _sample(extents: Iterable[Extent]) -> list[Extent]:
    """Return stretches that are spread evenly over the files, in their order."""
    pieces = [
        Extent(extent.path, extent.first + at, min(_STRETCH, extent.size - at))
        for extent in sorted(extents, key=lambda extent: extent.path)
        for at in range(0, extent.size, _STRETCH)
    ]
    total = sum(piece.size for piece in pieces)
    step = max(1, -(-total // SAMPLE_BYTES))
    return pieces[::step]


def _beginning(sample: Sequence[Extent], n_bytes: int) -> list[Extent]:
    """Return the stretches that hold the first bytes: those that were read before."""
    kept: list[Extent] = []
    for stretch in sample:
        if n_bytes <= 0:
            break
        kept.append(Extent(stretch.path, stretch.first, min(stretch.size, n_bytes)))
        n_bytes -= stretch.size
    return kept


def _forget(stretch: Extent) -> None:
    if not hasattr(os, "posix_fadvise"):
        return
    with reading(stretch.path), stretch.path.open("rb", buffering=0) as file:
        with suppress(OSError):
            os.fsync(file.fileno())  # only pages that are on the disk already are dropped
        with suppress(OSError):
            os.posix_fadvise(file.fileno(), stretch.first, stretch.size, os.POSIX_FADV_DONTNEED)


def _read(sample: Sequence[Extent], seconds: float) -> tuple[int, float]:
    """Return the bytes that were read until the time was over, and the seconds they took."""
    buffer, n_bytes, begin = memoryview(bytearray(_BLOCK)), 0, perf_counter()
    for stretch in sample:
        with reading(stretch.path), stretch.path.open("rb", buffering=0) as file:
            file.seek(stretch.first)
            left = stretch.size
            while left > 0:
                got = file.readinto(buffer[: min(left, _BLOCK)])
                left -= got or left
                n_bytes += got or 0
                if perf_counter() - begin > seconds:
                    return n_bytes, perf_counter() - begin
    return n_bytes, max(perf_counter() - begin, 1e-9)


def _bytes_fetched() -> int | None:
    """Return the bytes that this process has caused to be read from storage, None where that is not told."""
    try:
        lines = _IO.read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("read_bytes:")), None)
