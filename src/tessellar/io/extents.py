"""Where the bytes of a cube lie, on a disk or elsewhere, and in what form: how fast they come depends on both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Extent:
    """A stretch of a file.

    Attributes
    ----------
    path
        The file.
    first, size
        Its first byte, and how many there are.
    """

    path: Path
    first: int
    size: int


@runtime_checkable
class Remote(Protocol):
    """A cube behind an address."""

    @property
    def storage(self) -> str:
        """How it is stored, in words that are the same for cubes that are read equally fast."""

    @property
    def server(self) -> str:
        """Who gives its bytes."""

    def transfer(self, seconds: float) -> tuple[int, float]:
        """Fetch stored bytes as fast as they come, for no longer than so many seconds; return bytes and seconds."""


@runtime_checkable
class Stored(Protocol):
    """A cube that lies on a disk."""

    @property
    def storage(self) -> str:
        """How it is stored, in words that are the same for cubes that are read equally fast."""

    def extents(self) -> Iterator[Extent]:
        """Yield where its voxels lie; of very many files a part."""
