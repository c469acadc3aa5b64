"""Cubes as the verbs take them: opened already, or by their path."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from tessellar.api.requests import is_of_xarray, no_cube
from tessellar.errors import UsageError
from tessellar.io.naming import is_address

if TYPE_CHECKING:
    import xarray
    from zarr.abc.store import Store

    from tessellar.model import Source
    from tessellar.tiling.box import Shape

PROCEDURAL = "procedural://"
Cube: TypeAlias = "Source | str | PathLike[str] | xarray.Dataset | xarray.DataArray"
"""What verbs take for a cube: one that is opened, its path or address, or what xarray has opened."""


def open_cube(path: Cube) -> Source:
    """Open a FITS or Zarr cube, of which nothing but the header is read, or one that is made as it is read.

    Parameters
    ----------
    path
        A file or folder; an address, ``s3://bucket/cube.zarr``, ``gs://…`` or ``https://…``, of a Zarr image or a
        FITS file that is read where it lies; or the address of a procedural cube:
        ``procedural://hi?shape=1024,512,512&seed=0``,
        ``procedural://eor?shape=901,2048,2048&pixel_arcsec=16`` or ``procedural://sdc2?shape=6668,643,643`` (see
        `ProceduralSky`, `EorSky` and `Sdc2Sky`). Also an xarray Dataset or DataArray (see `DatasetSource`).

    Raises
    ------
    InputError
        When it is no cube; the message says what it is.
    UsageError
        When it is not even a path.

    Examples
    --------
    >>> cube = open_cube("cube.fits")  # doctest: +SKIP
    >>> cube.meta.shape  # doctest: +SKIP
    (101, 100, 100)
    >>> open_cube("procedural://hi?shape=65536,8192,8192").meta.shape
    (65536, 8192, 8192)
    """
    if isinstance(path, str) and path.startswith(PROCEDURAL):
        from tessellar.simulate.procedural_address import sky_of

        return sky_of(path)
    if isinstance(path, str | PathLike):
        from tessellar.io.open import open_source

        return open_source(path)
    if is_of_xarray(path):
        from tessellar.io.dataset import DatasetSource

        return DatasetSource(path)
    if not hasattr(path, "meta"):
        raise no_cube(path)
    return path


def virtual_zarr(cube: Cube, chunks: Shape | None = None) -> Store:
    """Return a cube as a read-only Zarr store that takes no room: its chunks are made when they are asked for.

    Parameters
    ----------
    cube
        A cube, or the path of one.
    chunks
        Voxels that are made together, ``(frequency, l, m)``; None for those of the cube, or (32, 128, 128).

    Returns
    -------
    zarr.abc.store.Store
        An xradio image, for `zarr.open_group` with ``mode="r"`` and `xarray.open_zarr` with
        ``consolidated=False``; ``SKY`` is float32 (time, frequency, polarization, l, m). Dask makes a task of every
        chunk: for a cube of terabytes take large ones, or give ``chunks=None`` to `xarray.open_zarr` as well.

    Raises
    ------
    InputError
        When it is no cube.
    UsageError
        When a chunk has no voxels.

    Examples
    --------
    >>> import zarr
    >>> image = zarr.open_group(virtual_zarr("procedural://hi?shape=65536,8192,8192"), mode="r")
    >>> image["SKY"].shape
    (1, 65536, 1, 8192, 8192)
    """
    from tessellar.io.virtual_zarr import virtual_zarr as store_of

    return store_of(open_cube(cube), chunks)


def name_of(cube: Cube) -> str:
    """Return what a run calls the cube: its whole path or address, so that the settings hold in any folder."""
    if isinstance(cube, str) and is_address(cube):
        return cube
    if isinstance(cube, str | PathLike):
        return str(Path(cube).absolute())
    source = open_cube(cube)
    return str(getattr(source, "address", source.meta.name))


def check_libraries_of(kernel: object) -> None:
    """Refuse a kernel whose libraries are not installed, before anything is computed."""
    if getattr(kernel, "needs_torch", False):
        from tessellar.kernels.network.torch_library import check_libraries

        check_libraries()


def check_device(device: str) -> None:
    """Refuse a device for work that is done on the CPU alone."""
    if device not in ("auto", "cpu"):
        raise UsageError(
            f"device {device!r} is not for this: it is done on the CPU alone. Use --device auto."
        )
