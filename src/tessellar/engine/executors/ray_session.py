"""A Ray cluster for the length of a run: what it has, whether it lives, and how it is left."""

from __future__ import annotations

import sys
from time import monotonic, sleep

from tessellar.engine.cgroup import usable_cores
from tessellar.engine.executors.ray_reach import answers, host_and_port, join, start
from tessellar.errors import StoppedError, UsageError

KEPT = "What is done is kept: repeat the command to resume."

_HEAD_SECONDS = 20.0  # a head node may restart; Ray ends this whole process when it has been gone for 60 s
_RETRY_SECONDS = 0.5


class RaySession:
    """The connection of this program to a cluster; one that the program had before us is used and left open.

    Parameters
    ----------
    address
        ``ray://HOST:PORT``, ``HOST:PORT`` or ``auto``; None to start a cluster of this machine.
    workers
        How many cores a cluster of this machine is told to have; by default as many as may be used.

    Raises
    ------
    UsageError
        There is no such cluster, it cannot be joined, or none can be started.
    """

    def __init__(self, address: str | None, workers: int | None) -> None:
        self.dashboard = ""
        self._ours = not _is_open()
        self.local = self._ours and address is None
        if self._ours:
            context = start(workers or usable_cores()) if address is None else join(address)
            self.dashboard = f"http://{context.dashboard_url}" if context.dashboard_url else ""
        import ray

        client = address if address and address.startswith("ray://") else None
        self._head = host_and_port(client or str(ray.get_runtime_context().gcs_address))
        self._watched = answers(self._head)
        self._nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]

    @property
    def place(self) -> str:
        """Where the cluster is, for a sentence."""
        return "on this machine" if self.local else f"at {self._head[0]}:{self._head[1]}"

    def grant(self, workers: int | None, gpus: bool) -> int:
        """Return how many workers there shall be: the number asked for, or as many as there is room for.

        Raises
        ------
        UsageError
            There is room for fewer; a worker without a place would be waited for in vain.
        """
        room = self._room(gpus)
        if (workers or 1) > room:
            raise UsageError(
                f"The Ray cluster {self.place} has room for {room} workers with a core{' and a GPU' * gpus} each, not "
                f"for {workers or 1}. Use fewer --workers, or another cluster."
            )
        return workers or room

    def memory(self, gpus: bool) -> int | None:
        """Return the bytes for each worker, as a joined cluster states them for all; None if it does not."""
        if self.local:
            return None
        return int(sum(node.get("memory", 0) for node in self._nodes)) // max(1, self._room(gpus)) or None

    def check(self) -> None:
        """Wait for a head node that restarts.

        Raises
        ------
        StoppedError
            It has been silent for too long.
        """
        deadline = monotonic() + _HEAD_SECONDS
        while self._watched and not answers(self._head):
            if monotonic() > deadline:
                raise self.gone()
            sleep(_RETRY_SECONDS)

    def gone(self) -> StoppedError:
        """Return the error of a cluster that is there no more."""
        return StoppedError(f"The Ray cluster {self.place} does not answer any more. {KEPT}")

    def close(self) -> None:
        """Leave the cluster, or end it where it is our own."""
        ours, self._ours = self._ours, False
        if ours:
            import ray

            ray.shutdown()

    def _room(self, gpus: bool) -> int:
        wanted = ("CPU", "GPU") if gpus else ("CPU",)
        return sum(min(int(node.get(resource, 0)) for resource in wanted) for node in self._nodes)


def _is_open() -> bool:
    """Return whether this program is connected already; Ray is not loaded for it, as its settings come first."""
    ray = sys.modules.get("ray")
    return ray is not None and bool(ray.is_initialized())
