"""Open a cube by its name: what it is, is told by its content."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from tessellar.errors import InputError
from tessellar.io.compressed import GZIP
from tessellar.io.naming import is_address, shown
from tessellar.io.reading import reading
from tessellar.model import Source

_KNOWN = (
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"\x89HDF", "an HDF5 file"),
    (b"PK\x03\x04", "a zip file"),
    (b"BZh", "a bzip2 file"),
    (b"\xfd7zXZ", "an xz file"),
    (b"%PDF", "a PDF document"),
    (b"\x28\xb5\x2f\xfd", "a zstd file"),
)
_ADVICE = "A FITS cube (.fits, .fits.gz, .fits.fz) or a Zarr image is needed."


def open_source(path: str | os.PathLike[str], *, flat: bool = False) -> Source:
    """Open a FITS file (plain, .gz, .fz) or a Zarr image.

    Parameters
    ----------
    path
        The file or folder, or an address: ``s3://bucket/cube.zarr``, also ``gs://`` and ``https://``.
        ``cube.fits[SCI]`` and ``cube.fits[1]`` name an extension.
    flat
        Whether a FITS image of two axes is taken as a cube of one channel.

    Returns
    -------
    Source
        The cube, of which nothing but the header has been read.

    Raises
    ------
    CubeNotFoundError
        If there is no such file.
    InputError
        If it is no cube, or a broken one; one sentence says what it is and what is needed.
    """
    text = os.fspath(path)
    if is_address(text):
        from tessellar.io.remote.opening import open_remote

        return open_remote(text, flat=flat)
    if "\0" in text:
        raise InputError(f"{shown(text)} is no file name: it holds a null character.")
    file, extension = _split(text)
    with reading(file):
        mode = file.stat().st_mode
        if stat.S_ISDIR(mode):
            return _open_folder(file)
        if not stat.S_ISREG(mode):
            raise InputError(f"{shown(file)} is neither a file nor a folder. {_ADVICE}")
        with file.open("rb") as stream:
            start = stream.read(2880)
    if not start.startswith((b"SIMPLE", GZIP)):
        raise InputError(f"{shown(file)} is {_what(start)}. {_ADVICE}")
    from tessellar.io.fits import FitsSource

    return FitsSource(file, extension, flat=flat)


def _split(text: str) -> tuple[Path, str | None]:
    """Part ``cube.fits[SCI]`` into file and extension, unless a file has just that name."""
    match = re.fullmatch(r"(.+)\[([^\[\]]+)\]", text, re.DOTALL)
    if match and not os.path.lexists(text) and os.path.lexists(match[1]):
        return Path(match[1]), match[2]
    return Path(text), None


def _open_folder(folder: Path) -> Source:
    if (folder / "zarr.json").is_file():
        from tessellar.io.zarr_store import ZarrSource

        return ZarrSource(folder)
    if (folder / ".zgroup").exists() or (folder / ".zarray").exists():
        raise InputError(f"{shown(folder)} is Zarr of version 2; version 3 is needed. {_ADVICE}")
    if (folder / "table.dat").exists():
        raise InputError(f"{shown(folder)} is a CASA image. Export it with CASA's exportfits.")
    raise InputError(f"{shown(folder)} is a folder without zarr.json. {_ADVICE}")


def _what(start: bytes) -> str:
    """Say what a file is by its first bytes."""
    if not start:
        return "empty"
    for magic, words in _KNOWN:
        if start.startswith(magic):
            return words
    text = sum(32 <= byte < 127 or byte in b"\t\r\n" for byte in start)
    return "a text file" if text > 0.95 * len(start) else "no FITS file"
