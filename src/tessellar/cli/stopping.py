"""The batch system's SIGTERM ends a command in good order, wherever it is."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Terminated(KeyboardInterrupt):
    """SIGTERM came; like Ctrl-C it passes through everything that handles mere errors."""


@contextmanager
def stopped_by_sigterm() -> Iterator[None]:
    """Raise `Terminated` when SIGTERM comes; does nothing outside the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminate(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  # the handler's signature
    raise Terminated
