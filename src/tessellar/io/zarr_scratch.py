"""Where a shard is encoded before it takes its place: a small array aside, one for each thread that writes."""

from __future__ import annotations

import errno
import os
import shutil
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tessellar.io.digest import ABSENT
from tessellar.io.publish import flush, make_folder, move_into_place, remove
from tessellar.io.zarr_array import open_to_write

_this_thread = threading.local()


def scratch_array(scratch: Path, array: Path) -> tuple[Path, Any]:
    """Return an array of this thread alone, with the metadata of another one, and its folder.

    Raises
    ------
    OSError
        ``scratch`` is gone: the output was published, or discarded, while this thread was at work.
    """
    arrays: dict[tuple[int, Path], tuple[Path, Any]] = _this_thread.__dict__.setdefault("arrays", {})
    place = (os.getpid(), scratch)
    if place not in arrays or not arrays[place][0].is_dir():
        folder = scratch / uuid.uuid4().hex
        folder.mkdir()
        shutil.copy(array / "zarr.json", folder)
        arrays[place] = (folder, open_to_write(folder))
    return arrays[place]


def check_made(digest: bytes, is_blank: Callable[[], bool]) -> None:
    """Make sure that a shard that has no file is blank.

    Raises
    ------
    OSError
        Its file is gone: another run cleared the scratch folder, and the shard that has its place must stay there.
    """
    if digest == ABSENT and not is_blank():
        raise FileNotFoundError(errno.ENOENT, "the piece vanished while it was written")


def put(made: Path, target: Path) -> None:
    """Give a file its place, durably; what is all blank was not made, and then nothing shall be there."""
    if made.exists():
        flush(made)
        make_folder(target.parent)
        move_into_place(made, target)
    elif target.exists():
        remove(target)
        flush(target.parent)
