"""The mask of a run as one FITS cube of labels, copied from its Zarr store piece by piece."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tessellar.errors import InputError
from tessellar.io.files import FolderFiles
from tessellar.io.hdus import BLOCK
from tessellar.io.map_fits import cube_header, opening
from tessellar.io.mask_zarr import LABEL
from tessellar.io.meta_json import meta_from_json
from tessellar.io.naming import shown
from tessellar.io.publish import atomic_file
from tessellar.io.zarr_array import open_array
from tessellar.tiling.box import Box, Shape
from tessellar.tiling.grid import Grid

_PIECE_VOXELS = 2**22
_DEPTH, _ROWS = 16, 32  # of a chunk of the store


def write_mask_fits(store: Path, path: Path, tell: Callable[[int, int], None]) -> None:
    """Write the labels of ``mask.zarr`` as an int32 image (frequency, m, l); memory does not grow with the cube.

    Parameters
    ----------
    store
        What `tessellar.io.mask_zarr.MaskSink` published.
    path
        The file; it appears when it is whole.
    tell
        Is told after each piece how many are done, and of how many.

    Raises
    ------
    InputError
        The store is damaged.
    OutputError
        The disk is full or cannot be written.
    """
    labels, header = _open(store)
    _, nz, _, nx, ny = labels.shape
    start = opening(header, "int32", (nz, ny, nx))
    size = len(start) + 4 * nz * ny * nx
    pieces = Grid((nz, nx, ny), _piece((nz, nx, ny)))
    with atomic_file(path) as temporary, temporary.open("wb") as file:
        file.write(start)
        file.truncate(size + -size % BLOCK)
        for piece in pieces:
            zs, xs, ys = piece.core.slices()
            found = _read(store, labels, (slice(0, 1), zs, slice(0, 1), xs, ys))
            planes = found[0, :, 0].transpose(0, 2, 1).astype(">i4", order="C")
            for z, plane in enumerate(planes, start=zs.start):
                file.seek(len(start) + 4 * (z * ny + ys.start) * nx)
                file.write(plane.data)
            tell(piece.id + 1, len(pieces))


def _open(store: Path) -> tuple[Any, Any]:
    """Return the array of the labels and the header of the cube."""
    import zarr

    try:
        meta = meta_from_json(zarr.open_group(store, mode="r").attrs.asdict().get("tessellar"))
        labels = open_array(FolderFiles(store / LABEL))
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        raise _damage(store, error) from error
    return labels, cube_header(meta, Box.of_shape(meta.shape), BTYPE="label", BUNIT=" ")


def _read(store: Path, labels: Any, selection: tuple[slice, ...]) -> Any:
    try:
        return np.asarray(labels[selection])
    except (OSError, ValueError, RuntimeError) as error:
        raise _damage(store, error) from error


def _damage(store: Path, error: Exception) -> InputError:
    return InputError(f"{shown(store)} cannot be read ({error}). Run the find again.")


def _piece(shape: Shape) -> Shape:
    """Return whole rows along l in some channels: stretches of the file, made of whole chunks of the store."""
    depth = min(shape[0], _DEPTH)
    rows = max(1, _PIECE_VOXELS // (depth * shape[1]))
    return depth, shape[1], min(shape[2], max(_ROWS, rows - rows % _ROWS))
