"""Any cube as a Zarr store that is not there: what a reader of the store asks for is made when it asks.

A cube of terabytes that no disk holds, or one in a FITS file, is opened by `zarr.open_group` and `xarray.open_zarr`.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn

from tessellar.errors import UsageError
from tessellar.io.virtual_image import VirtualImage
from tessellar.model import Source
from tessellar.tiling.box import Shape

if TYPE_CHECKING:
    from zarr.abc.store import ByteRequest, Store
    from zarr.core.buffer import Buffer, BufferPrototype


def virtual_zarr(source: Source, chunks: Shape | None = None) -> Store:
    """Return a read-only Zarr store of a cube, for `zarr.open_group` (``mode="r"``) or `xarray.open_zarr`.

    Parameters
    ----------
    source
        The cube.
    chunks
        Voxels that are made together, ``(frequency, l, m)``; None for those of the source, or (32, 128, 128).

    Returns
    -------
    zarr.abc.store.Store
        It pickles as small as the source. Its variable ``SKY`` is float32 (time, frequency, polarization, l, m).

    Raises
    ------
    UsageError
        A chunk is not made of voxels.

    Examples
    --------
    >>> store = virtual_zarr(source)  # doctest: +SKIP
    >>> xarray.open_zarr(store, consolidated=False)["SKY"][0, 10:20, 0]  # doctest: +SKIP
    """
    found: Store = _store_class()(VirtualImage(source, chunks))
    return found


@cache
def _store_class() -> Any:
    """Return the class that zarr knows as a store; zarr is slow to import, so it waits until somebody asks."""
    import asyncio

    from zarr.abc.store import OffsetByteRequest, RangeByteRequest, Store, SuffixByteRequest
    from zarr.core.buffer import default_buffer_prototype

    def cut(content: bytes, part: ByteRequest | None) -> bytes:
        if isinstance(part, RangeByteRequest):
            return content[part.start : part.end]
        if isinstance(part, OffsetByteRequest):
            return content[part.offset :]
        if isinstance(part, SuffixByteRequest):
            return content[max(len(content) - part.suffix, 0) :]
        return content

    class VirtualStore(Store):
        """A read-only store of the files of a ``VirtualImage``."""

        supports_writes = False
        supports_deletes = False
        supports_listing = True

        def __init__(self, image: VirtualImage) -> None:
            super().__init__(read_only=True)
            self.image = image

        def __reduce__(self) -> tuple[Any, ...]:
            return virtual_zarr, (self.image.source, self.image.chunk)

        def __eq__(self, other: object) -> bool:
            return (
                isinstance(other, VirtualStore)
                and self.image.chunk == other.image.chunk
                and self.image.source.identity == other.image.source.identity
            )

        def __hash__(self) -> int:
            return hash((self.image.chunk, self.image.source.identity))

        def __str__(self) -> str:
            return f"virtual://{self.image.source.meta.name}"

        def with_read_only(self, read_only: bool = False) -> Store:
            if not read_only:
                _refuse("It")
            return self

        async def get(
            self, key: str, prototype: BufferPrototype | None = None, byte_range: ByteRequest | None = None
        ) -> Buffer | None:
            content = await asyncio.get_running_loop().run_in_executor(
                _hands(os.getpid()), self.image.read, key
            )
            if content is None:
                return None
            return (prototype or default_buffer_prototype()).buffer.from_bytes(cut(content, byte_range))

        async def get_partial_values(
            self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
        ) -> list[Buffer | None]:
            return [await self.get(key, prototype, part) for key, part in key_ranges]

        async def exists(self, key: str) -> bool:
            return self.image.size(key) is not None

        async def getsize(self, key: str) -> int:
            size = self.image.size(key)
            if size is None:
                raise FileNotFoundError(key)
            return size

        async def set(self, key: str, value: Buffer) -> None:
            del value
            _refuse(key)

        async def delete(self, key: str) -> None:
            _refuse(key)

        async def list(self) -> AsyncIterator[str]:
            for key in self.image.names():
                yield key

        async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
            for key in self.image.names(prefix):
                yield key

        async def list_dir(self, prefix: str) -> AsyncIterator[str]:
            for name in self.image.children(prefix):
                yield name

    return VirtualStore


@cache
def _hands(process: int) -> ThreadPoolExecutor:
    """Return the threads that make chunks in a process (a forked one has lost those of its parent).

    They are not those of zarr's event loop: a cube that is itself read through zarr needs that loop's threads while a
    chunk waits for it, and none would be left.
    """
    del process
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="virtual-zarr")


def _refuse(what: str) -> NoReturn:
    raise UsageError(
        f"{what} cannot be written: this store is a view of a cube. Make a copy with `tessellar convert` and change "
        "that."
    )
