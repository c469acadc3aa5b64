"""Which of its machine's workers a thread is: of several GPUs, each worker takes its own."""

from __future__ import annotations

import threading

_HERE = threading.local()


def remember_slot(number: int) -> None:
    """Keep the number of the slot whose tasks this thread does."""
    _HERE.number = number


def slot_number() -> int:
    """Return the number of this thread's slot, counted from 0; 0 where nobody counts, as on a cluster's machines."""
    return int(getattr(_HERE, "number", 0))
