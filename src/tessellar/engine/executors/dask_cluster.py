"""A Dask cluster at work for a run: one of this machine that is started for it, or one that is joined."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import pickle
import threading
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from typing import Any
from uuid import uuid4

from tessellar.engine.executors import dask_call
from tessellar.engine.executors.dask_call import Call
from tessellar.engine.executors.server import ONE_THREAD, SIGNALS, environment, held_back, start_server
from tessellar.errors import UsageError

_CONNECT_SECONDS = 10
_SILENT = logging.CRITICAL + 1
_LOGGERS = (
    "distributed",
    "distributed.client",
    "distributed.gc",
    "tornado",
    "tornado.application",
    "bokeh",
    "asyncio",
)


class DaskCluster:
    """A connection to a scheduler, through which calls are sent; quiet, for what matters is said by the executor.

    Parameters
    ----------
    address
        The scheduler of a running cluster, which lives on afterwards; None for one of this machine.
    workers
        How many workers the cluster of this machine gets.

    Attributes
    ----------
    client
        Of Dask.
    address
        The scheduler.
    dashboard
        Where a browser shows the cluster at work; empty when it has no such page.
    own
        Whether the cluster was started for us.
    closed
        Whether the connection was ended.

    Raises
    ------
    UsageError
        There is no scheduler at the address, or no cluster could be started.
    """

    def __init__(self, address: str | None, workers: int) -> None:
        self.own = address is None
        self.closed = False
        self.dashboard = ""
        self._workers = workers
        self._news = threading.Event()
        self._run, self._numbers = uuid4().hex[:6], count(1)
        with ExitStack() as way_out:
            way_out.enter_context(_quiet())
            connection = _joined(address) if address else _own(workers)
            self.client: Any = way_out.enter_context(connection)
            self.address = str(self.client.scheduler_info(n_workers=-1)["address"])
            with suppress(KeyError):  # the scheduler serves no pages
                self.dashboard = self.client.dashboard_link or ""
            self._way_out = way_out.pop_all()

    def send(self, address: str, call: Call, gpus: int = 0) -> Any:
        """Give a call to one worker, to no other, and only once; return Dask's future."""
        future = self.client.submit(
            pickle.loads,
            call.order,
            workers=[address],
            allow_other_workers=False,
            pure=False,
            retries=0,
            resources={"GPU": gpus} if gpus else None,
            key=f"{call.name}-{self._run}-{next(self._numbers)}",
        )
        future.add_done_callback(lambda _: self._news.set())
        return future

    def replenish(self) -> None:
        """Replace those of our own workers that Dask has given up; as a rule it restarts them."""
        if self.own:
            self.client.cluster.scale(self._workers)

    def wait(self, seconds: float) -> None:
        """Return as soon as a call has ended, and after ``seconds`` at the latest."""
        self._news.wait(seconds)
        self._news.clear()

    def close(self) -> None:
        """Disconnect; end the cluster of this machine."""
        self.closed = True
        self._way_out.close()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Dask's own log off the terminal."""
    import distributed  # noqa: F401  # its import sets the loggers up

    loggers = [logging.getLogger(name) for name in _LOGGERS]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(_SILENT)
    try:
        yield
    finally:
        gc.collect()  # tasks of Dask's event loop that failed unnoticed say so when they are forgotten
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


@contextmanager
def _own(workers: int) -> Iterator[Any]:
    """Start a cluster of this machine, give its client, and end it.

    Its workers are processes with one thread, on free ports, without memory limits, for the plan bounds the memory.
    They ignore Ctrl-C and SIGTERM: the driver decides what follows, and when it dies, they end.
    """
    from dask import config
    from distributed import Client, LocalCluster

    options: dict[str, Any] = {"threads_per_worker": 1, "memory_limit": 0, "dashboard_address": ":0"}
    options |= {
        "silence_logs": _SILENT,
        "scheduler_kwargs": {"allowed_failures": 0},
        "env": os.environ | ONE_THREAD,
        "preload": [dask_call.__name__],
    }
    with config.set({"distributed.worker.multiprocessing-method": start_server()}):
        try:
            with environment(ONE_THREAD), held_back(SIGNALS):
                cluster = LocalCluster(n_workers=workers, **options)
        except (OSError, RuntimeError) as error:
            raise UsageError(
                f"No Dask cluster could be started on this machine ({first_line(error)}). Repeat the command, or use "
                '--executor processes; a script of your own must guard its main part by `if __name__ == "__main__":`.'
            ) from error
        with cluster, Client(cluster, timeout=_CONNECT_SECONDS, set_as_default=False) as client:
            yield client


@contextmanager
def _joined(address: str) -> Iterator[Any]:
    """Connect to the scheduler of a running cluster and give the client."""
    from distributed import Client

    _check(address)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of versions: those that matter are compared later
        client = Client(address, timeout=_CONNECT_SECONDS, set_as_default=False, name="tessellar")
    with client:
        yield client


def _check(address: str) -> None:
    """Refuse an address at which no scheduler answers; Dask's client itself would wait for ever for some."""
    try:
        with ThreadPoolExecutor(1) as elsewhere:  # a notebook has a loop of its own here
            kind = elsewhere.submit(asyncio.run, _kind(address)).result()
        reason = "" if kind == "Scheduler" else f"a {kind.lower()} does"
    except TimeoutError:
        reason = f"nothing heard for {_CONNECT_SECONDS} s"
    except Exception as error:
        reason = first_line(error)
    if reason:
        raise UsageError(
            f"No Dask scheduler answers at {address} ({reason}). Give --address what `dask scheduler` printed as its "
            "address, such as tcp://HOST:8786."
        )


async def _kind(address: str) -> str:
    """Return what Dask calls the process at an address."""
    from distributed import Security
    from distributed.core import rpc

    security = Security().get_connection_args("client")
    async with asyncio.timeout(_CONNECT_SECONDS), rpc(address, connection_args=security) as remote:
        return str((await remote.identity())["type"])


def first_line(error: BaseException) -> str:
    """Return the gist of a library's exception."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
