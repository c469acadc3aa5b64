"""A stage that only pretends: units that compute or wait for a chosen time, and fail as often as chosen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from time import perf_counter, sleep, thread_time

import numpy as np

from tessellar.compiled import compiled
from tessellar.errors import UsageError
from tessellar.model import UnitResult, Work

_CALIBRATION_ROUNDS = 2**25


@dataclass(frozen=True, slots=True)
class RehearsalStage:
    """Units without voxels; what each does and gives back follows from the seed and its number.

    Parameters
    ----------
    n_units
        How many.
    seconds
        What each takes, on this machine when it is idle.
    failure_rate
        Share of the units that fail when they are tried for the first time.
    fatal_rate
        Share of the units that fail whenever they are tried.
    seed
        Chooses which.
    waits
        Whether units sleep, so that a few cores stand for many workers; otherwise they compute without the
        interpreter lock, as kernels do.
    tried
        A folder that every worker sees: a file for each unit that has failed once. Needed for a failure rate.

    Raises
    ------
    UsageError
        A rate is not a share, or the folder is missing.
    """

    n_units: int
    seconds: float = 0.0
    failure_rate: float = 0.0
    fatal_rate: float = 0.0
    seed: int = 0
    waits: bool = False
    tried: Path | None = None
    rounds: int = field(init=False, default=0)

    name = "rehearsal"

    def __post_init__(self) -> None:
        if min(self.failure_rate, self.fatal_rate) < 0 or self.failure_rate + self.fatal_rate > 1:
            raise UsageError(
                f"Failure rates of {self.failure_rate:g} and {self.fatal_rate:g} are no shares of the units. "
                "Give numbers from 0 to 1 whose sum is at most 1."
            )
        if self.failure_rate > 0 and self.tried is None:
            raise UsageError("Units that fail once need a folder where that is noted. Give `tried`.")
        if self.seconds > 0 and not self.waits:
            object.__setattr__(self, "rounds", round(self.seconds * rounds_per_second()))

    @property
    def fingerprint(self) -> str:
        """What the results depend on."""
        return f"rehearsal of {self.n_units} units, seed {self.seed}"

    def worker(self) -> Work:
        """Return the function that does one unit."""
        spin(1)  # compiles, or loads what was compiled
        return self._do

    def fails_always(self, unit: int) -> bool:
        """Return whether a unit never gives a result."""
        return self.fatal_rate > 0 and draw(self.seed, unit) < self.fatal_rate

    def fails_once(self, unit: int) -> bool:
        """Return whether a unit gives a result at the second try."""
        rates = (self.fatal_rate, self.fatal_rate + self.failure_rate)
        return self.failure_rate > 0 and rates[0] <= draw(self.seed, unit) < rates[1]

    def _do(self, unit: int) -> UnitResult:
        clock: Callable[[], float] = perf_counter if self.waits else thread_time
        began = clock()
        if self.waits:
            sleep(self.seconds)
        elif self.rounds:
            spin(self.rounds)
        seconds = clock() - began
        if self.fails_always(unit) or (self.fails_once(unit) and self._is_first_try(unit)):
            raise RuntimeError(f"unit {unit} was chosen to fail")
        return UnitResult({"number": np.array([unit])}, seconds_kernel=seconds)

    def _is_first_try(self, unit: int) -> bool:
        if self.tried is None:
            return False
        try:
            (self.tried / str(unit)).touch(exist_ok=False)
        except FileExistsError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Expected:
    """What a rehearsal must come to, by arithmetic.

    Attributes
    ----------
    total
        Sum of the numbers of the units with a result.
    retries
        How often a unit is tried again while no worker dies.
    given_up
        How many units never give a result.
    """

    total: int
    retries: int
    given_up: int


def expected(stage: RehearsalStage, max_tries: int) -> Expected:
    """Return what a stage must come to, without running it."""
    total = stage.n_units * (stage.n_units - 1) // 2
    if not (stage.failure_rate or stage.fatal_rate):
        return Expected(total, 0, 0)
    fatal = [unit for unit in range(stage.n_units) if stage.fails_always(unit)]
    once = sum(stage.fails_once(unit) for unit in range(stage.n_units))
    return Expected(total - sum(fatal), once + (max_tries - 1) * len(fatal), len(fatal))


@cache
def rounds_per_second() -> float:
    """Return how many rounds of `spin` one core does in a second: the best of three measurements."""
    spin(1)
    best = np.inf
    for _ in range(3):
        began = perf_counter()
        spin(_CALIBRATION_ROUNDS)
        best = min(best, perf_counter() - began)
    return _CALIBRATION_ROUNDS / float(best)


@compiled
def spin(rounds: int) -> int:
    """Do some arithmetic that no compiler can leave out."""
    state = np.uint64(0x9E3779B97F4A7C15)
    for _ in range(rounds):
        state ^= state << np.uint64(13)
        state ^= state >> np.uint64(7)
        state ^= state << np.uint64(17)
    return int(state >> np.uint64(1))


@compiled
def draw(seed: int, unit: int) -> float:
    """Return a number from 0 to 1 that depends on seed and unit alone (the mixing function of SplitMix64)."""
    mixed = np.uint64(seed) * np.uint64(0xD1342543DE82EF95) + np.uint64(unit + 1) * np.uint64(
        0x9E3779B97F4A7C15
    )
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return float((mixed ^ (mixed >> np.uint64(31))) >> np.uint64(11)) / 2.0**53
