"""What the operating system says when a file cannot be read, turned into one sentence about the cube."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from tessellar.errors import CubeNotFoundError, InputError, TessellarError
from tessellar.io.naming import shown


@contextmanager
def reading(path: str | os.PathLike[str], what: str = "cube") -> Iterator[None]:
    """Turn an ``OSError`` of what happens inside into `CubeNotFoundError` or `InputError`; ``what`` is read."""
    try:
        yield
    except TessellarError:
        raise
    except (FileNotFoundError, NotADirectoryError):
        raise CubeNotFoundError(f"There is no {what} {shown(path)}. Check the name and the folder.") from None
    except PermissionError:
        raise InputError(f"{shown(path)} may not be read by this user. Change its permissions.") from None
    except OSError as problem:
        raise InputError(f"{shown(path)} cannot be read: {problem.strerror or problem}.") from None
