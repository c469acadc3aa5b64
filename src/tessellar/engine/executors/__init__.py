"""Executors: who runs the leases, from this thread to a cluster; the one loop in `run` drives them all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Protocol, TypeAlias

from tessellar.errors import UsageError

EXECUTORS = ("serial", "threads", "processes", "dask", "ray")
CLUSTERS = ("dask", "ray")

Task: TypeAlias = Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a task.

    Attributes
    ----------
    task
        The task, as it was submitted.
    worker
        Label of the worker that had it; a worker that replaces a dead one may bear the same.
    result
        What the task returned; None when it did not return.
    lost
        Why it did not return: the worker died while it ran. Empty otherwise.
    error
        What the executor itself stumbled over, for example a task that cannot be pickled.

    Notes
    -----
    Without a result, a ``lost`` or an ``error``, the task was never begun.
    """

    task: Any
    worker: str
    result: Any = None
    lost: str = ""
    error: BaseException | None = None


class Executor(Protocol):
    """A set of workers that call tasks without arguments; results are short, so they may travel.

    A task catches its own exceptions. An executor retries nothing: the run loop does.
    """

    @property
    def name(self) -> str:
        """The word for it on the command line."""

    @property
    def slots(self) -> int:
        """How many tasks run side by side; the loop keeps twice as many submitted."""

    @property
    def about(self) -> str:
        """Where the workers are, in a sentence; empty when they are this program's own."""

    @property
    def worker_memory(self) -> int | None:
        """Bytes that each worker may use, as its cluster says; None when nobody says."""

    def submit(self, task: Task, avoid: str = "") -> str:
        """Take a task, to be run by a worker with another label than ``avoid`` where there is one.

        Returns the label of the worker that was given the task.
        """

    def wait(self, seconds: float) -> Sequence[Outcome]:
        """Return what has ended since the last call; after ``seconds`` without any, an empty sequence."""

    def abandon(self, task: Task) -> None:
        """Do not wait for a task any more: replace its worker where it can be killed."""

    def close(self, now: bool = False) -> None:
        """Release the workers once their tasks are done; ``now`` drops tasks and kills what can be killed."""

    def __enter__(self) -> Executor:
        """Return itself."""

    def __exit__(self, *details: object) -> None:
        """Close; at once when an exception is on its way."""


def check_executor(name: str, workers: int | None = None, address: str | None = None) -> None:
    """Refuse an executor that cannot work.

    Raises
    ------
    UsageError
        The name is unknown, its library is not installed, or an option does not apply to it.
    """
    if name not in EXECUTORS:
        raise UsageError(f"There is no executor '{name}'. Choose one of {', '.join(EXECUTORS)}.")
    if name == "ray" and find_spec("ray") is None:
        raise UsageError(
            "The executor 'ray' needs Ray, which is not installed: pip install 'tessellar[ray]'."
        )
    if address is not None and name not in CLUSTERS:
        raise UsageError(
            f"The executor '{name}' joins no cluster. Leave out --address, or use --executor dask or ray."
        )
    if workers is not None and workers < 1:
        raise UsageError(f"{workers} workers cannot work. Give --workers 1 or more.")


def make_executor(
    name: str,
    workers: int | None = None,
    address: str | None = None,
    *,
    gpus: bool = False,
    say: Callable[[str], None] | None = None,
) -> Executor:
    """Return the executor of that name.

    Parameters
    ----------
    name
        ``serial``, ``threads``, ``processes``, ``dask`` or ``ray``.
    workers
        How many workers; by default one for each core that may be used, or all that a running cluster has.
    address
        A running Dask scheduler (``tcp://…``, ``tls://…``) or Ray cluster (``ray://…``, ``HOST:PORT`` or ``auto``)
        to join; without one, a cluster of this machine is started for the run.
    gpus
        Whether every task needs a GPU of its own, on a cluster that tells who has one.
    say
        Who is told about workers that are missed or unfit.

    Raises
    ------
    UsageError
        The name is unknown, the executor is not available, or an option does not apply to it.
    """
    check_executor(name, workers, address)
    if name == "serial":
        from tessellar.engine.executors.serial import SerialExecutor

        return SerialExecutor()
    if name == "threads":
        from tessellar.engine.executors.threads import ThreadsExecutor

        return ThreadsExecutor(workers)
    if name == "processes":
        from tessellar.engine.executors.processes import ProcessesExecutor

        return ProcessesExecutor(workers)
    if name == "dask":
        from tessellar.engine.executors.dask import DaskExecutor

        return DaskExecutor(workers, address, gpus=gpus, say=say)
    from tessellar.engine.executors.ray import RayExecutor

    return RayExecutor(workers, address, gpus=gpus)
