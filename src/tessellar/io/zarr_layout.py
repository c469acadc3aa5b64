"""How a cube is cut on disk: small chunks that are read alone, packed into shards that are written whole."""

from __future__ import annotations

from typing import Any

from tessellar.errors import UsageError
from tessellar.tiling.box import Shape

CHUNK: Shape = (16, 32, 32)  # about the halo of a filter: reading a halo then decodes little that is not used
SHARD: Shape = (64, 256, 256)  # 16 MiB of voxels
CODECS = ("zstd", "lz4", "none")


def layout(shape: Shape, chunk: Shape | None, shard: Shape | None) -> tuple[Shape, Shape]:
    """Return the shapes of chunk and shard for a cube, cut down where the cube is smaller.

    Parameters
    ----------
    shape
        Of the cube, ``(frequency, l, m)``.
    chunk, shard
        What is wished for; None chooses.

    Raises
    ------
    UsageError
        A size is not positive, or a shard is no multiple of the chunk.
    """
    if min(*(chunk or CHUNK), *(shard or SHARD)) < 1:
        raise UsageError(f"chunk {chunk} and shard {shard} need positive sizes.")
    inner = _smaller(shape, chunk or CHUNK)
    if shard is None:
        return inner, _whole_chunks(inner, _smaller(shape, SHARD))
    outer = _smaller(_whole_chunks(inner, shape), shard)
    if any(s % c for s, c in zip(outer, inner, strict=True)):
        raise UsageError(f"shard {shard} is no multiple of chunk {inner} on every axis. Change one of them.")
    return inner, outer


def codecs(codec: str) -> tuple[Any, ...]:
    """Return the compressors of a chunk.

    Parameters
    ----------
    codec
        ``zstd`` (level 1, plain, so that a GPU can decode it; its checksum keeps damage from being read as
        voxels), ``lz4`` (level 5, bytes shuffled, in Blosc: decoded twice as fast, by no GPU) or ``none``. Damage
        inside a chunk of the latter two may go unnoticed, since zarrs does not verify ``crc32c`` where it reads a
        part; `tessellar info --verify` finds it.

    Raises
    ------
    UsageError
        There is no such codec.
    """
    from zarr.codecs import BloscCodec, ZstdCodec

    if codec not in CODECS:
        raise UsageError(f"no codec {codec!r}; choose one of {', '.join(CODECS)}.")
    if codec == "lz4":
        return (BloscCodec(cname="lz4", clevel=5, shuffle="shuffle", typesize=4),)
    return (ZstdCodec(level=1, checksum=True),) if codec == "zstd" else ()


def _smaller(a: Shape, b: Shape) -> Shape:
    return (min(a[0], b[0]), min(a[1], b[1]), min(a[2], b[2]))


def _whole_chunks(chunk: Shape, shape: Shape) -> Shape:
    z, x, y = (-(-n // c) * c for n, c in zip(shape, chunk, strict=True))
    return (z, x, y)
