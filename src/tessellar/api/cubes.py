"""Cubes as the verbs take them: opened already, or by their path."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from tessellar.errors import UsageError

if TYPE_CHECKING:
    from tessellar.model import Source


def open_cube(path: str | PathLike[str]) -> Source:
    """Open a FITS or Zarr cube; nothing but its header is read.

    Raises
    ------
    InputError
        When it is no cube; the message says what it is.

    Examples
    --------
    >>> cube = open_cube("cube.fits")  # doctest: +SKIP
    >>> cube.meta.shape  # doctest: +SKIP
    (101, 100, 100)
    """
    from tessellar.io.open import open_source

    return open_source(path)


def source_of(cube: Source | str | PathLike[str]) -> Source:
    """Return the cube itself."""
    return open_cube(cube) if isinstance(cube, str | PathLike) else cube


def name_of(cube: Source | str | PathLike[str]) -> str:
    """Return what a run calls the cube: its whole path, so that the settings can be used from any folder."""
    return str(Path(cube).absolute()) if isinstance(cube, str | PathLike) else cube.meta.name


def check_device(device: str) -> None:
    """Refuse a device that this version does not use."""
    if device not in ("auto", "cpu"):
        raise UsageError(f"device {device!r} is not available: this version uses the cpu. Use --device auto.")
