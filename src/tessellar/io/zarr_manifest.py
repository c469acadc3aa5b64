"""The digests of a store's shards, kept in the store, so that damage is found that no codec notices."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tessellar.io.digest import DIGEST_BYTES
from tessellar.io.files import Files
from tessellar.io.publish import flush
from tessellar.model import ByteArray
from tessellar.tiling.box import Box, Shape

MANIFEST = "digests.npy"  # in the folder of the array, where Zarr looks for nothing but shards


def shard_key(box: Box, shard: Shape) -> str:
    """Return the name of the file of a shard inside the folder of the array."""
    z, x, y = (start // step for start, step in zip(box.start, shard, strict=True))
    return f"c/0/{z}/0/{x}/{y}"


def write_manifest(folder: Path, digests: Sequence[bytes]) -> None:
    """Write the digests of all shards, in order, durably: uint8 array (shard, 24), 8 of size, 16 of BLAKE2b."""
    table = np.frombuffer(b"".join(digests), np.uint8).reshape(len(digests), DIGEST_BYTES)
    np.save(folder / MANIFEST, table, allow_pickle=False)
    flush(folder / MANIFEST)


def read_manifest(files: Files, n_shards: int) -> ByteArray | None:
    """Return the digests of all shards, uint8 array (shard, 24); None where there are none for so many shards.

    Parameters
    ----------
    files
        Those in the folder of the array.
    n_shards
        How many there must be.
    """
    try:
        content = b"".join(files.blocks(MANIFEST))
        table: ByteArray = np.load(io.BytesIO(content), allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return table if table.shape == (n_shards, DIGEST_BYTES) and table.dtype == np.uint8 else None
