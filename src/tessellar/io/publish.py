"""Finished results appear all at once or not at all: write beside the target, flush to disk, rename."""

from __future__ import annotations

import errno
import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tessellar.errors import OutputError, TessellarError
from tessellar.io.naming import refuse_address, shown

EXPORT_MARKER = "export.json"
"""The file that tells an exported run from any other folder."""

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)


@contextmanager
def output_errors(path: Path) -> Iterator[None]:
    """Turn what goes wrong while writing ``path`` into one sentence for its owner.

    Raises
    ------
    OutputError
        In place of any ``OSError``, and of the errors that compiled codecs raise for one.
    """
    try:
        yield
    except TessellarError:
        raise
    except OSError as error:
        raise _explain(path, error.errno or _code_in(str(error)), error.strerror or str(error)) from error
    except RuntimeError as error:
        code = _code_in(str(error))
        if code is None:
            raise
        raise _explain(path, code, str(error)) from error


def check_target(path: Path, *, overwrite: bool, folder: bool = False) -> None:
    """Refuse a target that cannot be written, before any work is done.

    Parameters
    ----------
    path
        Where the result shall appear.
    overwrite
        Whether a result that is already there may be replaced.
    folder
        Whether the result is a folder (a Zarr store or an export) rather than a file.

    Raises
    ------
    OutputError
        The parent folder is missing, is a file or cannot be written; the target is of the other kind; it
        exists and may not be replaced, or is a folder that holds neither a Zarr store nor an export.
    UsageError
        The target is an address.
    """
    refuse_address(path)
    parent, name = path.parent, shown(path)
    if not parent.exists():
        raise OutputError(
            f"{name} cannot be written: its folder {shown(parent)} does not exist. Make it first."
        )
    if not parent.is_dir():
        raise OutputError(f"{name} cannot be written: {shown(parent)} is a file, not a folder.")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise OutputError(f"{name} cannot be written: no permission in {shown(parent)}. Choose another.")
    if not os.path.lexists(path):
        return
    if path.is_dir() != folder:
        found, needed = ("folder", "file") if path.is_dir() else ("file", "folder")
        raise OutputError(f"{name} is a {found}; the output is a {needed}. Choose another name.")
    if not overwrite:
        raise OutputError(f"{name} exists already. Choose another name, remove it, or ask to overwrite it.")
    if folder and not (is_store(path) or (path / EXPORT_MARKER).is_file()):
        raise OutputError(
            f"{name} is a folder but no Zarr store and no export, so it is not replaced. Choose another name."
        )


def is_store(path: Path) -> bool:
    """Return whether a folder is the root of a Zarr store, of version 2 or 3."""
    return any((path / name).is_file() for name in ("zarr.json", ".zgroup", ".zarray"))


@contextmanager
def atomic_file(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """Give a temporary file name beside ``path``; what is written there becomes ``path`` at the end.

    The content reaches the disk before the name changes, so a reader sees the old file or the whole new
    one, also after a crash. When the block raises, ``path`` is left as it was.

    Parameters
    ----------
    path
        The file.
    durable
        Whether to wait for the disk. Where not, a machine that fails within the next minute may leave a torn file or
        none: for what is checked before it is believed, and cheap to do again. A process that dies does no harm.

    Yields
    ------
    Path
        A name that does not exist yet, with the suffix of ``path``, in the same folder.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    temporary = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:12]}.tmp{path.suffix}")
    with output_errors(path):
        try:
            yield temporary
            if durable:
                flush(temporary)
            temporary.replace(path)
            if durable:
                flush(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_files(folder: Path) -> Iterator[Callable[[str], Path]]:
    """Give a function that returns the draft of a file in a folder; all drafts get their names together, at the end.

    Each is on the disk before any of them gets its name; the disk is waited for once for each file, and once for all
    names. When the block raises, the files are left as they were.

    Raises
    ------
    OutputError
        A file cannot be written.
    """
    drafts: list[Path] = []
    with output_errors(folder):
        with ExitStack() as files:

            def draft_of(name: str) -> Path:
                drafts.append(files.enter_context(atomic_file(folder / name, durable=False)))
                return drafts[-1]

            yield draft_of
            for draft in drafts:
                flush(draft)
        flush(folder)


def write_bytes(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Write a small file atomically, and durably unless it is said otherwise; see `atomic_file`.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    with atomic_file(path, durable=durable) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Write a small UTF-8 text file atomically and durably.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    write_bytes(path, content.encode())


def move_into_place(source: Path, target: Path) -> None:
    """Rename a file or a new folder within one file system, so that the new name survives a crash."""
    source.replace(target)
    flush(target.parent)


def flush(path: Path) -> None:
    """Wait until the content of a file, or the list of names in a folder, is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(path: Path) -> None:
    """Make a folder and its missing parents, so that their names survive a crash."""
    if path.is_dir():
        return
    make_folder(path.parent)
    path.mkdir(exist_ok=True)
    flush(path.parent)


def remove(path: Path) -> None:
    """Remove a file or a folder with everything in it; nothing happens if it is not there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def sweep(path: Path) -> None:
    """Remove what killed writers of ``path`` left behind; call it where nobody else writes ``path``."""
    if not path.parent.is_dir():
        return
    pattern = re.compile(rf"\.{re.escape(path.stem)}\.[0-9a-f]{{12}}\.tmp{re.escape(path.suffix)}")
    with output_errors(path):
        for leftover in path.parent.iterdir():
            if pattern.fullmatch(leftover.name):
                remove(leftover)


def _explain(path: Path, code: int | None, reason: str) -> OutputError:
    failure = f"{shown(path)} cannot be written"
    if code in _NO_SPACE:
        return OutputError(f"{failure}: no space is left ({reason}). Free some and run the command again.")
    if code in _REFUSED:
        return OutputError(f"{failure}: {reason}. Choose a place where you may write.")
    if code in (errno.EMFILE, errno.ENFILE):
        return OutputError(
            f"{failure}: {reason}. Allow more of them, as with ulimit -n 1024, and run the command again."
        )
    if code in (errno.ENOENT, errno.ENOTDIR):
        return OutputError(f"{failure}: its folder is missing or no folder ({reason}).")
    return OutputError(f"{failure}: {reason}.")


def _code_in(message: str) -> int | None:
    """Return the error number in a message of the Rust standard library, which ends in ``(os error 28)``."""
    found = re.search(r"os error (\d+)", message)
    return int(found[1]) if found else None
