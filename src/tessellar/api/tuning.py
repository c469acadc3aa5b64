"""The verb that measures this machine with a cube and proposes how to run."""

from __future__ import annotations

from contextlib import nullcontext
from math import prod
from typing import TYPE_CHECKING

from tessellar.api.cubes import Cube, check_device, name_of, open_cube
from tessellar.api.planning import crew_and_memory, joined_cluster
from tessellar.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tessellar.engine.executors import Executor
    from tessellar.engine.find.plan import FindPlan
    from tessellar.engine.tune.proposal import Tuning
    from tessellar.kernels.smooth_clip import SmoothAndClip
    from tessellar.model import Observer, Source
    from tessellar.tiling.box import Shape


def tune(
    cube: Cube,
    kernel: SmoothAndClip | None = None,
    *,
    executor: str = "threads",
    address: str | None = None,
    workers: int | None = None,
    tile: Shape | None = None,
    memory: str | int | None = None,
    device: str = "auto",
    seconds: float = 2.0,
    observer: Observer | None = None,
) -> Tuning:
    """Measure disk, decoding, search and network with samples of a cube, and propose workers, tile and codec.

    Nothing is written into the cube. The rates are kept in the user's cache folder, by machine and storage: later runs
    are held against them.

    Parameters
    ----------
    cube
        A cube on a disk or behind an address, or its path or address.
    kernel
        The finder whose search is timed; `SmoothAndClip` with its defaults when None.
    executor, address
        Who works, as for `find_sources`; the workers of a cluster read their samples themselves.
    workers
        The most workers that may be proposed; the number of cores, or all of a cluster, when None.
    tile
        Core of a tile; the one that suits each number of workers when None.
    memory
        As for `plan`.
    device
        ``auto`` or ``cpu``: GPUs are not measured.
    seconds
        How long each measurement lasts; there are about ten.
    observer
        Who is told what is measured.

    Returns
    -------
    Tuning
        What was measured, what is predicted, and what is proposed.

    Raises
    ------
    InputError
        When the cube cannot be used.
    UsageError, MemoryBudgetError
        When the request cannot be met.

    Examples
    --------
    >>> print(tune("cube.zarr").settings())  # doctest: +SKIP
    {'executor': 'threads', 'workers': 2, 'tile': [128, 256, 256]}
    """
    from tessellar.engine.executors import check_executor, make_executor
    from tessellar.engine.find.planning import make_plan
    from tessellar.kernels.smooth_clip import SmoothAndClip

    check_executor(executor, workers, address)
    check_device(device)
    if seconds <= 0:
        raise UsageError(f"a measurement of {seconds:g} s measures nothing. Use seconds above 0.")
    source, finder = open_cube(cube), kernel or SmoothAndClip()
    with joined_cluster(executor, workers, address, observer) as joined:
        hands, budget = crew_and_memory(executor, workers, joined, memory)

        def plan_of(some: int) -> FindPlan:
            return make_plan(
                source,
                finder,
                tile=tile,
                memory=budget,
                memory_is_given=memory is not None,
                executor=executor,
                workers=some,
                remote=joined is not None,
            )

        with nullcontext(joined) if joined else make_executor(executor, hands) as pool:
            return _tune(name_of(cube), source, finder, plan_of(hands), plan_of, pool, seconds, observer)


def _tune(
    name: str,
    source: Source,
    finder: SmoothAndClip,
    the_plan: FindPlan,
    plan_of: Callable[[int], FindPlan],
    pool: Executor,
    seconds: float,
    observer: Observer | None,
) -> Tuning:
    """Measure, keep the rates, and propose."""
    from tessellar.engine.memory import available_bytes
    from tessellar.engine.tune.codecs import measure_codecs
    from tessellar.engine.tune.measure import Measuring
    from tessellar.engine.tune.notes import keep_rates
    from tessellar.engine.tune.proposal import propose

    rates = Measuring(source, finder, the_plan.grid, pool, seconds, observer).rates()
    keep_rates(rates)
    if observer is not None:
        observer.say("codecs: a piece of the cube with each of them")
    return propose(
        name,
        rates,
        plan_of=plan_of,
        expansion=4 * prod(source.meta.shape) / source.stored_bytes,
        codecs=measure_codecs(source, seconds / 2),
        cached=source.stored_bytes < available_bytes() and not rates.remote,
    )
