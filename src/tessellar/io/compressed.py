"""Compressed FITS files (.gz, .fz): unpacked once, by streaming, into a scratch file to read windows of."""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
import tempfile
import threading
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from tessellar.errors import InputError, OutputError
from tessellar.io.naming import shown

GZIP = b"\x1f\x8b"
PIECE = 4 << 20  # bytes that are unpacked at a time

_unpacking = threading.Lock()


@dataclass(frozen=True, slots=True)
class Scratch:
    """The unpacked copy of a compressed file: made where it is first needed, made again where it was cleared.

    It lies in a private folder under the system's temporary one (``TMPDIR``), under a name that changes when
    the file does.

    Parameters
    ----------
    original
        The compressed file.
    size, mtime_ns
        Its size in bytes and time of change, as it was when the cube was opened.
    part
        None for a gzip file, which is unpacked whole; else the number of the tile-compressed image, of which
        the voxels alone are unpacked, big-endian, as the image stores them.
    """

    original: Path
    size: int
    mtime_ns: int
    part: int | None = None

    @classmethod
    def of(cls, original: Path, part: int | None = None) -> Scratch:
        """Return the unpacked copy of a file as it is now."""
        status = original.stat()
        return cls(original, status.st_size, status.st_mtime_ns, part)

    def path(self) -> Path:
        """Return the unpacked file, which is made if it is not there.

        Raises
        ------
        InputError
            If the original is damaged, or is another file than it was.
        OutputError
            If there is no room for the copy.
        """
        key = repr((str(self.original), self.size, self.mtime_ns, self.part)).encode(errors="surrogateescape")
        path = _folder() / f"{hashlib.sha256(key).hexdigest()[:32]}.unpacked"
        with _unpacking:
            if not path.exists():
                self._make(path)
        return path

    def _make(self, path: Path) -> None:
        status = self.original.stat()
        if (status.st_size, status.st_mtime_ns) != (self.size, self.mtime_ns):
            raise InputError(f"{shown(self.original)} was changed while it was in use. Start again.")
        unfinished = path.with_suffix(f".{os.getpid()}.part")
        try:
            with unfinished.open("wb") as file:
                self._unpack(file)
            unfinished.replace(path)
        except OSError as problem:
            if problem.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise OutputError(
                f"There is no room in {shown(path.parent)} to unpack {shown(self.original)}. "
                "Free some, or set TMPDIR to a larger disk."
            ) from None
        finally:
            unfinished.unlink(missing_ok=True)

    def _unpack(self, file: BinaryIO) -> None:
        if self.part is None:
            gunzip(self.original, file)
        else:
            unpack_image(self.original, self.part, file)


def gunzip(original: Path, file: BinaryIO) -> None:
    """Unpack a gzip file, a piece at a time."""
    try:
        with gzip.open(original, "rb") as packed:
            while piece := packed.read(PIECE):
                file.write(piece)
    except EOFError:
        raise InputError(
            f"{shown(original)} is truncated: its gzip stream breaks off after {file.tell()} unpacked bytes. "
            "Copy it again."
        ) from None
    except (gzip.BadGzipFile, zlib.error) as problem:
        raise InputError(f"{shown(original)} is a damaged gzip file ({problem}). Copy it again.") from None


def first_bytes(original: Path, count: int) -> bytes:
    """Return the first bytes of what a gzip file holds, fewer where it is damaged."""
    try:
        with gzip.open(original, "rb") as packed:
            return packed.read(count)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        return b""


def image_header(original: Path, part: int) -> str:
    """Return the header that a tile-compressed image had before, its cards joined by newlines."""
    from astropy.io import fits

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with fits.open(original, do_not_scale_image_data=True) as parts:
                return str(parts[part].header.tostring(sep="\n", endcard=False, padding=False))
        except Exception as problem:  # astropy raises of every kind for a broken table
            raise _damaged(original, part, problem) from None


def unpack_image(original: Path, part: int, file: BinaryIO) -> None:
    """Unpack the voxels of a tile-compressed image, a layer of its tiles at a time, without scaling them."""
    from astropy.io import fits

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with fits.open(original, do_not_scale_image_data=True) as parts:
                for layer in _layers(parts[part]):
                    file.write(np.ascontiguousarray(layer, dtype=layer.dtype.newbyteorder(">")).data)
        except OSError:
            raise
        except Exception as problem:  # astropy raises of every kind for a broken tile
            raise _damaged(original, part, problem) from None


def _layers(image: Any) -> Iterator[Any]:  # astropy's images carry no types
    """Return the image cut along its first axis that is longer than 1, one layer of tiles after the other."""
    axis = next((n for n, length in enumerate(image.shape) if length > 1), 0)
    step = image.tile_shape[axis]
    for start in range(0, image.shape[axis], step):
        yield image.section[(slice(None),) * axis + (slice(start, start + step),)]


def _damaged(original: Path, part: int, problem: Exception) -> InputError:
    reason = " ".join(str(problem).split())[:120]
    return InputError(
        f"The compressed image [{part}] of {shown(original)} is damaged ({reason}). Copy it again."
    )


def _folder() -> Path:
    """Return this user's scratch folder, which nobody else may write to."""
    folder = Path(tempfile.gettempdir()) / f"tessellar-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
    except OSError as problem:
        raise OutputError(
            f"{shown(folder)} cannot be made: {problem.strerror}. Set TMPDIR to another folder."
        ) from None
    if status.st_uid != os.getuid() or folder.is_symlink():
        raise OutputError(f"{shown(folder)} belongs to another user. Set TMPDIR to another folder.")
    return folder
