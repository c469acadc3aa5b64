"""Whether compiled loops are worth their loading: it takes half a second, which a command that reads little has not."""

from __future__ import annotations

import sys

WORTH_LOADING = 4 << 20  # bytes of voxels


def is_worth_loading(n_bytes: int) -> bool:
    """Return whether so many bytes are read, or the compiler is at hand anyway."""
    return n_bytes >= WORTH_LOADING or has_compiler()


def has_compiler() -> bool:
    """Return whether the compiler is loaded."""
    return "numba" in sys.modules
