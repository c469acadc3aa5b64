"""What a run should be told on this machine: workers, tile and codec, with the speed that its rates predict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from math import prod
from typing import Any

from tessellar.engine.find.plan import FindPlan
from tessellar.engine.tune.codecs import CodecRate
from tessellar.engine.tune.rates import MachineRates, at
from tessellar.kernels.noise_lattice import NoiseLattice
from tessellar.kernels.scale_noise import SampleBlocks
from tessellar.tiling.plan import sum_read

AS_IT_IS = "as it is"
GOOD_ENOUGH = 0.95  # fewer workers are proposed where they reach this part of the best speed


@dataclass(frozen=True, slots=True)
class Forecast:
    """How long the voxels of the cube keep each resource busy; the disk works beside the cores.

    Attributes
    ----------
    disk, decode, kernel
        Seconds: of the disk; of the workers together while they read and decode; while they compute.
    voxels
        Of the cube.
    """

    disk: float
    decode: float
    kernel: float
    voxels: int

    @property
    def seconds(self) -> float:
        """Of the noise, the scales and the search; the start, and measuring the sources, come on top."""
        return max(self.disk, self.decode + self.kernel)

    @property
    def rate(self) -> float:
        """Voxels of the cube a second."""
        return self.voxels / self.seconds

    @property
    def limit(self) -> str:
        """The resource that a faster machine must have more of."""
        if self.disk >= self.decode + self.kernel:
            return "disk"
        return "decode" if self.decode > self.kernel else "kernel"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A number of workers with the tile that suits them, and what they would do."""

    workers: int
    plan: FindPlan
    forecast: Forecast


@dataclass(frozen=True, slots=True)
class CodecForecast:
    """A codec, and how fast the cube would be searched if it were stored with it."""

    codec: str
    ratio: float
    forecast: Forecast


@dataclass(frozen=True, slots=True)
class Tuning:
    """What was measured and what follows from it.

    Attributes
    ----------
    cube
        Name or path.
    rates
        Of the machine.
    cached
        Whether the cube fits the file cache, so that its rate counts instead of the disk's.
    candidates
        Numbers of workers, ascending.
    codecs
        The cube as it is stored, then as it would be with each codec.
    """

    cube: str
    rates: MachineRates
    cached: bool
    candidates: tuple[Candidate, ...]
    codecs: tuple[CodecForecast, ...]

    @property
    def best(self) -> Candidate:
        """The fewest workers that are about as fast as the fastest."""
        fastest = max(candidate.forecast.rate for candidate in self.candidates)
        return next(c for c in self.candidates if c.forecast.rate >= GOOD_ENOUGH * fastest)

    @property
    def codec(self) -> str:
        """The codec to convert the cube to, or `AS_IT_IS` where that gains little."""
        fastest = max(each.forecast.rate for each in self.codecs)
        good = [each for each in self.codecs if each.forecast.rate >= GOOD_ENOUGH * fastest]
        return AS_IT_IS if good[0].codec == AS_IT_IS else max(good, key=lambda each: each.ratio).codec

    def settings(self) -> dict[str, Any]:
        """Return what ``find --config`` takes, by the names of the options."""
        plan = self.best.plan
        return {"executor": plan.executor, "workers": plan.workers, "tile": list(plan.grid.core)}

    def record(self) -> dict[str, Any]:
        """Return all of it as JSON takes it."""
        best = self.best
        return {
            "cube": self.cube,
            "proposal": {
                **self.settings(),
                "threads": best.workers if best.plan.executor == "threads" else 1,
                "codec": self.codec,
                "voxels_per_second": best.forecast.rate,
                "limit": best.forecast.limit,
            },
            "cached": self.cached,
            "rates": self.rates.record(),
            "workers": [
                {"workers": c.workers, "tile": list(c.plan.grid.core), **_record(c.forecast)}
                for c in self.candidates
            ],
            "codecs": [
                {"codec": each.codec, "ratio": each.ratio, **_record(each.forecast)} for each in self.codecs
            ],
        }


def propose(
    cube: str,
    rates: MachineRates,
    *,
    plan_of: Callable[[int], FindPlan],
    expansion: float,
    codecs: Sequence[CodecRate],
    cached: bool,
) -> Tuning:
    """Return what follows from the rates of a machine.

    Parameters
    ----------
    cube
        Its name.
    rates
        Of the machine with this cube.
    plan_of
        Returns the plan of a run with so many workers.
    expansion
        Bytes of voxels for each byte that is stored.
    codecs
        What each codec would do to the cube.
    cached
        Whether the cube fits the file cache.
    """
    most = rates.read[-1][0]
    plans = [plan_of(hands) for hands in sorted({1, *(2**k for k in range(most.bit_length())), most})]
    candidates = tuple(
        Candidate(plan.workers, plan, forecast(plan, rates, expansion, cached=cached)) for plan in plans
    )
    tuning = Tuning(cube, rates, cached, candidates, ())
    best = tuning.best
    stored = [CodecForecast(AS_IT_IS, expansion, best.forecast)]
    for each in codecs:
        seen = forecast(best.plan, rates, each.ratio, cached=cached, gain=each.gain)
        stored.append(CodecForecast(each.codec, each.ratio, seen))
    return Tuning(cube, rates, cached, candidates, tuple(stored))


def forecast(
    plan: FindPlan,
    rates: MachineRates,
    expansion: float,
    *,
    cached: bool,
    gain: float = 1.0,
) -> Forecast:
    """Return how long the cube would keep disk and workers busy, if it were read and decoded ``gain`` times as fast."""
    shape, grid, hands = plan.grid.shape, plan.grid, plan.workers
    decoded = prod(shape) * plan.decoded_overhead if plan.chunks else sum_read(grid)
    blocks = len(SampleBlocks.in_cells(shape, grid.halo))
    disk = (rates.disk_cached if cached else rates.disk_cold) * expansion
    calibrating = NoiseLattice(shape).n_read / rates.noise + blocks / rates.scales
    return Forecast(
        disk=4 * prod(shape) / disk,
        decode=4 * decoded / (gain * at(rates.read, hands)),
        kernel=prod(shape) / at(rates.search, hands) + calibrating / hands,
        voxels=prod(shape),
    )


def _record(made: Forecast) -> dict[str, Any]:
    return {**asdict(made), "seconds": made.seconds, "voxels_per_second": made.rate, "limit": made.limit}
