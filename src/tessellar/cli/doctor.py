"""``tessellar doctor``: the machine and the installation as a run would meet them."""

from __future__ import annotations

import os
import platform
import resource
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click

from tessellar.cli.output import show

LIBRARIES = (
    "numpy",
    "scipy",
    "numba",
    "zarr",
    "zarrs",
    "astropy",
    "xarray",
    "dask",
    "distributed",
    "pyarrow",
    "matplotlib",
)
EXTRAS = {"torch": "torch", "ray": "ray", "obstore": "s3", "bokeh": "dashboard", "astropy-healpix": "sky"}
"""Libraries that only some runs need, and the extras that bring them."""
FEWEST_FILES = 1024
LEAST_SPACE = 2**30


@click.command("doctor")
def command() -> None:
    """Check versions, cores, memory, codecs, the cache of compiled kernels, open files and disk space.

    A line that begins with "!" tells what will make runs slow or fail, and what to do.
    """
    show("\n".join([*_versions(), *_machine(), *_zarrs(), *_compiled(), *_limits()]))


def _versions() -> Iterator[str]:
    from importlib.metadata import PackageNotFoundError, version

    from tessellar import __version__

    yield f"  tessellar {__version__}, Python {platform.python_version()}, {platform.platform()}"
    found, missing = [], []
    for name in LIBRARIES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    yield f"  libraries  {', '.join(found)}"
    if missing:
        yield f"! missing    {', '.join(missing)}: install tessellar again"
    here, absent = [], []
    for name, extra in EXTRAS.items():
        try:
            here.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            absent.append(f"{name} (pip install 'tessellar[{extra}]')")
    yield f"  optional   {', '.join(here) or 'none'}{'; not here: ' if absent else ''}{', '.join(absent)}"


def _machine() -> Iterator[str]:
    from tessellar.engine.cgroup import usable_cores
    from tessellar.engine.memory import available_bytes
    from tessellar.kernels.devices import count_gpus, has_driver

    free = available_bytes()
    yield f"  cores      {usable_cores()} of {os.cpu_count()} may be used"
    yield f"  memory     {_gib(free)} free; a run takes at most {_gib(free // 2)} unless --memory says otherwise"

    gpus = count_gpus()
    if gpus:
        yield f"  gpus       {gpus} that torch sees; --device cuda takes them"
    elif not has_driver():
        yield "  gpus       none that torch sees"
    else:
        yield "! gpus       a driver is here, and no torch that can use it: install one that is built for your GPU"


def _zarrs() -> Iterator[str]:
    """Write a small array and read it as a run does."""
    import numpy as np
    import zarr

    from tessellar.io.files import FolderFiles
    from tessellar.io.zarr_array import open_array

    with tempfile.TemporaryDirectory(prefix="tessellar-doctor-") as folder:
        zarr.create_array(folder, shape=(8,), chunks=(4,), dtype="float32", zarr_format=3)[:] = 1
        array = open_array(FolderFiles(Path(folder)))
        pipeline = type(array.async_array.codec_pipeline).__name__
        right = np.array_equal(np.asarray(array[:]), np.ones(8, np.float32))
    if "Zarrs" in pipeline and right:
        yield "  codecs     zarrs (fast) is active"
    else:
        yield f"! codecs     {pipeline}: zarrs is not active, writing takes twice the time. pip install zarrs"


def _compiled() -> Iterator[str]:
    from tessellar.compiled import cache_folder

    folder = cache_folder()
    if folder.parent == Path(tempfile.gettempdir()) / f"tessellar-{os.getuid()}":
        yield f"! kernels    compiled into {folder}, which may not last: set NUMBA_CACHE_DIR to a folder of yours"
    else:
        yield f"  kernels    compiled once into {folder}"


def _limits() -> Iterator[str]:
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    mark = "  " if files >= FEWEST_FILES or files == resource.RLIM_INFINITY else "! "
    advice = "" if mark == "  " else f"; {FEWEST_FILES} are safe: ulimit -n {FEWEST_FILES}"
    yield f"{mark}files      {files} may be open at once{advice}"
    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free
    mark, advice = (
        ("  ", "") if free >= LEAST_SPACE else ("! ", "; packed cubes are unpacked there: set TMPDIR")
    )
    yield f"{mark}scratch    {_gib(free)} free in {folder}{advice}"


def _gib(count: int) -> str:
    return f"{count / 2**30:.1f} GiB"
