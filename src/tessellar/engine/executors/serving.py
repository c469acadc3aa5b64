"""Importing this prepares the server of worker processes: it loads what every first call of compiled code loads.

The server itself holds signals back for good, so that it outlives those that reach all processes of a job. What is
forked from it hears them, for a program may start processes of its own there; our workers ignore them later.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from functools import partial

import numpy as np

from tessellar.engine.executors.server import SIGNALS
from tessellar.kernels.runs import count_runs

os.register_at_fork(after_in_child=partial(signal.pthread_sigmask, signal.SIG_UNBLOCK, SIGNALS))
with suppress(Exception):  # a worker will stumble over it again, and can say so
    count_runs(np.zeros((1, 1, 1), np.uint8), 1)
