"""How a file is called in a sentence: any name, however odd, stays on one readable line."""

from __future__ import annotations

import os
from pathlib import Path


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
