"""How a file is called in a sentence: any name, however odd, stays on one readable line."""

from __future__ import annotations

import os
import re
from pathlib import Path

from tessellar.errors import UsageError

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+:")


def shown(path: str | os.PathLike[str]) -> str:
    """Return a path for use in a message: control and undecodable characters are written as escapes.

    Examples
    --------
    >>> shown("two\\nlines.fits")
    'two\\\\nlines.fits'
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in os.fspath(path))


def short_name(path: str | os.PathLike[str]) -> str:
    """Return the last part of a path for use in a message."""
    return shown(Path(path).name)


def is_address(text: str) -> bool:
    """Return whether a text is an address such as ``s3://bucket/cube.zarr`` rather than a path."""
    return bool(_SCHEME.match(text)) and "://" in text


def refuse_address(output: Path) -> None:
    """Refuse an output that was asked for at an address, of which a path has lost a slash.

    Raises
    ------
    UsageError
        It would be a folder here that is named like a scheme, and the bucket would stay empty.
    """
    first = output.parts[0] if output.parts else ""
    if len(output.parts) > 1 and _SCHEME.fullmatch(first) and not Path(first).exists():
        address = f"{first}//{Path(*output.parts[1:])}"
        raise UsageError(
            f"{shown(address)} is an address, and output is written to disks. Name a path, and copy it from there."
        )
