"""Torch, which networks and GPUs need and nothing else does."""

from __future__ import annotations

import importlib
import platform
from importlib.util import find_spec
from typing import Any

from tessellar.errors import UsageError


def load_torch() -> Any:
    """Return the module ``torch``, imported when a network is first used.

    Raises
    ------
    UsageError
        It is not installed.
    """
    try:
        return importlib.import_module("torch")
    except ImportError as error:
        raise UsageError(_lacking("torch")) from error


def load_safetensors() -> Any:
    """Return the module ``safetensors.numpy``, which reads and writes weights.

    Raises
    ------
    UsageError
        It is not installed.
    """
    try:
        return importlib.import_module("safetensors.numpy")
    except ImportError as error:
        raise UsageError(_lacking("safetensors")) from error


def multiplies_bfloat16() -> bool:
    """Return whether torch has fast products of bfloat16 for this processor.

    Without them it makes one after the other, two hundred times as slowly as those of float32. Of processors that are
    neither Intel's nor AMD's it is believed.
    """
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return True
    return bool(load_torch().backends.cpu.get_cpu_capability() == "AVX512")


def check_libraries() -> None:
    """Refuse a network where its libraries are not installed, before anything is computed; nothing is imported.

    Raises
    ------
    UsageError
        One of them is not there.
    """
    for library in ("torch", "safetensors"):
        if find_spec(library) is None:
            raise UsageError(_lacking(library))


def _lacking(library: str) -> str:
    return f"{library} is not installed, and networks and GPUs need it. Try: pip install 'tessellar[torch]'."
