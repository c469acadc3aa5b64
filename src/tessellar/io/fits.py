"""A cube in a FITS file, read in windows without loading or converting the file."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tessellar.errors import InputError
from tessellar.io.axes import find_axes
from tessellar.io.beams import BeamTable
from tessellar.io.cards import Cards
from tessellar.io.compressed import GZIP, Scratch, first_bytes, image_header
from tessellar.io.extents import Extent
from tessellar.io.hdus import axis_lengths, beam_table, check_complete, choose, scan
from tessellar.io.header import read_meta
from tessellar.io.layout import Layout
from tessellar.io.naming import short_name, shown
from tessellar.io.reading import reading
from tessellar.io.window import read_window
from tessellar.model import CubeMeta, FloatArray
from tessellar.tiling.box import Box, Shape


class FitsSource:
    """A cube in a FITS file, also one that is gzipped (.gz) or tile-compressed (.fz).

    It holds no open file and no voxels, may be used by many threads, and pickles to a few numbers.

    Parameters
    ----------
    path
        The file.
    extension
        Name or number of the extension that holds the cube; without it the first image of three axes or more.
    flat
        Whether an image of two axes is taken as a cube of one channel.

    Raises
    ------
    CubeNotFoundError
        If there is no such file.
    InputError
        If it cannot be read, is truncated, or holds no cube; one sentence says which.
    OutputError
        If there is no room to unpack a compressed file.
    """

    def __init__(
        self, path: str | os.PathLike[str], extension: str | None = None, *, flat: bool = False
    ) -> None:
        self.path = Path(path).absolute()
        self.extension = extension
        self._flat = flat
        opened = _open(self.path, extension, flat)
        self._file = opened.file
        self._layout = opened.layout
        self._identity = opened.identity
        self._stored_bytes = opened.stored_bytes
        self._meta: CubeMeta | None = opened.meta

    @property
    def meta(self) -> CubeMeta:
        """What is known without reading voxels."""
        if self._meta is None:
            opened = _open(self.path, self.extension, self._flat)
            if opened.identity != self._identity:
                raise InputError(f"{shown(self.path)} was changed while it was in use. Start again.")
            self._meta = opened.meta
        return self._meta

    @property
    def identity(self) -> str:
        """Size, time of change and header of the file, wherever it lies."""
        return self._identity

    @property
    def identity_now(self) -> str:
        """The identity of the file as it is at this moment."""
        with reading(self.path):
            return _identity(self.path.stat(), self._identity.split(" ", 3)[3])

    @property
    def chunks(self) -> Shape | None:
        """None: any box is as good as another."""
        return None

    @property
    def stored_bytes(self) -> int:
        """Bytes that the cube takes in its file."""
        return self._stored_bytes

    @property
    def storage(self) -> str:
        """Whether the file is read as it is, and the type of its numbers."""
        packed = "unpacked " if isinstance(self._file, Scratch) else ""
        return f"{packed}FITS, {self._layout.dtype[1:]}"

    def extents(self) -> Iterator[Extent]:
        """Yield where the voxels lie: in the file, or in the scratch file into which it was unpacked."""
        file = self._file.path() if isinstance(self._file, Scratch) else self._file
        yield Extent(file, *self._layout.span(Box.of_shape(self._layout.shape)))

    def read(self, box: Box) -> FloatArray:
        """Return the voxels of a box inside the cube, float32 C-order array (frequency, l, m), NaN = blank.

        Raises
        ------
        InputError
            If the file was cut short or removed since it was opened.
        """
        file = self._file
        if isinstance(file, Scratch):
            with reading(self.path):
                file = file.path()
        return read_window(file, self._layout, box)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_meta": None}

    def __repr__(self) -> str:
        return (
            f"FitsSource({shown(self.path)!r})"
            if self.extension is None
            else (f"FitsSource({shown(self.path)!r}, {self.extension!r})")
        )


@dataclass(frozen=True, slots=True)
class _Opened:
    file: Path | Scratch
    layout: Layout
    meta: CubeMeta
    identity: str
    stored_bytes: int


def _open(path: Path, extension: str | None, flat: bool) -> _Opened:
    with reading(path):
        status = path.stat()
        with path.open("rb") as file:
            gzipped = file.read(2) == GZIP
        if gzipped and not first_bytes(path, 6) == b"SIMPLE":
            raise InputError(
                f"{shown(path)} is a gzip file that holds no FITS, or is damaged. A FITS cube is needed."
            )
        unpacked: Path | Scratch = Scratch.of(path) if gzipped else path
        readable = unpacked.path() if isinstance(unpacked, Scratch) else unpacked
        size = readable.stat().st_size
        with readable.open("rb") as file:
            parts = scan(file, size, path)
            part = choose(path, parts, extension, flat=flat)
            check_complete(path, part, size)
            beams = beam_table(file, parts)
        cards, bitpix, offset = part.cards, part.cards.integer("BITPIX"), part.offset
        if part.packed:
            if gzipped:
                raise InputError(f"{shown(path)} is compressed twice. Unpack the outer gzip first.")
            unpacked, offset, bitpix = Scratch.of(path, part.index), 0, part.cards.integer("ZBITPIX")
            cards = Cards.from_text(image_header(path, part.index))
        name = short_name(path) if extension is None else f"{short_name(path)}[{shown(extension)}]"
        layout, meta = image_of(cards, name, (offset, bitpix), beams, flat=flat)
    digest = hashlib.sha256(part.cards.text.encode()).hexdigest()[:16]
    return _Opened(
        file=unpacked,
        layout=layout,
        meta=meta,
        identity=_identity(status, f"{digest} {part.index}"),
        stored_bytes=status.st_size if gzipped else part.size,
    )


def _identity(status: os.stat_result, header: str) -> str:
    return f"fits {status.st_size} {status.st_mtime_ns} {header}"


def image_of(
    cards: Cards, name: str, stored: tuple[int, int], beams: BeamTable | None, *, flat: bool
) -> tuple[Layout, CubeMeta]:
    """Return where the voxels of an image lie, and what its header says of them.

    Parameters
    ----------
    cards
        The header.
    name
        What people call the cube.
    stored
        The byte of the first number, and ``BITPIX``.
    beams
        CASA's table of beams, where the file has one.
    flat
        Whether an image of two axes is taken as a cube of one channel.
    """
    if flat and len(axis_lengths(cards)) == 2:
        cards = replace(cards, values={**cards.values, "NAXIS": 3, "NAXIS3": 1})
    axes = find_axes(cards, axis_lengths(cards), name)
    return Layout.of(cards, axes, *stored), read_meta(cards, name, beams)
