"""The libraries that a report is drawn with, loaded while the cube is searched: half a second that nobody waits for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from threading import Thread

_LIBRARIES = (
    "matplotlib.backends.backend_svg",
    "astropy.visualization.wcsaxes",
    "astropy.io.votable",
    "tessellar.report.html",
)


@contextmanager
def libraries_meanwhile() -> Iterator[None]:
    """Load what `write_results` needs beside the work inside; on the way out it is there."""
    thread = Thread(target=_load, name="report libraries")
    thread.start()
    try:
        yield
    finally:
        thread.join()


def _load() -> None:
    for name in _LIBRARIES:
        with suppress(Exception):  # who draws the report meets the same error, and can tell it
            import_module(name)
