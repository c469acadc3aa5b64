"""Machine code kept on disk: one process compiles a function, and all others wait for it and load it.

Numba keeps code on disk too, but workers that start together all find nothing there and all compile everything; two
that compile one function for different types may also exchange each other's files, for both number them alone.
"""

from __future__ import annotations

import fcntl
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Any

from numba.core.caching import FunctionCache
from numba.core.runtime import rtsys

# No function takes this long to compile: who waits so long waits for a process that has been stopped.
PATIENCE = 120.0
_LOOK_EVERY = 0.02


def compile_once(dispatcher: Any) -> None:
    """Make a function of numba's that is kept on disk wait while another process compiles it."""
    kept, compile_now = KeptCode(dispatcher.py_func), dispatcher.compile

    def compile_in_turn(signature: Any) -> Any:
        try:
            return compile_now(signature)
        finally:
            kept.end_turn()

    dispatcher._cache, dispatcher.compile = kept, compile_in_turn


class KeptCode(FunctionCache):  # type: ignore[misc]
    """The compiled variants of a function on disk, to which one process at a time may add.

    Where files cannot be locked, every process compiles for itself. What a crash or a full disk cut short is compiled
    anew, and what a full disk does not take is compiled again next time.
    """

    def __init__(self, function: Any) -> None:
        super().__init__(function)
        self.lock = Path(self.cache_path) / f"{self._impl.filename_base}.lock"
        self._turn = threading.local()

    def load_overload(self, signature: Any, context: Any) -> Any:
        """Return what is kept for a signature; None, once it is this process's turn to compile it."""
        with suppress(Exception):
            # numba's own way first loads all that compiles, which takes 0.3 s
            rtsys.initialize(context)
            found = self._load_overload(signature, context)
            if found is not None:
                return found
        self._begin_turn()
        try:
            return super().load_overload(signature, context)
        except Exception:
            with suppress(OSError):
                self.flush()
            return None

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Keep what was compiled, for the processes that wait for it and all later ones."""
        if self._turn.may_save:
            with suppress(OSError):
                super().save_overload(signature, compiled)

    def end_turn(self) -> None:
        """Let the next process look, if it is this one's turn."""
        self._turn.__dict__.pop("held", ExitStack()).close()

    def _begin_turn(self) -> None:
        self.end_turn()
        self._turn.may_save = True
        with suppress(OSError), ExitStack() as held:
            self.lock.parent.mkdir(parents=True, exist_ok=True)
            lock = held.enter_context(self.lock.open("wb"))
            self._turn.may_save = _locked(lock)
            if self._turn.may_save:
                # closing it is not enough: a child that was forked meanwhile has the file open too
                held.callback(fcntl.flock, lock, fcntl.LOCK_UN)
                self._turn.held = held.pop_all()


def _locked(file: IO[bytes]) -> bool:
    """Lock a file, and return whether its holder let it go in time."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(_LOOK_EVERY)
    return False
