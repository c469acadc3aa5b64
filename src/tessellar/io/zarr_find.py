"""Where the cube is in a Zarr store, whoever wrote it: which array, which axes, and what it says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tessellar.errors import CubeNotFoundError, InputError
from tessellar.io.naming import shown
from tessellar.io.schema import SKY, meta_from_attributes
from tessellar.io.zarr_foreign import describe
from tessellar.model import CubeMeta
from tessellar.tiling.box import Shape

if TYPE_CHECKING:
    import zarr


@dataclass(frozen=True, slots=True)
class StoredCube:
    """A cube found in a store.

    Attributes
    ----------
    folder
        The folder of the array that holds the voxels.
    axes
        Which axes of that array are frequency, l and m.
    meta
        What the store says of the cube.
    """

    folder: Path
    axes: Shape
    meta: CubeMeta


def find_cube(path: Path) -> StoredCube:
    """Find the cube in a Zarr store.

    Raises
    ------
    CubeNotFoundError
        There is nothing at ``path``.
    InputError
        It is no Zarr store, is damaged, or holds no cube or several.
    """
    import zarr

    if not path.exists():
        raise CubeNotFoundError(f"There is no cube {shown(path)}. Check the name.")
    if not path.is_dir():
        raise InputError(f"{shown(path)} is a file; a Zarr cube is a folder. Give it its right suffix.")
    node = _open(path)
    if isinstance(node, zarr.Array):
        axes, meta = describe(path, None, node)
        return StoredCube(path, axes, meta)
    try:
        ours = meta_from_attributes(dict(node.attrs))
    except InputError as error:
        raise InputError(f"{shown(path)} cannot be read: {error} Convert the cube again.") from error
    array = _member(path, node, SKY) if ours is not None else _sky_array(path, node)
    if ours is None:
        axes, meta = describe(path, node, array)
        return StoredCube(path / array.path, axes, meta)
    z, x, y = ours.shape
    if array.shape != (1, z, 1, x, y):
        raise InputError(
            f"{shown(path)} is damaged: its voxels have shape {array.shape}, its header says "
            f"(1, {z}, 1, {x}, {y}). Convert the cube again."
        )
    return StoredCube(path / SKY, (1, 3, 4), ours)


def _open(path: Path) -> zarr.Array[Any] | zarr.Group:
    import zarr

    try:
        return zarr.open(path, mode="r")
    except zarr.errors.NodeNotFoundError as error:
        raise InputError(
            f"{shown(path)} is a folder without Zarr metadata (zarr.json). Give the folder of a store."
        ) from error
    except Exception as error:  # whatever zarr meets in a damaged file, its owner needs one sentence
        raise _damaged(path, "zarr.json", error) from error


def _sky_array(path: Path, group: zarr.Group) -> zarr.Array[Any]:
    """Return the array that the image's data group names, or the only array that can be a cube."""
    groups = dict(group.attrs).get("data_groups")
    base = groups.get("base") if isinstance(groups, dict) else None
    name = base.get("sky") if isinstance(base, dict) else None
    if isinstance(name, str):
        return _member(path, group, name)
    try:
        arrays = dict(group.arrays())
    except Exception as error:  # as above
        raise _damaged(path, "an array", error) from error
    cubes = [name for name, array in arrays.items() if array.ndim >= 3 and array.dtype.kind == "f"]
    if SKY in arrays or len(cubes) == 1:
        return arrays[SKY if SKY in arrays else cubes[0]]
    held = ", ".join(f"{shown(name)} {array.shape}" for name, array in sorted(arrays.items())) or "no array"
    words = "several cubes" if cubes else "no cube"
    raise InputError(
        f"{shown(path)} holds {words}: {held}. One array of three axes is needed; give its folder."
    )


def _member(path: Path, group: zarr.Group, name: str) -> zarr.Array[Any]:
    import zarr

    try:
        entry = group[name]
    except KeyError as error:
        raise InputError(
            f"{shown(path)} is damaged: its variable {shown(name)} is missing. Copy it again."
        ) from error
    except Exception as error:  # as above
        raise _damaged(path, f"{name}/zarr.json", error) from error
    if not isinstance(entry, zarr.Array):
        raise InputError(f"{shown(path)} is damaged: {shown(name)} is no array. Copy it again.")
    return entry


def _damaged(path: Path, part: str, error: Exception) -> InputError:
    reason = f"{type(error).__name__}: {error}".splitlines()[0][:120]
    return InputError(
        f"{shown(path)} is damaged: {shown(part)} cannot be read ({shown(reason)}). Copy it again."
    )
