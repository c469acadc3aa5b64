"""The files of a store, read by their names: in a folder here, behind an address elsewhere."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from tessellar.model import ByteArray

MOST_FILES = 20_000  # that are looked at one by one
_BLOCK_BYTES = 2**20
_METADATA = ("zarr.json", ".zarray", ".zgroup", ".zattrs", "c")


class OpenFile(Protocol):
    """A file that is being read."""

    @property
    def descriptor(self) -> int | None:
        """The number that the system gave it; None for one that is elsewhere."""

    def expect(self, spans: Sequence[tuple[int, int]]) -> None:
        """Be told what will be read next: first bytes, and how many."""

    def read(self, into: ByteArray, begin: int) -> None:
        """Fill an array with the bytes from ``begin`` on.

        Raises
        ------
        ValueError
            The file ends before.
        """

    def end(self, size: int) -> bytes:
        """Return the last bytes of the file, fewer of a shorter one."""

    def beginning(self, size: int) -> bytes:
        """Return the first bytes of the file, fewer of a shorter one."""


class Files(Protocol):
    """All files below a folder or an address; it pickles to its name."""

    @property
    def place(self) -> str:
        """The folder or address itself."""

    @property
    def at_once(self) -> int | None:
        """How many requests are worth making at the same time; None where they cost no waiting."""

    @property
    def lists(self) -> bool:
        """Whether the place tells which files it has."""

    @property
    def zarr_format(self) -> Literal[2, 3] | None:
        """The version of Zarr that is looked for; None where to look for both costs nothing."""

    def __truediv__(self, folder: str) -> Files:
        """Return those below a folder of these."""

    def of_zarr(self) -> Any:
        """Return what Zarr opens as a store."""

    def blocks(self, name: str) -> Iterator[bytes]:
        """Yield the content of a file.

        Raises
        ------
        FileNotFoundError
            There is none of that name.
        """

    def opened(self, name: str) -> AbstractContextManager[OpenFile]:
        """Open a file to be read here and there.

        Raises
        ------
        FileNotFoundError
            There is none of that name.
        """

    def stamp(self, array: str, samples: Callable[[], Iterator[str]]) -> str:
        """Return a digest that changes when the metadata do, or the files of an array in a folder of these.

        Parameters
        ----------
        array
            Name of the folder of the array, ``""`` where it is all there is.
        samples
            Gives names of files of the array, for a place that cannot list them.
        """

    def total(self, samples: Callable[[], Iterator[str]], count: int) -> int:
        """Return the bytes of all files; where they cannot be listed, about, from samples of so many."""


@dataclass(frozen=True, slots=True)
class FolderFiles:
    """The files below a folder of this machine.

    Attributes
    ----------
    folder
        The folder.
    """

    folder: Path

    @property
    def place(self) -> str:
        """The folder's path."""
        return str(self.folder)

    @property
    def at_once(self) -> None:
        """None: to read takes the cores, and little waiting."""

    @property
    def lists(self) -> bool:
        """True."""
        return True

    @property
    def zarr_format(self) -> None:
        """None: any."""

    def __truediv__(self, folder: str) -> FolderFiles:
        return FolderFiles(self.folder / folder)

    def of_zarr(self) -> Path:
        """Return the folder."""
        return self.folder

    def blocks(self, name: str) -> Iterator[bytes]:
        """Yield the content of a file."""
        with (self.folder / name).open("rb") as file:
            yield from iter(lambda: file.read(_BLOCK_BYTES), b"")

    @contextmanager
    def opened(self, name: str) -> Iterator[OpenFile]:
        """Open a file to be read here and there."""
        number = os.open(self.folder / name, os.O_RDONLY)
        try:
            yield _FolderFile(number)
        finally:
            os.close(number)

    def stamp(self, array: str, samples: Callable[[], Iterator[str]]) -> str:
        """Digest the metadata files, and the sizes and times of the files of the array.

        Of very many files (more than 20,000) the first ones and the times of the folders have to do.
        """
        del samples
        digest = hashlib.sha256()
        voxels = self.folder / array
        for folder, name in itertools.product(dict.fromkeys((self.folder, voxels)), _METADATA):
            entry = folder / name
            if entry.exists():
                digest.update(f"{name} {entry.stat().st_mtime_ns} ".encode())
            if entry.is_file():
                digest.update(entry.read_bytes())
        for entry in sorted(itertools.islice(voxels.rglob("*"), MOST_FILES)):
            status = entry.stat()
            digest.update(f"{entry.relative_to(voxels)} {status.st_size} {status.st_mtime_ns} ".encode())
        return digest.hexdigest()

    def total(self, samples: Callable[[], Iterator[str]], count: int) -> int:
        """Return the bytes of all files; walks through the folder."""
        del samples, count
        return sum(entry.stat().st_size for entry in self.folder.rglob("*") if entry.is_file())


@dataclass(frozen=True, slots=True)
class _FolderFile:
    """A file of this machine, by the number that the system gave it."""

    number: int

    @property
    def descriptor(self) -> int:
        return self.number

    def expect(self, spans: Sequence[tuple[int, int]]) -> None:
        pass

    def read(self, into: ByteArray, begin: int) -> None:
        if os.preadv(self.number, [into.data], begin) != len(into):
            raise ValueError(f"a file ends before byte {begin + len(into)}")

    def end(self, size: int) -> bytes:
        return os.pread(self.number, size, max(0, os.fstat(self.number).st_size - size))

    def beginning(self, size: int) -> bytes:
        return os.pread(self.number, size, 0)
