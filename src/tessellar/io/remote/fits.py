"""A cube in a FITS file behind an address, read in windows without a copy of the file."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from typing import TypeAlias

import numpy as np

from tessellar.errors import InputError, UsageError
from tessellar.io.compressed import GZIP
from tessellar.io.fits import image_of
from tessellar.io.hdus import beam_table, check_complete, choose, scan
from tessellar.io.layout import Layout
from tessellar.io.naming import short_name, shown
from tessellar.io.remote.address import Address
from tessellar.io.remote.objects import AT_ONCE, Status, fetch, fetch_all, status, transfer
from tessellar.io.window import convert
from tessellar.model import CubeMeta, FloatArray
from tessellar.tiling.box import Box, Shape

_HEADER_BYTES = 256 * 2**10  # fetched at a time while headers are read
_ROUND_BYTES = 32 * 2**20  # of windows that are asked for at the same time
_WORTH_A_REQUEST = 256 * 2**10  # bytes: about what comes in the time that a server takes to answer
_Span: TypeAlias = tuple[int, int]


class RemoteFits:
    """A cube in a FITS file that lies in an object store or on a web server.

    It holds no voxels, may be used by many threads, and pickles to a few numbers.

    Parameters
    ----------
    address
        The file's address.
    extension
        Name or number of the extension that holds the cube; without it the first image of three axes or more.
    flat
        Whether an image of two axes is taken as a cube of one channel.

    Raises
    ------
    FileNotFoundError
        If there is no such object.
    InputError
        If it cannot be read, is truncated, compressed, or holds no cube; one sentence says which.
    """

    def __init__(self, address: Address, extension: str | None = None, *, flat: bool = False) -> None:
        self._address, self._extension, self._flat = address, extension, flat
        state = status(address)
        file = io.BufferedReader(_Stream(address, state.size), _HEADER_BYTES)
        name = str(address)
        if file.peek(2).startswith(GZIP):
            raise InputError(
                f"{shown(name)} is compressed as a whole: no part of it can be read alone. Copy it to a disk first."
            )
        parts = scan(file, state.size, name)
        part = choose(name, parts, extension, flat=flat)
        if part.packed:
            raise InputError(f"{shown(name)} is a compressed image (.fz). Copy it to a disk first.")
        check_complete(name, part, state.size)
        short = short_name(name) if extension is None else f"{short_name(name)}[{shown(extension)}]"
        stored = (part.offset, part.cards.integer("BITPIX"))
        self._layout, self._meta = image_of(part.cards, short, stored, beam_table(file, parts), flat=flat)
        self._stored_bytes = part.size
        digest = hashlib.sha256(part.cards.text.encode()).hexdigest()[:16]
        self._identity = _identity(state, f"{digest} {part.index}")

    def __reduce__(self) -> tuple[object, ...]:
        return _opened_again, (self._address, self._extension, self._flat, self._identity)

    @property
    def path(self) -> str:
        """The file's address."""
        return str(self._address)

    @property
    def meta(self) -> CubeMeta:
        """What is known without reading voxels."""
        return self._meta

    @property
    def identity(self) -> str:
        """Size, tag and header of the file."""
        return self._identity

    @property
    def identity_now(self) -> str:
        """The identity of the file as it is at this moment."""
        return _identity(_status_of(self._address), self._identity.split(" ", 3)[3])

    @property
    def at_once(self) -> int:
        """How many requests are worth making at the same time."""
        return AT_ONCE

    @property
    def server(self) -> str:
        """Who gives its bytes."""
        return self._address.root

    @property
    def storage(self) -> str:
        """The type of the numbers."""
        return f"FITS, {self._layout.dtype[1:]}"

    def transfer(self, seconds: float) -> tuple[int, float]:
        """Fetch stored bytes as fast as they come, for no longer than so many seconds; return bytes and seconds."""
        return transfer((self._address,), seconds)

    @property
    def chunks(self) -> Shape:
        """Whole rows of a plane, as they lie in the file: what is worth a request."""
        layout = self._layout
        plane, row, column = layout.order
        lengths = [0, 0, 0]
        lengths[plane], lengths[column] = 1, layout.shape[column]
        bytes_of_row = layout.itemsize * layout.shape[column]
        lengths[row] = min(layout.shape[row], max(1, _WORTH_A_REQUEST // bytes_of_row))
        return (lengths[0], lengths[1], lengths[2])

    @property
    def stored_bytes(self) -> int:
        """Bytes that the cube takes in its file."""
        return self._stored_bytes

    def read(self, box: Box) -> FloatArray:
        """Return the voxels of a box inside the cube, float32 C-order array (frequency, l, m), NaN = blank.

        Raises
        ------
        UsageError
            If the box is not inside the cube.
        InputError
            If the file became shorter, or the server does not answer.
        """
        layout = self._layout
        if not Box.of_shape(layout.shape).contains(box):
            raise UsageError(f"The box {box} is not inside the cube of {layout.shape} voxels.")
        voxels: FloatArray = np.empty(box.shape, np.float32)
        if box.empty:
            return voxels
        for pieces in _rounds(layout, box):
            spans = [layout.span(piece) for piece in pieces]
            for piece, span, found in zip(pieces, spans, self._fetched(spans), strict=True):
                if len(found) != span[1]:
                    raise self._shorter(sum(span))
                lengths, strides = layout.in_file(piece.shape), layout.in_file(layout.strides)
                stored = np.ndarray(lengths, layout.dtype, found, strides=strides)
                convert(stored, layout, voxels[piece.relative_to(box.start).slices()].transpose(layout.order))
        return voxels

    def _fetched(self, spans: list[_Span]) -> list[memoryview]:
        try:
            return fetch_all(self._address, spans)
        except FileNotFoundError:
            raise InputError(f"{shown(self.path)} was removed while it was read.") from None

    def _shorter(self, size: int) -> InputError:
        return InputError(
            f"{shown(self.path)} became shorter than {size} bytes while it was read. Copy it again."
        )

    def __repr__(self) -> str:
        return f"RemoteFits({shown(self.path)!r})"


def _identity(state: Status, header: str) -> str:
    return f"fits {state.size} {state.version.replace(' ', '_')} {header}"


def _status_of(address: Address) -> Status:
    try:
        return status(address)
    except FileNotFoundError:
        raise InputError(f"{shown(str(address))} was removed while it was read.") from None


class _Stream(io.RawIOBase):
    """An object as a file that can be sought in."""

    def __init__(self, address: Address, size: int) -> None:
        self._address, self._size, self._at = address, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        wanted = min(len(buffer), self._size - self._at)
        if wanted <= 0:
            return 0
        found = fetch(self._address, self._at, wanted)
        buffer[: len(found)] = found
        self._at += len(found)
        return len(found)


def _rounds(layout: Layout, box: Box) -> Iterator[list[Box]]:
    """Yield the pieces of a box in groups that are fetched together."""
    group: list[Box] = []
    size = 0
    for piece in layout.pieces(box):
        group.append(piece)
        size += layout.span(piece)[1]
        if size >= _ROUND_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


def _opened_again(address: Address, extension: str | None, flat: bool, identity: str) -> RemoteFits:
    """Open a file in another process, where it must still be the same."""
    source = RemoteFits(address, extension, flat=flat)
    if source.identity != identity:
        raise InputError(f"{shown(source.path)} was changed while it was in use. Start again.")
    return source
