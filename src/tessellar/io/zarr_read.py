"""Reading cubes from Zarr box by box, whoever wrote them."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from tessellar.errors import InputError
from tessellar.io.blanks import blanked
from tessellar.io.digest import ABSENT
from tessellar.io.extents import Extent
from tessellar.io.files import MOST_FILES, Files, FolderFiles
from tessellar.io.naming import shown
from tessellar.io.zarr_array import open_array
from tessellar.io.zarr_find import check_folder, find_cube
from tessellar.io.zarr_manifest import MANIFEST, read_manifest
from tessellar.io.zarr_packing import Packing
from tessellar.io.zarr_shards import DamagedShardError, Shards
from tessellar.model import ByteArray, CubeMeta, FloatArray, Order
from tessellar.tiling.box import Box, Shape
from tessellar.tiling.grid import Grid

_SAMPLES = 16
_NO_VOXELS = ("zarr.json", MANIFEST)
_READ_ERRORS = (RuntimeError, OSError, ValueError, OverflowError, IndexError)


class ZarrSource:
    """A cube in a Zarr store: ours, another xradio image, or one array of three axes.

    Parameters
    ----------
    path
        Folder of the store, or the files of one that is elsewhere.

    Raises
    ------
    CubeNotFoundError
        There is nothing at ``path``.
    InputError
        It is no Zarr store, is damaged, or holds no cube.
    """

    def __init__(self, path: str | os.PathLike[str] | Files) -> None:
        if isinstance(path, str | os.PathLike):
            check_folder(Path(path))
            path = FolderFiles(Path(path))
        self.files = path
        self._cube = find_cube(path)
        self._voxels = path / self._cube.array if self._cube.array else path
        self._array = open_array(self._voxels)
        packing = None if self._cube.blanks else Packing.of(self._array, self._cube.axes)
        checks = (self._check_absent, self._is_absent)
        self._shards = None if packing is None else Shards(self._voxels, self._key, packing, *checks)

    def __reduce__(self) -> tuple[object, ...]:
        return (ZarrSource, (self.files,))

    @property
    def path(self) -> str:
        """The folder of the store, or its address."""
        return self.files.place

    @property
    def meta(self) -> CubeMeta:
        """What is known without reading voxels."""
        return self._cube.meta

    @property
    def identity(self) -> str:
        """A digest of the store's metadata, and of what tells whether its voxels are still the same."""
        return f"zarr {self.files.stamp(self._cube.array, self.samples)}"

    @property
    def voxel_files(self) -> Files:
        """The files of the array that holds the voxels."""
        return self._voxels

    @property
    def chunks(self) -> Shape | None:
        """The box of voxels that is decoded as one piece, ``(frequency, l, m)``."""
        return self._along(self._array.chunks)

    @property
    def shards(self) -> Shape | None:
        """The box of voxels that one file holds, ``(frequency, l, m)``; None where a file holds one chunk."""
        return None if self._array.shards is None else self._along(self._array.shards)

    @property
    def stored_bytes(self) -> int:
        """Bytes of all files of the array."""
        return self._voxels.total(self.samples, len(self._files))

    @property
    def storage(self) -> str:
        """The codec, and the shapes of chunks and shards."""
        codecs = " ".join(type(codec).__name__ for codec in self._array.compressors) or "no codec"
        return f"Zarr, {codecs}, chunks {self.chunks}, shards {self.shards}"

    def extents(self) -> Iterator[Extent]:
        """Yield the files of the array; of very many the first ones."""
        folder = Path(self._voxels.place)
        for entry in itertools.islice(folder.rglob("*"), MOST_FILES):
            if entry.name not in _NO_VOXELS and entry.is_file():
                yield Extent(entry, 0, entry.stat().st_size)

    def read(self, box: Box) -> FloatArray:
        """Return the voxels of a box, float32 C-order array (frequency, l, m), NaN = blank.

        Raises
        ------
        InputError
            A shard is damaged; the message names it.
        """
        if self._shards is None:
            return self._read_by_library(box)
        out: FloatArray = np.empty(box.shape, np.float32)
        self.fill([Order(box, ((box, out),))])
        return out

    @property
    def by_chunk(self) -> bool:
        """Whether chunks are decoded here, one by one, and not by a Zarr library, which likes to be asked for many."""
        return self._shards is not None

    def fill(self, orders: Sequence[Order]) -> None:
        """Put voxels where they are wanted, NaN = blank.

        What cannot be decoded here is left to the Zarr library: it decodes more, and tells what is wrong.

        Raises
        ------
        InputError
            A shard is damaged; the message names it.
        """
        if self._shards is not None:
            try:
                self._shards.fill(orders)
            except InputError:
                raise
            except DamagedShardError as error:
                raise self._damaged(error.position, error) from error
            except _READ_ERRORS:
                pass
            else:
                return
        for order in orders:
            order.put(self._read_by_library(order.box))

    def decode(self, places: Sequence[Shape], arrays: Sequence[FloatArray]) -> None:
        """Decode chunks, given their positions among all, each into a C-order array of its own; NaN = blank.

        Raises
        ------
        InputError
            A shard is damaged; the message names it.
        """
        if self._shards is not None:
            try:
                self._shards.decode(places, arrays)
            except InputError:
                raise
            except DamagedShardError as error:
                raise self._damaged(error.position, error) from error
            except _READ_ERRORS:
                pass
            else:
                return
        grid = Grid(self.meta.shape, self._along(self._array.chunks))
        for (z, x, y), array in zip(places, arrays, strict=True):
            box = grid[(z * grid.counts[1] + x) * grid.counts[2] + y].core
            array[Box.of_shape(box.shape).slices()] = self._read_by_library(box)

    def _read_by_library(self, box: Box) -> FloatArray:
        try:
            found = self._array[self._selection(box)]
        except _READ_ERRORS as error:
            raise self._damage(box, error) from error
        rest = [axis for axis in range(self._array.ndim) if axis not in self._cube.axes]
        voxels = np.asarray(found).transpose(*rest, *self._cube.axes)
        if self._cube.blanks:
            voxels = blanked(voxels, self._cube.blanks)
        out: FloatArray = np.ascontiguousarray(voxels, dtype=np.float32).reshape(box.shape)
        infinite = np.isinf(out)
        if infinite.any():
            out = np.where(infinite, np.float32(np.nan), out)  # no brightness is infinite: blank, as in FITS
        return out

    def _along(self, sizes: Sequence[int]) -> Shape:
        """Return the sizes that belong to frequency, l and m."""
        z, x, y = (sizes[axis] for axis in self._cube.axes)
        return (z, x, y)

    def _selection(self, box: Box) -> tuple[slice, ...]:
        """Return slices for all axes: given a number, zarrs 0.2 leaves the reading to zarr-python."""
        selection = [slice(0, 1)] * self._array.ndim
        for axis, part in zip(self._cube.axes, box.slices(), strict=True):
            selection[axis] = part
        return tuple(selection)

    def _key(self, place: Shape) -> str:
        """Return the name of a file, given its position among them, ``(frequency, l, m)``."""
        position = [0] * self._array.ndim
        for axis, index in zip(self._cube.axes, place, strict=True):
            position[axis] = index
        return self._array.metadata.encode_chunk_key(tuple(position))

    def _name(self, place: Shape) -> str:
        """Return the whole name of a file, given its position among them."""
        return f"{self._voxels.place}/{self._key(place)}"

    def samples(self) -> Iterator[str]:
        """Yield the names of some files of the array, spread over the cube."""
        grid = self._files
        for index in dict.fromkeys(len(grid) * n // _SAMPLES for n in range(_SAMPLES)):
            z, x, y = (a // b for a, b in zip(grid[index].core.start, grid.core, strict=True))
            yield self._key((z, x, y))

    @cached_property
    def _manifest(self) -> ByteArray | None:
        return read_manifest(self._voxels, len(self._files))

    @property
    def _files(self) -> Grid:
        """The boxes of the files of the array."""
        return Grid(self.meta.shape, self._along(self._array.shards or self._array.chunks))

    def _is_absent(self, place: Shape) -> bool:
        """Return whether the store says that a file was not written, for all of it is blank."""
        (_, nx, ny), (z, x, y) = self._files.counts, place
        return self._manifest is not None and self._manifest[(z * nx + x) * ny + y].tobytes() == ABSENT

    def _check_absent(self, place: Shape) -> None:
        """Refuse to take a file that is not there for blank sky, where the store says that it was written.

        Raises
        ------
        InputError
            It is missing.
        """
        if self._manifest is not None and not self._is_absent(place):
            raise InputError(
                f"{shown(self.path)} is damaged: {shown(self._name(place))} is missing. "
                "Copy or convert the cube again."
            )

    def _damaged(self, place: Shape, reason: object) -> InputError:
        """Return the sentence about a stored piece, given its position among them, that cannot be read."""
        return InputError(
            f"{shown(self.path)} is damaged: {shown(self._name(place))} cannot be read "
            f"({reason}). Copy or convert the cube again."
        )

    def _damage(self, box: Box, error: Exception) -> InputError:
        """Return the sentence about the first stored piece of ``box`` that cannot be read."""
        grid = self._files
        z, x, y = grid.core
        for index in grid.touching(box):
            core = grid[index].core
            try:
                self._array[self._selection(core & box)]
            except _READ_ERRORS as reason:
                place = (core.start[0] // z, core.start[1] // x, core.start[2] // y)
                return self._damaged(place, reason)
        return InputError(f"{shown(self.path)} cannot be read ({error}). Run the command again.")
