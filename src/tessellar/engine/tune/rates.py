"""The rates that were measured on one machine with one kind of storage, as they are kept for later runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class MachineRates:
    """How fast a machine is with a cube.

    Attributes
    ----------
    machine, storage
        Where it was measured, and how the cube is stored.
    executor
        Who worked.
    date
        Day of the measurement, ISO 8601.
    disk_cold, disk_cached
        Stored bytes that come from the disk in a second, and from the system's file cache; twice what comes from a
        server, of a cube behind an address.
    fetched
        The share of the sample that really came from the device while the disk was measured, None where unknown.
    read
        Number of workers, and bytes of voxels (float32) that they read and decode in a second out of the file cache.
    search
        Number of workers, and voxels that they search in a second.
    noise, scales
        Voxels of the noise lattice, and sampled blocks of the scales, that one worker does in a second; with reading.
    calls, replies
        Calls that a cluster answers in a second, and bytes of an answer; None without a cluster.
    remote
        Whether the cube is behind an address.
    """

    machine: str
    storage: str
    executor: str
    date: str
    disk_cold: float
    disk_cached: float
    fetched: float | None
    read: tuple[tuple[int, float], ...]
    search: tuple[tuple[int, float], ...]
    noise: float
    scales: float
    calls: float | None = None
    replies: float | None = None
    remote: bool = False

    def record(self) -> dict[str, Any]:
        """Return the rates as JSON takes them."""
        return asdict(self)

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> MachineRates:
        """Return the rates that `record` gave."""
        pairs = {
            name: tuple((int(hands), float(rate)) for hands, rate in record[name])
            for name in ("read", "search")
        }
        return cls(**{**record, **pairs})

    def delivered(self, workers: int, expansion: float, *, cached: bool) -> float:
        """Return the bytes of voxels a second that workers can have: what the disk gives and they can decode.

        Parameters
        ----------
        workers
            How many read.
        expansion
            Bytes of voxels for each stored byte.
        cached
            Whether the cube fits the file cache.
        """
        disk = self.disk_cached if cached else self.disk_cold
        return min(disk * expansion, at(self.read, workers))


def at(measured: tuple[tuple[int, float], ...], workers: int) -> float:
    """Return a rate at a number of workers: between what was measured in proportion, beyond it as the nearest.

    Examples
    --------
    >>> at(((1, 10.0), (3, 20.0)), 2), at(((1, 10.0), (3, 20.0)), 8)
    (15.0, 20.0)
    """
    below = max((pair for pair in measured if pair[0] <= workers), default=measured[0])
    above = min((pair for pair in measured if pair[0] >= workers), default=measured[-1])
    if above[0] == below[0]:
        return below[1]
    part = (workers - below[0]) / (above[0] - below[0])
    return below[1] + part * (above[1] - below[1])
