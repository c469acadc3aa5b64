"""Packs: zip files of many small files, uncompressed and without dates, so that equal content gives equal bytes."""

from __future__ import annotations

import re
import shutil
import zipfile
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO

from tessellar.errors import InputError
from tessellar.io.naming import shown
from tessellar.io.publish import atomic_file

IN_MEMORY = 2**22  # bytes of a file that waits for its turn to go into the pack; a larger one waits on disk
_BEGIN_OF_TIME = (1980, 1, 1, 0, 0, 0)  # the earliest date that a zip file can tell
_NAME = re.compile(r"(.+)_(\d+)-(\d+)\.zip")


def pack_name(base: str, first: int, last: int) -> str:
    """Return what a pack is called, by the first and the last source that it holds."""
    return f"{base}_{first}-{last}.zip"


@contextmanager
def packing(path: Path) -> Iterator[Pack]:
    """Give a pack to fill; the file appears when the block ends.

    Raises
    ------
    OutputError
        The disk is full or cannot be written.
    """
    with (
        atomic_file(path) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED, allowZip64=True) as archive,
    ):
        yield Pack(archive, path.parent)


class Pack:
    """A pack at work.

    Parameters
    ----------
    archive
        The zip file.
    folder
        Where large files wait.
    """

    def __init__(self, archive: zipfile.ZipFile, folder: Path) -> None:
        self._archive, self._folder = archive, folder

    @contextmanager
    def file(self, name: str) -> Iterator[IO[bytes]]:
        """Give a file to fill; when the block ends it goes into the pack. Several may be open."""
        with SpooledTemporaryFile(IN_MEMORY, dir=str(self._folder)) as file:
            yield file
            info = zipfile.ZipInfo(name, _BEGIN_OF_TIME)
            info.file_size, info.create_system = file.tell(), 3
            info.external_attr = 0o644 << 16
            file.seek(0)
            with self._archive.open(info, "w") as entry:
                shutil.copyfileobj(file, entry, IN_MEMORY)


class Packs:
    """The packs of a folder, to be read; a few bytes are kept of each.

    Parameters
    ----------
    folder
        Where they are.
    base
        What their names begin with.
    """

    def __init__(self, folder: Path, base: str) -> None:
        found = (_NAME.fullmatch(path.name) for path in folder.glob("*.zip"))
        ours = sorted((int(m[2]), int(m[3]), folder / m[0]) for m in found if m and m[1] == base)
        self._first, self._last = [first for first, _, _ in ours], [last for _, last, _ in ours]
        self._paths = [path for _, _, path in ours]

    def holding(self, number: int) -> Path | None:
        """Return the pack that holds a source, if it holds it; None where no pack does."""
        at = bisect_right(self._first, number) - 1
        return self._paths[at] if at >= 0 and number <= self._last[at] else None

    def names(self) -> Iterator[str]:
        """Yield the names of all files in all packs; a damaged pack has none."""
        for path in self._paths:
            with suppress(InputError), _opened(path) as archive:
                yield from archive.namelist()


def unpack(path: Path, names: list[str], folder: Path) -> None:
    """Write files of a pack into a folder; those that it does not hold are left out.

    Raises
    ------
    InputError
        The pack is damaged.
    """
    with _opened(path) as archive:
        for name in sorted(set(names) & set(archive.namelist())):
            with archive.open(name) as entry, (folder / name).open("wb") as file:
                shutil.copyfileobj(entry, file, IN_MEMORY)


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise InputError(
            f"{shown(path)} is damaged ({error}). Repeat the find: it is written again."
        ) from error
