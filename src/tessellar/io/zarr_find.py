"""Where the cube is in a Zarr store, whoever wrote it: which array, which axes, and what it says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tessellar.errors import CubeNotFoundError, InputError, TessellarError
from tessellar.io.blanks import blanks_of
from tessellar.io.files import Files
from tessellar.io.foreign_image import Held, describe
from tessellar.io.naming import shown
from tessellar.io.schema import SKY, meta_from_attributes
from tessellar.model import CubeMeta
from tessellar.tiling.box import Shape

if TYPE_CHECKING:
    import zarr


@dataclass(frozen=True, slots=True)
class StoredCube:
    """A cube found in a store.

    Attributes
    ----------
    array
        The name of the array that holds the voxels in the store, ``""`` where it is all there is.
    axes
        Which axes of that array are frequency, l and m.
    meta
        What the store says of the cube.
    blanks
        Numbers that mean blank, beside NaN.
    """

    array: str
    axes: Shape
    meta: CubeMeta
    blanks: tuple[float, ...] = ()


def find_cube(files: Files) -> StoredCube:
    """Find the cube in a Zarr store.

    Raises
    ------
    InputError
        It is no Zarr store, is damaged, or holds no cube or several.
    """
    import zarr

    place = files.place
    node = _open(files)
    if isinstance(node, zarr.Array):
        axes, meta = describe(place, _held(node), lambda _: None, {})
        return StoredCube("", axes, meta, blanks_of(dict(node.attrs), node.dtype))
    try:
        ours = meta_from_attributes(dict(node.attrs))
    except InputError as error:
        raise InputError(f"{shown(place)} cannot be read: {error} Convert the cube again.") from error
    array = _member(place, node, SKY) if ours is not None else _sky_array(files, node)
    blanks = blanks_of(dict(array.attrs), array.dtype)
    if ours is None:
        axes, meta = describe(place, _held(array), partial(_other, node), dict(node.attrs))
        return StoredCube(array.path, axes, meta, blanks)
    z, x, y = ours.shape
    if array.shape != (1, z, 1, x, y):
        raise InputError(
            f"{shown(place)} is damaged: its voxels have shape {array.shape}, its header says "
            f"(1, {z}, 1, {x}, {y}). Convert the cube again."
        )
    return StoredCube(SKY, (1, 3, 4), ours, blanks)


def _held(array: zarr.Array[Any]) -> Held:
    """Return what an array says of itself."""
    attributes: dict[str, Any] = dict(array.attrs)
    names: Any = getattr(array.metadata, "dimension_names", None) or attributes.get("_ARRAY_DIMENSIONS")
    known = isinstance(names, list | tuple) and len(names) == array.ndim
    words = tuple(map(str, names)) if known else ()
    return Held(words, array.shape, array.dtype, attributes, lambda: np.asarray(array[...]))


def _other(group: zarr.Group, name: str) -> Held | None:
    """Return another array of a group, None where there is none of that name."""
    import zarr

    entry = group.get(name)
    return _held(entry) if isinstance(entry, zarr.Array) else None


def check_folder(path: Path) -> None:
    """Refuse a path at which there is no folder.

    Raises
    ------
    CubeNotFoundError
        There is nothing.
    InputError
        There is a file.
    """
    if not path.exists():
        raise CubeNotFoundError(f"There is no cube {shown(path)}. Check the name.")
    if not path.is_dir():
        raise InputError(f"{shown(path)} is a file; a Zarr cube is a folder. Give it its right suffix.")


def _open(files: Files) -> zarr.Array[Any] | zarr.Group:
    import zarr

    try:
        return zarr.open(files.of_zarr(), mode="r", zarr_format=files.zarr_format)
    except zarr.errors.NodeNotFoundError as error:
        raise InputError(
            f"{shown(files.place)} is a folder without Zarr metadata (zarr.json). Give the folder of a store."
        ) from error
    except TessellarError:
        raise
    except Exception as error:  # whatever zarr meets in a damaged file, its owner needs one sentence
        raise _damaged(files.place, "zarr.json", error) from error


def arrays_in(files: Files, group: zarr.Group, names: Iterable[str]) -> dict[str, zarr.Array[Any]]:
    """Return the arrays of a group by their names: all, or those with given names where a place does not list them."""
    import zarr

    if files.lists or group.metadata.consolidated_metadata is not None:
        return dict(group.arrays())
    found = ((name, group.get(name)) for name in names)
    return {name: entry for name, entry in found if isinstance(entry, zarr.Array)}


def _sky_array(files: Files, group: zarr.Group) -> zarr.Array[Any]:
    """Return the array that the image's data group names, or the only array that can be a cube."""
    place = files.place
    groups = dict(group.attrs).get("data_groups")
    base = groups.get("base") if isinstance(groups, dict) else None
    name = base.get("sky") if isinstance(base, dict) else None
    if isinstance(name, str):
        return _member(place, group, name)
    try:
        arrays = arrays_in(files, group, (SKY,))
    except Exception as error:  # as above
        raise _damaged(place, "an array", error) from error
    cubes = [name for name, array in arrays.items() if array.ndim >= 3 and array.dtype.kind == "f"]
    if SKY in arrays or len(cubes) == 1:
        return arrays[SKY if SKY in arrays else cubes[0]]
    if not arrays and not files.lists:
        raise InputError(
            f"{shown(place)} does not say where its cube is, and the server does not list what it has. "
            "Give the address of the array itself."
        )
    held = ", ".join(f"{shown(name)} {array.shape}" for name, array in sorted(arrays.items())) or "no array"
    words = "several cubes" if cubes else "no cube"
    raise InputError(
        f"{shown(place)} holds {words}: {held}. One array of three axes is needed; give its folder."
    )


def _member(place: str, group: zarr.Group, name: str) -> zarr.Array[Any]:
    import zarr

    try:
        entry = group[name]
    except KeyError as error:
        raise InputError(
            f"{shown(place)} is damaged: its variable {shown(name)} is missing. Copy it again."
        ) from error
    except Exception as error:  # as above
        raise _damaged(place, f"{name}/zarr.json", error) from error
    if not isinstance(entry, zarr.Array):
        raise InputError(f"{shown(place)} is damaged: {shown(name)} is no array. Copy it again.")
    return entry


def _damaged(place: str, part: str, error: Exception) -> InputError:
    reason = f"{type(error).__name__}: {error}".splitlines()[0][:120]
    return InputError(
        f"{shown(place)} is damaged: {shown(part)} cannot be read ({shown(reason)}). Copy it again."
    )
