"""Numbers of numpy as those of Python, for files of text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def plain(value: Any) -> Any:
    """Return a value with the numbers and arrays of numpy in it as those of Python, for TOML and JSON."""
    if isinstance(value, Mapping):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value.tolist() if hasattr(value, "dtype") and hasattr(value, "tolist") else value
