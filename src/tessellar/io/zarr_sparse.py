"""A shard of a Zarr array most of whose chunks hold nothing: only the others are encoded, and none is looked for.

The Zarr libraries are given all voxels of a shard, and look at each to tell which chunks they may leave out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from tessellar.tiling.box import Box, Shape

_NOT_STORED = 2**64 - 1  # what an index says of a chunk that is all fill value


def shard_bytes(chunks: Iterable[tuple[int, bytes]], count: int) -> Iterator[bytes]:
    """Yield the content of a shard: its chunks, then their index with its checksum (Zarr v3, sharding_indexed).

    Parameters
    ----------
    chunks
        Encoded chunks with their numbers in the shard, ascending.
    count
        How many chunks a shard has.
    """
    from google_crc32c import value

    index = np.full((count, 2), _NOT_STORED, "<u8")
    begin = 0
    for number, content in chunks:
        index[number] = begin, len(content)
        begin += len(content)
        yield content
    table = index.tobytes()
    yield table + value(table).to_bytes(4, "little")


def zstd_chunks(
    voxels: npt.NDArray[Any], numbers: Iterable[int], chunk: Shape, shard: Shape
) -> Iterator[tuple[int, bytes]]:
    """Yield chunks of a shard, encoded as those of codec ``zstd``: little-endian, level 1, with a checksum.

    Parameters
    ----------
    voxels
        Those of the shard that are inside the cube, array (frequency, l, m); chunks are filled up with 0.
    numbers
        Which chunks, ascending.
    chunk, shard
        Voxels of each, ``(frequency, l, m)``.
    """
    from numcodecs.zstd import Zstd

    codec = Zstd(level=1, checksum=True)
    order = voxels.dtype.newbyteorder("<")
    counts = counts_of(chunk, shard)
    for number in numbers:
        place = np.unravel_index(number, counts)
        start = tuple(int(p) * c for p, c in zip(place, chunk, strict=True))
        box = Box.of_shape(chunk).shift((start[0], start[1], start[2]))
        inside = (box & Box.of_shape((voxels.shape[0], voxels.shape[1], voxels.shape[2]))).slices()
        whole = np.zeros(chunk, order)
        part = voxels[inside]
        whole[tuple(map(slice, part.shape))] = part
        yield number, bytes(codec.encode(whole))


def counts_of(chunk: Shape, shard: Shape) -> Shape:
    """Return how many chunks a shard has along each axis."""
    z, x, y = (s // c for s, c in zip(shard, chunk, strict=True))
    return (z, x, y)


def n_chunks(chunk: Shape, shard: Shape) -> int:
    """Return how many chunks a shard has."""
    return prod(counts_of(chunk, shard))
