"""Opening Zarr arrays with the fast Rust codecs, without changing what else a process does with Zarr."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tessellar.io.files import Files

if TYPE_CHECKING:
    import zarr

FAST_CODECS = {"codec_pipeline.path": "zarrs.ZarrsCodecPipeline"}
_THREADS = "threading.max_workers"

_settings = threading.Lock()


@contextmanager
def fast_codecs() -> Iterator[None]:
    """Make arrays that are opened in this block use the zarrs pipeline, for as long as they live.

    Zarr's configuration belongs to the whole process and an array takes its pipeline from it once, when
    it is opened; so the configuration is changed for that moment only, by one thread at a time. Arrays
    that zarrs cannot decode fall back to zarr-python.
    """
    import zarr

    with _settings, warnings.catch_warnings(), zarr.config.set(FAST_CODECS):
        warnings.filterwarnings("ignore", message="Array is unsupported by ZarrsCodecPipeline")
        warnings.filterwarnings("ignore", module="zarr")
        yield


def open_array(files: Files) -> zarr.Array[Any]:
    """Open one array to be read; zarrs does it in folders, where the numbers are in this machine's byte order."""
    import zarr

    if files.at_once is None:
        with fast_codecs():
            array = zarr.open_array(files.of_zarr(), mode="r", zarr_format=files.zarr_format)
        if array.dtype.isnative:
            return array
    return zarr.open_array(files.of_zarr(), mode="r", zarr_format=files.zarr_format)


def open_to_write(path: Path) -> zarr.Array[Any]:
    """Open one array of a store so that the bytes of a shard depend on its voxels alone.

    With several threads zarrs puts the chunks into a shard in the order in which they happen to be encoded; with
    one, in theirs. The number of threads is part of Zarr's configuration, from which Zarr also takes the size of
    its own pool when that is needed for the first time: so that pool is made first, as large as asyncio makes it.
    """
    import zarr

    usual = zarr.config.get(_THREADS, None) or min(32, (os.cpu_count() or 1) + 4)
    with fast_codecs():
        with zarr.config.set({_THREADS: usual}):
            zarr.open_array(path, mode="r")
        with zarr.config.set({_THREADS: 1}):
            return zarr.open_array(path, mode="r+")
