"""How many steps of a training fit into a time, from a few that are timed."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

_TIMED = 6  # steps that tell how fast the machine is; the first one warms up


def steps_in(minutes: float, every: int, teach: Callable[[int], object]) -> int:
    """Return how many steps this machine does in some minutes, in whole validations.

    Parameters
    ----------
    minutes
        How long.
    every
        Steps between validations.
    teach
        Takes the step of a number.
    """
    seconds = []
    for step in range(_TIMED):
        start = time.perf_counter()
        teach(step)
        seconds.append(time.perf_counter() - start)
    rounds = minutes * 60 / float(np.median(seconds[1:])) / every
    return max(1, round(rounds)) * every
