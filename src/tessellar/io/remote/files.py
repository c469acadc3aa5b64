"""The files of a store that lies behind an address."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from tessellar.io.files import MOST_FILES, OpenFile
from tessellar.io.remote.address import Address
from tessellar.io.remote.objects import (
    AT_ONCE,
    blocks,
    fetch,
    fetch_all,
    fetch_end,
    listed,
    statuses,
    zarr_store,
)
from tessellar.io.zarr_manifest import MANIFEST
from tessellar.model import ByteArray

_ENDS_BYTES = 32 * 2**20  # of ends and beginnings of objects that a process keeps
_METADATA = "zarr.json"


class _Ends:
    """Beginnings and ends of objects, those that were asked for last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[Address, int], bytes] = OrderedDict()
        self._coming: dict[tuple[Address, int], Future[bytes]] = {}
        self._size = 0

    def get(self, key: tuple[Address, int], fetched: Callable[[], bytes]) -> bytes:
        """Return one of them, fetched if it is not at hand; who wants it meanwhile waits for the same answer."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
            coming = self._coming.get(key)
            if coming is None:
                mine = self._coming[key] = Future[bytes]()
        if coming is not None:
            return coming.result()
        try:
            mine.set_result(fetched())
        except BaseException as error:
            mine.set_exception(error)
        with self._lock:
            del self._coming[key]
            if mine.exception() is None:
                self._keep(key, mine.result())
        return mine.result()

    def _keep(self, key: tuple[Address, int], content: bytes) -> None:
        self._kept[key] = content
        self._size += len(content)
        while self._size > _ENDS_BYTES and len(self._kept) > 1:
            _, dropped = self._kept.popitem(last=False)
            self._size -= len(dropped)


@dataclass(frozen=True, slots=True)
class ObjectFiles:
    """The objects below an address.

    Attributes
    ----------
    address
        The address.
    ends
        Beginnings and ends of them that were read.
    """

    address: Address
    ends: _Ends = field(default_factory=_Ends, compare=False, repr=False)

    def __reduce__(self) -> tuple[type[ObjectFiles], tuple[Address]]:
        return ObjectFiles, (self.address,)

    @property
    def place(self) -> str:
        """The address as people write it."""
        return str(self.address)

    @property
    def at_once(self) -> int:
        """How many requests are worth making at the same time."""
        return AT_ONCE

    @property
    def lists(self) -> bool:
        """Whether it is a bucket; web servers seldom do."""
        return self.address.is_in_bucket

    @property
    def zarr_format(self) -> Literal[3]:
        """Version 3: each look for another costs an answer, and a server may forbid what it does not have."""
        return 3

    def __truediv__(self, folder: str) -> ObjectFiles:
        return ObjectFiles(self.address / folder)

    def of_zarr(self) -> Any:
        """Return a store that Zarr opens."""
        return zarr_store(self.address)

    def blocks(self, name: str) -> Iterator[bytes]:
        """Yield the content of an object."""
        return blocks(self.address / name)

    @contextmanager
    def opened(self, name: str) -> Iterator[OpenFile]:
        """Open an object to be read here and there; the first request tells whether there is one."""
        yield _Object(self.address / name, self.ends)

    def stamp(self, array: str, samples: Callable[[], Iterator[str]]) -> str:
        """Digest the metadata and the tags of the objects of the array; of very many (more than 20,000) the first.

        From a server that does not list its objects, the digests that the store keeps of itself are taken, and the
        tags of a few objects.
        """
        digest = hashlib.sha256()
        voxels = self / array if array else self
        for files in dict.fromkeys((self, voxels)):
            with suppress(FileNotFoundError):
                digest.update(b"".join(files.blocks(_METADATA)))
        found = listed(voxels.address, MOST_FILES) if self.lists else None
        if not found:
            with suppress(FileNotFoundError):
                digest.update(b"".join(voxels.blocks(MANIFEST)))
            names = list(samples())
            known = statuses([voxels.address / name for name in names])
            found = {name: entry for name, entry in zip(names, known, strict=True) if entry is not None}
        for name, entry in sorted(found.items()):
            digest.update(f"{name} {entry.size} {entry.version} ".encode())
        return digest.hexdigest()

    def total(self, samples: Callable[[], Iterator[str]], count: int) -> int:
        """Return the bytes of all objects; where they cannot be listed, or are very many, about."""
        found = listed(self.address, MOST_FILES) if self.lists else None
        if found and len(found) < MOST_FILES:
            return sum(entry.size for entry in found.values())
        known = statuses([self.address / name for name in samples()])
        sizes = [0 if entry is None else entry.size for entry in known]
        return max(1, sum(sizes) * count // max(1, len(sizes)))


@dataclass(slots=True)
class _Object:
    """An object that is being read by one thread."""

    address: Address
    ends: _Ends
    _expected: dict[int, memoryview] = field(default_factory=dict)

    @property
    def descriptor(self) -> None:
        """None: it is elsewhere."""

    def expect(self, spans: Sequence[tuple[int, int]]) -> None:
        """Fetch what will be read."""
        if spans:
            fetched = fetch_all(self.address, spans)
            self._expected = {begin: part for (begin, _), part in zip(spans, fetched, strict=True)}

    def read(self, into: ByteArray, begin: int) -> None:
        """Fill an array with what was fetched, or else with what is fetched now."""
        found = self._expected.get(begin)
        if found is None or len(found) != len(into):
            found = fetch(self.address, begin, len(into))
        if len(found) != len(into):
            raise ValueError(f"an object ends before byte {begin + len(into)}")
        into[...] = np.frombuffer(found, np.uint8)

    def end(self, size: int) -> bytes:
        """Return the last bytes; they hold an index that many reads need, so they are kept."""
        return self.ends.get((self.address, -size), lambda: fetch_end(self.address, size))

    def beginning(self, size: int) -> bytes:
        """Return the first bytes, which are kept too."""
        return self.ends.get((self.address, size), lambda: bytes(fetch(self.address, 0, size)))
