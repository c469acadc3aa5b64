"""How a Zarr array is packed into files, where that is a way in which cubes are written."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from tessellar.model import FloatArray
from tessellar.tiling.box import Shape

if TYPE_CHECKING:
    import zarr

Unpack: TypeAlias = Callable[[Any, FloatArray], object]


@dataclass(frozen=True, slots=True)
class Packing:
    """float32 voxels in shards that begin or end with an index; chunks by zstd, by Blosc, or as they are.

    Attributes
    ----------
    shape, shard, chunk
        Voxels of the array, of a file and of what is decoded as one piece, ``(frequency, l, m)``.
    unpack
        Decodes a chunk into an array; None where there is nothing to decode.
    fill_value
        What voxels are that are not stored.
    index_first
        Whether a file begins with its index.
    is_zstd
        Whether chunks are frames of Zstandard.
    """

    shape: Shape
    shard: Shape
    chunk: Shape
    unpack: Unpack | None
    fill_value: np.float32
    index_first: bool
    is_zstd: bool

    @classmethod
    def of(cls, array: zarr.Array[Any], axes: Shape) -> Packing | None:
        """Return how an array is packed whose ``axes`` are frequency, l and m; None where it is done otherwise."""
        from zarr.codecs import ShardingCodec, ZstdCodec
        from zarr.codecs.sharding import ShardingCodecIndexLocation

        if array.metadata.zarr_format != 3 or array.shards is None or not hasattr(os, "preadv"):
            return None
        rest = [axis for axis in range(array.ndim) if axis not in axes]
        if list(axes) != sorted(axes) or any(array.shape[n] != 1 or array.shards[n] != 1 for n in rest):
            return None
        codecs = array.metadata.codecs
        if array.dtype != np.float32 or len(codecs) != 1 or not isinstance(codecs[0], ShardingCodec):
            return None
        first, *packing = codecs[0].codecs
        is_known, unpack = _unpack(packing)
        if not (is_known and _is_native(first) and _is_checked_index(codecs[0].index_codecs)):
            return None
        return cls(
            _along(array.shape, axes),
            _along(array.shards, axes),
            _along(array.chunks, axes),
            unpack,
            np.float32(array.fill_value),
            codecs[0].index_location is ShardingCodecIndexLocation.start,
            any(isinstance(codec, ZstdCodec) for codec in packing),
        )

    @property
    def chunks(self) -> Shape:
        """The number of chunks in a shard along each axis."""
        z, x, y = (s // c for s, c in zip(self.shard, self.chunk, strict=True))
        return (z, x, y)


def _along(sizes: Sequence[int], axes: Shape) -> Shape:
    z, x, y = (sizes[axis] for axis in axes)
    return (z, x, y)


def _unpack(packing: Sequence[object]) -> tuple[bool, Unpack | None]:
    """Return whether it is known how chunks are decoded, and what does it."""
    from numcodecs import blosc, zstd
    from zarr.codecs import BloscCodec, ZstdCodec

    if not packing:
        return True, None
    if len(packing) > 1:
        return False, None
    if isinstance(packing[0], ZstdCodec):
        return True, zstd.decompress
    return isinstance(packing[0], BloscCodec), blosc.decompress


def _is_native(codec: object) -> bool:
    from zarr.codecs import BytesCodec

    return isinstance(codec, BytesCodec) and codec.endian is not None and codec.endian.value == sys.byteorder


def _is_checked_index(codecs: Sequence[object]) -> bool:
    """Return whether an index is plain numbers and their checksum."""
    from zarr.codecs import Crc32cCodec

    return len(codecs) == 2 and _is_native(codecs[0]) and isinstance(codecs[1], Crc32cCodec)
