"""A cube that somebody has as an xarray Dataset or DataArray: in memory, as Dask arrays, or opened lazily."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tessellar.errors import InputError, TessellarError, UsageError
from tessellar.io.blanks import blanked, blanks_of
from tessellar.io.foreign_image import Held, describe
from tessellar.io.naming import shown
from tessellar.io.schema import OURS, SKY, coordinates, meta_from_attributes
from tessellar.io.schema_check import alike
from tessellar.io.units import voxel_unit
from tessellar.model import CubeMeta, FloatArray
from tessellar.tiling.box import Box, Shape

if TYPE_CHECKING:
    import xarray
    from typing_extensions import TypeIs

TRAVELS = 64 * 2**20  # bytes of voxels in memory, at most, that are sent to other processes again and again
_CUT = "The image was cut or changed after Tessellar had described it: its FITS header is left behind."


class DatasetSource:
    """A cube in an xarray object; boxes are taken out of it as it stands, so its voxels must stay the same.

    Parameters
    ----------
    given
        A Dataset laid out as an xradio image, or with one array of three axes or more; or such a DataArray. Axes are
        told by their names: ``frequency``, ``l``, ``m``, and what else people call them.

    Raises
    ------
    InputError
        It holds no cube, or several.
    """

    def __init__(self, given: xarray.Dataset | xarray.DataArray) -> None:
        self._given = given
        place = str(given.encoding.get("source") or given.attrs.get("object_name") or "dataset")
        array = given if _is_array(given) else given[_sky_name(place, given)]
        self._variable = array.variable
        self._axes, self._meta = _meta_of(place, given, array)
        self._blanks = blanks_of(array.attrs, array.dtype)

    @property
    def meta(self) -> CubeMeta:
        """What is known without reading voxels."""
        return self._meta

    @cached_property
    def identity(self) -> str:
        """Of Dask arrays their token, of numbers in memory their digest.

        What is opened lazily without Dask is told by size and time of its file, where it has one; else it is taken
        for another cube each time it is opened.
        """
        digest = hashlib.sha256(repr((self._meta, self._variable.dims, self._variable.dtype)).encode())
        digest.update(self._content().encode())
        return f"xarray {digest.hexdigest()}"

    def _content(self) -> str:
        if self._variable.chunks is not None:
            return str(getattr(self._variable.data, "name", ""))
        if self._in_memory:
            voxels = hashlib.sha256()
            for plane in self._variable.values.reshape(-1, self._variable.shape[-1]):
                voxels.update(np.ascontiguousarray(plane).data)
            return voxels.hexdigest()
        source = self._given.encoding.get("source")
        if source and Path(source).exists():
            status = Path(source).stat()
            return f"{source} {status.st_size} {status.st_mtime_ns}"
        return uuid.uuid4().hex

    @property
    def _in_memory(self) -> bool:
        return bool(self._variable._in_memory) and self._variable.chunks is None

    @property
    def chunks(self) -> Shape | None:
        """The chunks of a Dask array, where they are all of one size; None if any box is as good."""
        if self._variable.chunks is None:
            return None
        along = [self._variable.chunks[axis] for axis in self._axes]
        if any(len(set(sizes[:-1])) > 1 or sizes[-1] > sizes[0] for sizes in along):
            return None
        z, x, y = (sizes[0] for sizes in along)
        return (z, x, y)

    @property
    def stored_bytes(self) -> int:
        """Bytes of the numbers as they are."""
        return int(self._variable.nbytes)

    def read(self, box: Box) -> FloatArray:
        """Return the voxels of a box inside the cube, float32 C-order array (frequency, l, m), NaN = blank.

        Raises
        ------
        InputError
            What the Dataset stands for cannot be read.
        """
        parts = [slice(0, 1)] * self._variable.ndim
        for axis, part in zip(self._axes, box.slices(), strict=True):
            parts[axis] = part
        try:
            found = self._variable[tuple(parts)].data
            # a Dask task that waited for others of the same cluster would block a worker
            numbers = found.compute(scheduler="synchronous") if hasattr(found, "compute") else found
        except TessellarError:
            raise
        except Exception as error:  # whatever stands behind a Dataset
            raise InputError(f"{shown(self._meta.name)} cannot be read ({_words(error)}).") from error
        rest = [axis for axis in range(self._variable.ndim) if axis not in self._axes]
        voxels = np.asarray(numbers).transpose(*rest, *self._axes).reshape(box.shape)
        out: FloatArray = np.array(blanked(voxels, self._blanks), np.float32, order="C")
        out[np.isinf(out)] = np.nan  # no brightness is infinite: blank, as in FITS
        return out

    def __getstate__(self) -> dict[str, Any]:
        if self._in_memory and self._variable.nbytes > TRAVELS:
            raise UsageError(
                f"{shown(self._meta.name)} has its {self._variable.nbytes:,} bytes of voxels in the memory of this "
                "process. Use --executor threads, or write it with .to_zarr(PATH) and give the path."
            )
        return {**self.__dict__, "identity": self.identity}

    def __repr__(self) -> str:
        return f"DatasetSource({shown(self._meta.name)!r})"


def _is_array(given: xarray.Dataset | xarray.DataArray) -> TypeIs[xarray.DataArray]:
    return not hasattr(given, "data_vars")


def _sky_name(place: str, dataset: xarray.Dataset) -> str:
    """Return the name of the variable that the image's data group names, or the only one that can be a cube."""
    groups = dataset.attrs.get("data_groups")
    base = groups.get("base") if isinstance(groups, dict) else None
    named = base.get("sky") if isinstance(base, dict) else None
    if isinstance(named, str) and named in dataset:
        return named
    if SKY in dataset:
        return SKY
    cubes = [
        str(name) for name, each in dataset.data_vars.items() if each.ndim >= 3 and each.dtype.kind == "f"
    ]
    if len(cubes) == 1:
        return cubes[0]
    held = (
        ", ".join(f"{shown(str(name))} {each.shape}" for name, each in dataset.data_vars.items()) or "nothing"
    )
    raise InputError(
        f"{shown(place)} holds {'several cubes' if cubes else 'no cube'}: {held}. One variable of three axes is "
        "needed; give it alone, DATASET[NAME]."
    )


def _meta_of(
    place: str, given: xarray.Dataset | xarray.DataArray, array: xarray.DataArray
) -> tuple[Shape, CubeMeta]:
    """Return which axes are frequency, l and m, and what is known of the cube."""
    variables: Mapping[Any, Any] = given.coords if _is_array(given) else given.variables

    def other(name: str) -> Held | None:
        entry = variables.get(name)
        return None if entry is None else _held(entry)

    attributes = {} if _is_array(given) else dict(given.attrs)
    axes, meta = describe(place, _held(array), other, attributes)
    ours = meta_from_attributes(attributes)
    if ours is None:
        return axes, meta
    if _is_as_described(ours, meta, array, variables):
        return axes, ours
    return axes, replace(meta, missing=(_CUT, *meta.missing))


def _is_as_described(
    ours: CubeMeta, meta: CubeMeta, array: xarray.DataArray, variables: Mapping[Any, Any]
) -> bool:
    """Return whether shape, unit and coordinates are still those of the description that goes with an image."""
    if ours.shape != meta.shape or voxel_unit(str(array.attrs.get("units", ""))) != ours.unit:
        return False
    return all(
        name in variables and alike(np.asarray(variables[name].values), wanted.values)
        for name, wanted in coordinates(ours).items()
        if wanted.values.dtype.kind == "f"
    )


def _held(array: xarray.DataArray | xarray.Variable) -> Held:
    names = tuple(map(str, array.dims))
    attributes = {str(name): value for name, value in array.attrs.items() if name != OURS}
    return Held(
        names, tuple(array.shape), np.dtype(array.dtype), attributes, lambda: np.asarray(array.values)
    )


def _words(error: Exception) -> str:
    return shown(f"{type(error).__name__}: {error}".splitlines()[0][:120])
