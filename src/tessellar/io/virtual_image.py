"""The files of a Zarr image that is not there, by their names: each is made when somebody asks for it.

They are those of a cube that `tessellar convert` wrote as an xradio image, without compression and shards.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from functools import cached_property

import numpy as np

from tessellar.io.schema import SKY, sky_attributes
from tessellar.io.zarr_layout import layout
from tessellar.io.zarr_template import VoxelArray, small_files
from tessellar.model import Source
from tessellar.tiling.box import Box, Shape

CHUNK: Shape = (32, 128, 128)  # 2 MiB of voxels

_KEY = re.compile(rf"{SKY}/c/0/([0-9]{{1,12}})/0/([0-9]{{1,12}})/([0-9]{{1,12}})")


class VirtualImage:
    """The files of a Zarr image by their keys, without a disk.

    Parameters
    ----------
    source
        The cube.
    chunks
        Voxels that are made together, ``(frequency, l, m)``.
    """

    def __init__(self, source: Source, chunks: Shape | None = None) -> None:
        self.source = source
        self.chunk, _ = layout(source.meta.shape, chunks or source.chunks or CHUNK, None)

    @cached_property
    def held(self) -> dict[str, bytes]:
        """The small files: all metadata, coordinates and beams."""
        meta = self.source.meta
        voxels = VoxelArray(SKY, "float32", float("nan"), self.chunk, None, (), sky_attributes(meta))
        return small_files(meta, voxels)

    def size(self, key: str) -> int | None:
        """Return the bytes of a file, None if there is none."""
        if key in self.held:
            return len(self.held[key])
        return None if self._box(key) is None else 4 * self._chunk_size

    def read(self, key: str) -> bytes | None:
        """Return a file, None if there is none; chunks at the cube's edge are filled up with blank voxels."""
        if key in self.held:
            return self.held[key]
        box = self._box(key)
        if box is None:
            return None
        found = self.source.read(box & Box.of_shape(self.source.meta.shape))
        voxels = np.full(self.chunk, np.nan, dtype="<f4")
        voxels[tuple(slice(n) for n in found.shape)] = found
        return voxels.tobytes()

    def names(self, prefix: str = "") -> Iterator[str]:
        """Yield the names of all files that begin with ``prefix``, one by one: there may be millions."""
        ours = (f"{SKY}/c/0/{z}/0/{x}/{y}" for z, x, y in itertools.product(*map(range, self._counts)))
        return (key for key in itertools.chain(self.held, ours) if key.startswith(prefix))

    def children(self, folder: str) -> Iterable[str]:
        """Return the names of what lies directly in a folder."""
        inside = f"{folder.strip('/')}/".removeprefix("/")
        names = dict.fromkeys(
            key.removeprefix(inside).split("/")[0] for key in self.held if key.startswith(inside)
        )
        return [*names, *self._children_of_array(inside)]

    def _children_of_array(self, inside: str) -> Iterable[str]:
        """Return the numbers that follow in the names of chunks, ``SKY/c/0/z/0/x/y``."""
        if inside == f"{SKY}/":
            return ["c"]
        parts = inside.strip("/").split("/")
        lengths = (1, self._counts[0], 1, *self._counts[1:])
        known = [n for n in parts[2:] if n.isdecimal()]
        if parts[:2] != [SKY, "c"] or len(known) != len(parts) - 2 or len(known) >= len(lengths):
            return []
        if any(int(n) >= length for n, length in zip(known, lengths, strict=False)):
            return []
        return map(str, range(lengths[len(known)]))

    @property
    def _counts(self) -> Shape:
        z, x, y = (-(-n // c) for n, c in zip(self.source.meta.shape, self.chunk, strict=True))
        return (z, x, y)

    @property
    def _chunk_size(self) -> int:
        return Box.of_shape(self.chunk).size

    def _box(self, key: str) -> Box | None:
        """Return the voxels of a chunk, which may reach beyond the cube; None if the key names no chunk."""
        match = _KEY.fullmatch(key)
        if match is None:
            return None
        z, x, y = (int(number) for number in match.groups())
        if any(n >= count for n, count in zip((z, x, y), self._counts, strict=True)):
            return None
        a, b, c = self.chunk
        return Box.of_shape(self.chunk).shift((z * a, x * b, y * c))
