"""The verb that says what finding sources will do and need, and how the tiles of a run are chosen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tessellar.api.cubes import Cube, open_cube
from tessellar.api.devices import device_of
from tessellar.api.requests import FINDER, check_kernel, whole_tile

if TYPE_CHECKING:
    from tessellar.engine.devices import Device
    from tessellar.engine.executors import Executor
    from tessellar.engine.find.plan import FindPlan
    from tessellar.engine.precondition.prepare import Prepared
    from tessellar.engine.precondition.recipe import Preconditioning
    from tessellar.kernels.deblend import Deblending
    from tessellar.kernels.dilate import Dilation
    from tessellar.kernels.look.second_look import SecondLook
    from tessellar.kernels.network.finder import NetworkFinder
    from tessellar.kernels.smooth_clip import SmoothAndClip
    from tessellar.model import Observer
    from tessellar.tiling.box import Shape


def plan(
    cube: Cube,
    kernel: SmoothAndClip | NetworkFinder | None = None,
    *,
    preconditioning: Preconditioning | None = None,
    deblending: Deblending | None = None,
    dilation: Dilation | None = None,
    look: SecondLook | None = None,
    executor: str = "threads",
    address: str | None = None,
    workers: int | None = None,
    device: str = "auto",
    tile: Shape | None = None,
    memory: str | int | None = None,
) -> FindPlan:
    """Return what finding the sources of a cube will do and need; nothing is computed.

    Parameters
    ----------
    cube
        A cube, or the path of one.
    kernel
        The finder, `SmoothAndClip` or `NetworkFinder`; the former with its defaults when None.
    preconditioning
        What is done to the cube before; nothing when None.
    deblending, dilation
        How sources are separated and masks grow; they are not when None.
    look
        The network that looks at candidates; none does when None.
    executor, workers
        Who works; as many workers as there are cores, or in the cluster, when None.
    address
        A running cluster, for the executors ``dask`` and ``ray``; it is asked for its workers.
    device
        As for `find_sources`; the tiles fit the memory of the GPUs.
    tile
        Core of a tile ``(frequency, l, m)``; chosen when None.
    memory
        What the run may use, such as ``"4 GiB"``; half of what is free when None. With an ``address``, what each
        worker may use; what the cluster grants it when None.

    Raises
    ------
    MemoryBudgetError
        When the run does not fit.
    UsageError
        When there is no such executor, or no cluster at the address.

    Examples
    --------
    >>> print(plan("cube.fits", memory="4 GiB"))  # doctest: +SKIP
    """
    from tessellar.engine.executors import check_executor
    from tessellar.engine.precondition.prepare import prepare
    from tessellar.engine.precondition.recipe import Preconditioning
    from tessellar.kernels.smooth_clip import SmoothAndClip

    check_kernel(kernel, FINDER)
    tile = whole_tile(tile)
    check_executor(executor, workers, address)
    finder = kernel or SmoothAndClip()
    where = device_of(device, finder, address)
    prepared = prepare(open_cube(cube), preconditioning or Preconditioning())
    with joined_cluster(executor, workers, address, device=where) as pool:
        return plan_of(
            prepared, finder, executor, workers, pool, tile, memory, where, deblending, dilation, look
        )


@contextmanager
def joined_cluster(
    executor: str,
    workers: int | None,
    address: str | None,
    observer: Observer | None = None,
    device: Device | None = None,
) -> Iterator[Executor | None]:
    """Give the workers of a running cluster, which only it can count; None where there is no address.

    Where they compute on GPUs, those are asked for that have one.
    """
    if address is None:
        yield None
        return
    from tessellar.engine.executors import make_executor
    from tessellar.kernels.devices import CUDA

    gpus = device is not None and device.type == CUDA
    say = observer.say if observer else None
    with make_executor(executor, workers, address, gpus=gpus, say=say) as pool:
        yield pool


def crew_and_memory(
    executor: str, workers: int | None, pool: Executor | None, memory: str | int | None
) -> tuple[int, int]:
    """Return how many work, and the bytes that the run, or each worker of a cluster, may use.

    Parameters as for `plan`; ``pool`` are the workers of a running cluster, None without an address.
    """
    from tessellar.engine.cgroup import usable_cores
    from tessellar.engine.memory import memory_budget

    if pool is not None:
        workers = pool.slots
    elif executor == "serial":
        workers = 1
    granted = pool.worker_memory or memory_budget() // usable_cores() if pool is not None else None
    return workers or usable_cores(), granted if memory is None and granted else memory_budget(memory)


def plan_of(
    prepared: Prepared,
    finder: SmoothAndClip | NetworkFinder,
    executor: str,
    workers: int | None,
    pool: Executor | None,
    tile: Shape | None,
    memory: str | int | None,
    device: Device,
    deblending: Deblending | None = None,
    dilation: Dilation | None = None,
    look: SecondLook | None = None,
) -> FindPlan:
    """Return the plan for a cube that is opened, and for the workers of a cluster that is joined.

    Parameters as for `plan`; ``pool`` are those workers, None without an address, and ``device`` is where they compute.
    """
    from tessellar.engine.find.planning import make_plan
    from tessellar.engine.find.refine_cost import RefineCost

    workers, budget = crew_and_memory(executor, workers, pool, memory)
    meta = prepared.source.meta
    return make_plan(
        prepared.source,
        finder,
        tile=tile,
        memory=budget,
        memory_is_given=memory is not None,
        executor=executor,
        workers=workers,
        remote=pool is not None,
        device=device,
        cost=prepared.cost,
        refining=RefineCost.of(meta.shape, finder.halo(meta), deblending, dilation),
        look=look,
    )
