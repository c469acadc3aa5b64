"""The digest of a written piece: its size on disk and a hash of its bytes, by which damage is found later."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

HASH_BYTES = 16
DIGEST_BYTES = 8 + HASH_BYTES
ABSENT = bytes(
    DIGEST_BYTES
)  # of a piece that is all blank and has no file; no bytes at all have another digest

_BLOCK_BYTES = 2**20


def digest_of(blocks: Iterable[bytes | memoryview]) -> bytes:
    """Return the digest of bytes that come block by block: 8 bytes of size, 16 of BLAKE2b."""
    size, content = 0, hashlib.blake2b(digest_size=HASH_BYTES)
    for block in blocks:
        size += len(block)
        content.update(block)
    return size.to_bytes(8, "little") + content.digest()


def size_in(digest: bytes) -> int:
    """Return how many bytes a piece takes on disk."""
    return int.from_bytes(digest[:8], "little")


def digest_of_file(path: Path) -> bytes:
    """Return the digest of a file, `ABSENT` where there is none."""
    try:
        with path.open("rb") as file:
            return digest_of(iter(lambda: file.read(_BLOCK_BYTES), b""))
    except FileNotFoundError:
        return ABSENT


def is_file_sound(path: Path, digest: bytes) -> bool:
    """Return whether a file is the one that the digest was taken of; its size is looked at first."""
    try:
        if digest != ABSENT and path.stat().st_size != size_in(digest):
            return False
        return digest_of_file(path) == digest
    except OSError:
        return False
