"""How loops over voxels are compiled: strict arithmetic, no interpreter lock, and machine code kept on disk.

Contraction and reassociation stay off, so that a voxel has the same bits at every vector width and wherever an array
begins. Numba judges its cache by one source file at a time and does not notice a change in a function that another
file inlines; the cache folder is therefore named after the content of all of them.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., Any])

_ROOT = Path(__file__).parent
_PACKAGES = ("lanes", "kernels", "simulate")


_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "boundscheck": False}


def compiled(function: Function) -> Function:
    """Return the function compiled on its first call, or loaded if this version was compiled before."""
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(cache_folder())
    try:
        return cast("Function", numba.njit(cache=True, **_OPTIONS)(function))
    finally:
        numba.config.CACHE_DIR = before


def compiled_part(function: Function) -> Function:
    """Return the function as a part of compiled ones, which alone can call it: its own entrance is not compiled."""
    return cast("Function", numba.njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **_OPTIONS)(function))


@cache
def cache_folder() -> Path:
    """Return where the machine code of this version lies: below ``NUMBA_CACHE_DIR`` or the user's cache folder."""
    home = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    folder = Path(numba.config.CACHE_DIR or home) / f"tessellar-{code_digest()[:16]}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError
    except OSError:
        return Path(tempfile.gettempdir()) / f"tessellar-{os.getuid()}" / folder.name
    return folder


@cache
def code_digest() -> str:
    """Return a hash of the mathematics: all files of the lanes, of the kernels and of the simulated skies."""
    digest = hashlib.sha256()
    for package in _PACKAGES:
        for file in sorted((_ROOT / package).rglob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()
