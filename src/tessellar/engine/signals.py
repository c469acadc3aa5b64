"""Ctrl-C and SIGTERM: the first asks a run to end in good order, the second ends it at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

from tessellar.errors import StoppedError

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopSignals:
    """Watches for Ctrl-C and SIGTERM while a run lasts; does nothing outside the main thread.

    Parameters
    ----------
    on_first
        Called from the signal handler, once.
    """

    def __init__(self, on_first: Callable[[], None]) -> None:
        self._on_first = on_first
        self._before: dict[int, Any] = {}
        self._received: int | None = None

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._handle) for number in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def error(self) -> BaseException | None:
        """Return what to raise because of the signal that came, None if none came."""
        if self._received is None:
            return None
        if self._received == signal.SIGINT:
            return KeyboardInterrupt("Interrupted. What is done is kept: repeat the command to resume.")
        return StoppedError("Stopped by SIGTERM. What is done is kept: repeat the command to resume.")

    def _handle(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  # the handler's signature
        again = self.error()
        if again is not None:
            raise again
        self._received = number
        self._on_first()
