"""The small files of a Zarr image: all metadata, coordinates and beams, everything but the voxels."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tessellar.io.publish import flush, remove
from tessellar.io.schema import BEAM, DIMS, VELOCITY, Variable, beam_fits, coordinates, image_attributes
from tessellar.model import CubeMeta
from tessellar.tiling.box import Shape


@dataclass(frozen=True, slots=True)
class VoxelArray:
    """The array of an image that holds its voxels, as Zarr is told to make it.

    Attributes
    ----------
    name, dtype, fill_value
        Of the array; the value is that of voxels whose file is missing.
    chunk, shard
        Voxels that are decoded together, and those of a file, ``(frequency, l, m)``; without the last, a chunk is a
        file.
    compressors
        What encodes a chunk.
    attributes
        What it says about itself.
    """

    name: str
    dtype: str
    fill_value: float
    chunk: Shape
    shard: Shape | None
    compressors: tuple[Any, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)


def small_files(
    meta: CubeMeta, array: VoxelArray, group: Mapping[str, Any] | None = None
) -> dict[str, bytes]:
    """Return the files by their keys, made in memory.

    Parameters
    ----------
    meta
        The cube.
    array
        The array of its voxels.
    group
        Attributes of the image that differ from those of a cube.
    """
    import zarr

    files: dict[str, Any] = {}
    store = zarr.storage.MemoryStore(files)
    axes, beams = coordinates(meta), beam_fits(meta)
    says = {**image_attributes(meta), **(group or {})}
    if VELOCITY in axes:  # by the CF conventions, a coordinate that is no axis is named by what has it
        owner = beams[BEAM].attributes if beams else says
        owner["coordinates"] = VELOCITY
    zarr.create_group(store, attributes=says)
    for name, variable in {**axes, **beams}.items():
        _put_variable(store, name, variable)
    zarr.create_array(
        store,
        name=array.name,
        shape=_with_short_axes(meta.shape),
        chunks=_with_short_axes(array.chunk),
        shards=_with_short_axes(array.shard) if array.shard else None,
        dtype=array.dtype,
        compressors=array.compressors,
        fill_value=array.fill_value,
        dimension_names=DIMS,
        attributes=dict(array.attributes),
    )
    return {key: value.to_bytes() for key, value in sorted(files.items())}


def put_files(files: Mapping[str, bytes], scratch: Path, folder: Path) -> None:
    """Write files durably into a store; they are made in ``scratch`` and moved from there.

    The disk is waited for once for each file and once for each folder.

    Raises
    ------
    OSError
        The disk is full or cannot be written.
    """
    made = scratch / "metadata"
    try:
        made.mkdir()
        drafts = {folder / key: made / str(number) for number, key in enumerate(files)}
        for draft, content in zip(drafts.values(), files.values(), strict=True):
            draft.write_bytes(content)
            flush(draft)
        for target, draft in drafts.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            draft.replace(target)
    finally:
        remove(made)
    inside = {parent for target in drafts for parent in target.parents if parent.is_relative_to(folder)}
    for place in sorted(inside | {folder.parent}):
        flush(place)


def _put_variable(store: Any, name: str, variable: Variable) -> None:
    """Put a small array into a store."""
    import zarr

    blank: Any = "" if variable.values.dtype.kind == "U" else np.nan
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*does not have a Zarr V3 specification.*")
        zarr.create_array(
            store,
            name=name,
            data=variable.values,
            fill_value=blank,
            dimension_names=variable.dims,
            attributes=variable.attributes,
        )


def _with_short_axes(shape: Shape) -> tuple[int, ...]:
    z, x, y = shape
    return (1, z, 1, x, y)
