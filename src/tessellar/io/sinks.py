"""Where a cube is written to, chosen by the name that the user gave the output."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tessellar.errors import UsageError
from tessellar.io.fits_write import FitsSink
from tessellar.io.naming import shown
from tessellar.io.zarr_store import ZarrSink
from tessellar.model import CubeMeta

FITS_SUFFIXES = (".fits", ".fit", ".fts")
ZARR_ONLY = ("shard", "chunk", "codec", "rounding")


def open_sink(path: str | os.PathLike[str], meta: CubeMeta, **options: Any) -> FitsSink | ZarrSink:
    """Return the sink for a cube: a FITS file for ``.fits``, a Zarr store for ``.zarr``.

    Parameters
    ----------
    path
        The output; its suffix decides.
    meta
        The cube.
    **options
        ``content`` and ``overwrite`` for both; ``shard``, ``chunk``, ``codec`` and ``rounding`` for Zarr.

    Raises
    ------
    UsageError
        The suffix is neither, or an option does not fit it.
    """
    target = Path(path)
    suffix = target.suffix.lower()
    if suffix == ".zarr":
        return ZarrSink(target, meta, **options)
    if suffix not in FITS_SUFFIXES:
        raise UsageError(
            f"{shown(path)} ends in {suffix or 'no suffix'}: "
            "name the output .fits for a FITS file or .zarr for a Zarr store."
        )
    unfit = [name for name in ZARR_ONLY if options.get(name) is not None]
    if unfit:
        raise UsageError(
            f"{', '.join(unfit)} is for Zarr output; {shown(path)} is a FITS file. Leave it out."
        )
    return FitsSink(target, meta, **{name: value for name, value in options.items() if name not in ZARR_ONLY})
