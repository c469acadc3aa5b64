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

from tessellar.kept_code import compile_once

Function = TypeVar("Function", bound=Callable[..., Any])

_ROOT = Path(__file__).parent
_PACKAGES = ("lanes", "kernels", "simulate")


_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "boundscheck": False}


def compiled(function: Function) -> Function:
    """Return the function compiled on its first call, or loaded if this version was compiled before."""
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(cache_folder())
    try:
        dispatcher = numba.njit(cache=True, **_OPTIONS)(function)
        compile_once(dispatcher)
    finally:
        numba.config.CACHE_DIR = before
    _compile_for_all_values(dispatcher)
    return cast("Function", dispatcher)


def compiled_part(function: Function) -> Function:
    """Return the function as a part of compiled ones, which alone can call it: its own entrance is not compiled."""
    dispatcher = numba.njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **_OPTIONS)(function)
    _compile_for_all_values(dispatcher)
    return cast("Function", dispatcher)


def _compile_for_all_values(dispatcher: Any) -> None:
    """Have a function compiled for types alone.

    Numba compiles it again for each constant that it is called with, and for those that it takes variables for until
    it has seen all of their values.
    """
    compile_now = dispatcher.compile

    def compile_types(signature: Any) -> Any:
        return compile_now(tuple(map(numba.types.unliteral, signature)))

    dispatcher.compile = compile_types


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


def nothing_compiled() -> bool:
    """Return whether all code of this version is still to be compiled here."""
    return next(cache_folder().rglob("*.nbi"), None) is None


@cache
def code_digest() -> str:
    """Return a hash of the mathematics: all files of the lanes, of the kernels and of the simulated skies."""
    digest = hashlib.sha256()
    for package in _PACKAGES:
        for file in sorted((_ROOT / package).rglob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()
