"""The device of a run: what its workers compute on, how much room it has, and which of several GPUs is a worker's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tessellar.engine.amounts import size
from tessellar.engine.slot_number import slot_number
from tessellar.errors import UsageError
from tessellar.kernels.devices import CPU, CUDA, TORCH_CPU, count_gpus, free_bytes
from tessellar.model import MemoryUse
from tessellar.tiling.box import Shape

USABLE = 0.9  # of a GPU's free memory: what lies between tensors is lost
CONTEXT_BYTES = 512 * 2**20  # of a GPU's memory that each process takes before it begins; not measured yet
LIBRARY_BYTES = {  # of host memory, once a process: torch, and with CUDA its libraries, which are not measured yet
    CUDA: 2048 * 2**20,
    TORCH_CPU: 220 * 2**20,
}


@dataclass(frozen=True, slots=True)
class Device:
    """Where the workers of a run compute.

    Attributes
    ----------
    name
        ``cpu`` for compiled kernels, ``cuda`` for all GPUs of a machine, ``cuda:1`` for one of them.
    gpus
        How many GPUs the workers of a machine share.
    memory
        Bytes of each that the run may use; None where nobody knows, as on the machines of a cluster.
    """

    name: str = CPU
    gpus: int = 1
    memory: int | None = None

    @property
    def type(self) -> str:
        """The name without a number."""
        return self.name.partition(":")[0]

    @property
    def library_bytes(self) -> int:
        """Bytes of host memory that each process takes for it."""
        return LIBRARY_BYTES.get(self.type, 0)

    def use_of(self, kernel: Any) -> Callable[[Shape], MemoryUse]:
        """Return how much memory a kernel needs here for a patch, by its shape."""
        use: Callable[[Shape], MemoryUse] = kernel.memory if self.name == CPU else kernel.memory_on_gpu
        if self.name != TORCH_CPU:
            return use

        def all_in_host(shape: Shape) -> MemoryUse:
            there = use(shape)
            return MemoryUse(there.host + there.device, there.device)

        return all_in_host

    def bytes_for(self, unit: int, workers: int, *, processes: bool) -> int:
        """Return the bytes on the fullest GPU when each worker has a unit there, and perhaps a process of its own."""
        if self.name == CPU:
            return 0
        each = unit + (CONTEXT_BYTES if processes and self.type == CUDA else 0)
        return -(-workers // self.gpus) * each

    def holds(self, n_bytes: int) -> bool:
        """Return whether each GPU has so much room."""
        return self.memory is None or n_bytes <= self.memory

    def in_words(self, n_bytes: int) -> str:
        """Return what a plan says of it."""
        if self.name == CPU:
            return "none: the CPU"
        room = "" if self.memory is None else f", {size(self.memory)} may be used"
        several = f" on each of {self.gpus} GPUs" if self.gpus > 1 else f" on {self.name}"
        return f"{size(n_bytes)} of memory{several}{room}"


ON_CPU = Device()


def gpus_here(name: str) -> Device:
    """Return the GPUs of this machine that a name stands for, with their free memory.

    Raises
    ------
    UsageError
        Torch sees none, or none of this number.
    """
    ours = _numbers(name)
    return Device(name, len(ours), int(USABLE * free_bytes(ours)))


def device_of_worker(name: str) -> str:
    """Return the device of the worker that this thread is: where there are several GPUs, each slot takes the next.

    No other GPU is touched: each would keep memory for this process.

    Raises
    ------
    UsageError
        The worker's machine has no such GPU.
    """
    if name in (CPU, TORCH_CPU):
        return name
    ours = _numbers(name)
    return f"{CUDA}:{ours[slot_number() % len(ours)]}"


def _numbers(name: str) -> range:
    """Return the numbers of the GPUs that a name stands for."""
    found = count_gpus()
    if not found:
        raise UsageError(
            f"device {name} was asked for, and torch sees no GPU on this machine: a GPU, its driver and a torch built "
            "for it are needed. Use --device cpu, or --device auto."
        )
    number = int(name.partition(":")[2] or 0)
    if number >= found:
        raise UsageError(
            f"device {name} was asked for, and this machine has {found} GPU{'s' * (found > 1)}, counted from 0. "
            f"Use --device cuda:{found - 1}, or --device cuda for all."
        )
    return range(found) if name == CUDA else range(number, number + 1)
