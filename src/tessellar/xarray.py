"""Tessellar for users of xarray: the accessor ``.tessellar``, and cubes opened by `xarray.open_dataset`.

The accessor is there once xarray has opened anything by one of its engines, or after ``import tessellar.xarray``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

import xarray
from xarray.backends import BackendEntrypoint

import tessellar

_FITS = (".fits", ".fits.gz", ".fits.fz", ".fit", ".fts")
_PROCEDURAL = "procedural://"


def _verb(name: str) -> Callable[..., Any]:
    """Return a verb whose first argument is the Dataset of the accessor."""

    def call(self: Accessor, *given: Any, **options: Any) -> Any:
        return getattr(tessellar, name)(self._given, *given, **options)

    call.__name__ = name
    call.__doc__ = f"Do `tessellar.{name}` with this cube; its other arguments are the same."
    return call


class Accessor:
    """The verbs of Tessellar for a Dataset that is laid out as an xradio image, or for a DataArray of a cube.

    Examples
    --------
    >>> image = xarray.open_dataset("procedural://hi?shape=64,96,96", engine="tessellar")
    >>> image.tessellar.cube.meta.shape
    (64, 96, 96)
    >>> run = image.tessellar.find_sources(tessellar.SmoothAndClip(threshold=5))  # doctest: +SKIP
    """

    def __init__(self, given: xarray.Dataset | xarray.DataArray) -> None:
        self._given = given

    @property
    def cube(self) -> Any:
        """The cube as the verbs take it, with ``meta``: shape, unit, spectral axis, beams, what is missing."""
        return tessellar.open_cube(self._given)

    plan = _verb("plan")
    find_sources = _verb("find_sources")
    denoise = _verb("denoise")
    separate_foregrounds = _verb("separate_foregrounds")
    power_spectrum = _verb("power_spectrum")
    convert = _verb("convert")


for _register in (xarray.register_dataset_accessor, xarray.register_dataarray_accessor):
    _register("tessellar")(Accessor)  # type: ignore[no-untyped-call]


class CubeBackend(BackendEntrypoint):
    """Opens what Tessellar opens, FITS cubes and made-up ones too, lazily as an xradio image."""

    description = "FITS cubes in windows, Zarr images, and made-up cubes (procedural://), as xradio images"
    open_dataset_parameters = ("filename_or_obj", "drop_variables", "voxels")

    def open_dataset(
        self,
        filename_or_obj: Any,
        *,
        drop_variables: str | Iterable[str] | None = None,
        voxels: tuple[int, int, int] | None = None,
    ) -> xarray.Dataset:
        """Open a cube.

        Parameters
        ----------
        filename_or_obj
            Its path or address.
        drop_variables
            What is left out.
        voxels
            What is read as one piece, ``(frequency, l, m)``; None for what suits the cube.
        """
        store = tessellar.virtual_zarr(os.fspath(filename_or_obj), voxels)
        found: xarray.Dataset = xarray.open_zarr(
            store, consolidated=False, chunks=None, drop_variables=drop_variables
        )
        return found

    def guess_can_open(self, filename_or_obj: Any) -> bool:
        """Return whether a name is that of a FITS file or of a made-up cube."""
        if not isinstance(filename_or_obj, str | os.PathLike):
            return False
        name = os.fspath(filename_or_obj)
        return name.startswith(_PROCEDURAL) or name.lower().endswith(_FITS)
