"""Who works for a run, and where: what they take of the memory before any tile, and how they share the rest."""

from __future__ import annotations

from dataclasses import dataclass

from tessellar.engine.devices import ON_CPU, Device
from tessellar.engine.memory import resident_bytes

LIBRARY_BYTES = 600 * 2**20  # the interpreter, its libraries, the compiler's first use, the report's figures
GROWTH_BYTES = 350 * 2**20  # what of that is still to come in a process that holds other things already
WORKER_LIBRARY_BYTES = {  # a worker process, and what its cluster adds for it: no figures, no catalogue writers
    "processes": 380 * 2**20,
    "dask": 560 * 2**20,
    "ray": 560 * 2**20,
}


@dataclass(frozen=True, slots=True)
class Workforce:
    """The workers of a run.

    Parameters
    ----------
    executor, workers
        Who works; ``workers`` tiles are in work at the same time.
    remote
        Whether they are those of a running cluster, with machines of their own; then the memory is that of one worker.
    device
        Where they compute.
    """

    executor: str
    workers: int
    remote: bool = False
    device: Device = ON_CPU

    def __str__(self) -> str:
        return "one worker" if self.remote else f"{self.workers} workers"

    @property
    def processes(self) -> bool:
        """Whether every worker is a process of its own."""
        return self.executor in WORKER_LIBRARY_BYTES

    @property
    def sharing(self) -> int:
        """How many tiles in work share the memory that is asked for."""
        return 1 if self.remote else self.workers

    def library_bytes(self) -> int:
        """Return the bytes that the program takes as this process stands now, and its workers if they are processes."""
        if self.remote:
            return WORKER_LIBRARY_BYTES[self.executor] + self.device.library_bytes
        ours = max(LIBRARY_BYTES, resident_bytes() + GROWTH_BYTES)
        ours += self.device.library_bytes * (self.workers if self.processes else 1)
        return ours + self.workers * WORKER_LIBRARY_BYTES.get(self.executor, 0)

    def bytes_on_device(self, unit: int) -> int:
        """Return the bytes on the fullest GPU, for tiles that take so many there."""
        return self.device.bytes_for(unit, self.sharing, processes=self.processes)
