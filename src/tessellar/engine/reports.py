"""What a worker tells the driver: counters and sentences, never arrays."""

from __future__ import annotations

import os
import socket
import traceback
from dataclasses import dataclass, field
from functools import cache

from tessellar import errors
from tessellar.engine.lease import Lease
from tessellar.engine.memory import peak_rss_bytes


@cache
def process_name() -> str:
    """Return a name for this process that no other process of the run has."""
    return f"{socket.gethostname()}:{os.getpid()}"


@dataclass(frozen=True, slots=True)
class Fault:
    """An exception in words that travel between machines: its kind, its sentence, where it came from."""

    kind: str
    reason: str
    unit: int = -1
    trace: str = ""

    @classmethod
    def of(cls, error: BaseException, unit: int = -1) -> Fault:
        """Return the words for an exception."""
        kinds = [c.__name__ for c in type(error).__mro__ if c.__module__ == errors.__name__]
        text = " ".join(str(error).split())
        if not kinds:
            text = f"{type(error).__name__}: {text}"[:300] if text else type(error).__name__
        return cls(kinds[0] if kinds else "", text, unit, "".join(traceback.format_exception(error))[-4000:])

    def error(self, sentence: str = "") -> errors.TessellarError:
        """Return an exception of the same kind again, with another sentence if given."""
        kind: type[errors.TessellarError] = getattr(errors, self.kind, errors.TessellarError)
        return kind(sentence or self.reason)


@dataclass(frozen=True, slots=True)
class LeaseReport:
    """What came of a lease: counters, and the name of the file that holds the results.

    Attributes
    ----------
    lease
        The lease; units from ``reached`` on were not begun.
    done
        How many units gave a result.
    failed
        The units that did not.
    setup
        Why the worker could not begin at all.
    abort
        Why the whole run must end.
    file, digest
        The file of partial results and the digest of its content; empty when no unit gave a result.
    hashes
        Content hashes of the units with a result, 8 bytes each, ascending.
    process
        Host and process that did it.
    peak_rss_bytes
        The most memory that process ever held.
    """

    lease: Lease
    reached: int
    done: int = 0
    failed: tuple[Fault, ...] = ()
    setup: Fault | None = None
    abort: Fault | None = None
    voxels: int = 0
    bytes_read: int = 0
    seconds: float = 0.0
    seconds_read: float = 0.0
    seconds_kernel: float = 0.0
    seconds_write: float = 0.0
    file: str = ""
    digest: str = ""
    bytes_partial: int = 0
    hashes: bytes = b""
    process: str = field(default_factory=process_name)
    peak_rss_bytes: int = field(default_factory=peak_rss_bytes)
