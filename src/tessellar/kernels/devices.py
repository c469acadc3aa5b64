"""Where kernels compute: on the processor, or on a graphics processor (GPU) that torch sees."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from tessellar.kernels.network.torch_library import load_torch

CPU = "cpu"
CUDA = "cuda"
TORCH_CPU = "torch-cpu"  # what a GPU would do, done by torch on the processor: tests without a GPU

_DRIVERS = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")  # one of them is there where a GPU can be used


def is_device(word: str) -> bool:
    """Return whether a word is a device, be it there or not."""
    return re.fullmatch(rf"{CPU}|{TORCH_CPU}|{CUDA}(:[0-9]{{1,3}})?", word) is not None


def has_driver() -> bool:
    """Return whether this machine has a driver for GPUs; that is quickly told."""
    return any(Path(driver).exists() for driver in _DRIVERS)


def count_gpus() -> int:
    """Return how many GPUs torch sees, 0 without torch; it is imported only where a driver for one is."""
    if not has_driver() or find_spec("torch") is None:
        return 0
    torch = load_torch()
    return int(torch.cuda.device_count()) if torch.cuda.is_available() else 0


def free_bytes(gpus: Iterable[int]) -> int:
    """Return the bytes that are free on the fullest of some GPUs."""
    torch = load_torch()
    return min(int(torch.cuda.mem_get_info(number)[0]) for number in gpus)


def device_type(device: str) -> str:
    """Return ``cuda`` or ``cpu``: results of networks are the same to the bit on devices of one type."""
    return CUDA if device.startswith(CUDA) else CPU


def torch_name(device: str) -> str:
    """Return what torch calls a device."""
    return CPU if device == TORCH_CPU else device
