"""The way of tiles to a device: pinned memory and a stream of its own, so that one travels while another is computed.

On the processor nothing travels, and the same calls pass the voxels on as they are.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tessellar.kernels.devices import CUDA, torch_name
from tessellar.kernels.network.torch_library import load_torch
from tessellar.model import FloatArray

if TYPE_CHECKING:
    from torch import Tensor

PINNED_BUFFERS = 2  # one is filled while the other is on its way


@dataclass(frozen=True, slots=True, eq=False)
class Sent:
    """Voxels on a device, or on their way: ``arrived`` is the event that ends it, None where there is no way."""

    tensor: Tensor
    arrived: Any = None


@dataclass(slots=True, eq=False)
class _Buffer:
    """Pinned memory, and the event after which it can be filled again."""

    memory: Tensor | None = None
    arrived: Any = None


class Lane:
    """A worker's lane to its device.

    Parameters
    ----------
    device
        ``cuda``, ``cuda:1`` or ``torch-cpu``.
    """

    def __init__(self, device: str) -> None:
        torch = load_torch()
        self.device = torch.device(torch_name(device))
        self._sending = threading.Lock()
        self._buffers = deque(_Buffer() for _ in range(PINNED_BUFFERS))
        self._travels = self.device.type == CUDA
        if self._travels:
            self._copying = torch.cuda.Stream(self.device)
            self._computing = torch.cuda.Stream(self.device)

    def send(self, voxels: FloatArray) -> Sent:
        """Begin to bring voxels to the device, and return at once.

        Raises
        ------
        torch.OutOfMemoryError
            The device has no room for them.
        """
        torch = load_torch()
        here = torch.from_numpy(np.require(voxels, requirements=("C", "W")))
        if not self._travels:
            return Sent(here)
        with self._sending, torch.cuda.stream(self._copying):
            there = torch.empty(here.shape, dtype=here.dtype, device=self.device)
            pinned, buffer = self._pinned(here)
            there.copy_(pinned, non_blocking=True)
            buffer.arrived = torch.cuda.Event()
            buffer.arrived.record(self._copying)
        return Sent(there, buffer.arrived)

    @contextmanager
    def computing(self, sent: Sent) -> Iterator[Tensor]:
        """Give the voxels to what is computed inside, once they have arrived."""
        if not self._travels:
            yield sent.tensor
            return
        torch = load_torch()
        with torch.cuda.stream(self._computing):
            self._computing.wait_event(sent.arrived)
            sent.tensor.record_stream(self._computing)
            yield sent.tensor

    def wait(self) -> None:
        """Sleep until all that was computed so far is done; the core is free for whoever reads the next tile."""
        if self._travels:
            done = load_torch().cuda.Event(blocking=True)
            done.record(self._computing)
            done.synchronize()

    def make_room(self) -> None:
        """Give memory back to the device that is kept for tensors to come."""
        if self._travels:
            torch = load_torch()
            self.wait()
            torch.cuda.empty_cache()

    def _pinned(self, here: Tensor) -> tuple[Tensor, _Buffer]:
        """Return a pinned copy, in the buffer that has waited longest."""
        torch = load_torch()
        buffer = self._buffers[0]
        self._buffers.rotate(-1)
        if buffer.arrived is not None:
            buffer.arrived.synchronize()
        if buffer.memory is None or buffer.memory.numel() < here.numel():
            buffer.memory = torch.empty(here.numel(), dtype=here.dtype, pin_memory=True)
        pinned = buffer.memory[: here.numel()].view(here.shape)
        pinned.copy_(here)
        return pinned, buffer
