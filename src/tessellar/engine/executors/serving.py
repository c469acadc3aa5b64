"""Importing this prepares the server of worker processes: it loads what every first call of compiled code loads.

The server itself holds signals back for good, so that it outlives those that reach all processes of a job. What is
forked from it hears them, for a program may start processes of its own there; our workers ignore them later.

A driver that is killed while it asks for a worker leaves a request cut short. Nobody waits for an answer then, and
what is left of the request is no error to tell of: the server, or the worker that it has just forked, ends without
a word.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
from contextlib import suppress
from functools import partial
from types import TracebackType

import numpy as np

from tessellar.engine.executors.server import SIGNALS
from tessellar.kernels.runs import count_runs

CUT_SHORT = (EOFError, ConnectionError, pickle.UnpicklingError)


def tell_of(kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
    """Tell of an error that ends the server, or a worker before it begins, unless the driver has just gone."""
    if not issubclass(kind, CUT_SHORT):
        sys.__excepthook__(kind, error, where)


sys.excepthook = tell_of
os.register_at_fork(after_in_child=partial(signal.pthread_sigmask, signal.SIG_UNBLOCK, SIGNALS))
with suppress(Exception):  # a worker will stumble over it again, and can say so
    count_runs(np.zeros((1, 1, 1), np.uint8), 1)
