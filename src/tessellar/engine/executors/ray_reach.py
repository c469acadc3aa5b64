"""Reaching a Ray cluster: one of this machine is started for the run, or one that runs already is joined."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.parse import urlsplit

from tessellar.engine.executors.server import environment, held_back
from tessellar.errors import UsageError

OBJECT_STORE_BYTES = 80 * 2**20  # about the least that Ray accepts: no array of ours ever goes there

JOIN_SECONDS = 10.0

_QUIET = {"RAY_DEDUP_LOGS_SKIP_REGEX": ".", "RAY_USAGE_STATS_ENABLED": "0"}
_ANSWER_SECONDS = 5.0
_CLIENT_PORT = 10001


def start(cores: int) -> Any:
    """Start a cluster of this machine, with a dashboard where its libraries are installed."""
    try:
        return _init(address="local", num_cpus=cores, object_store_memory=OBJECT_STORE_BYTES)
    except Exception as error:
        raise UsageError(
            f"Ray cannot be started on this machine ({_gist(error)}). Use --executor processes."
        ) from error


def join(address: str) -> Any:
    """Join a cluster; a token that this user has for clusters is shown to it."""
    if address.startswith("ray://") and find_spec("grpc") is None:
        raise UsageError(
            f"{address} needs the client of Ray, which is not installed: pip install 'ray[client]'."
        )
    if address != "auto" and not _begins_to_answer(host_and_port(address)):
        raise UsageError(f"No Ray cluster answers at {address}. Give the HOST:PORT that `ray start` printed.")
    # With an address, Ray 2.60 shows no token unless it is told to.
    mode = os.environ.get("RAY_AUTH_MODE", "token" if _has_token() else "disabled")
    try:
        with environment({"RAY_AUTH_MODE": mode}):
            return _init(address=address)
    except Exception as error:
        raise UsageError(
            f"The Ray cluster {address} cannot be joined ({_gist(error)}). Run on one of its nodes, or join through "
            "ray://HOST:10001; a cluster that asks for a token needs RAY_AUTH_MODE=token."
        ) from error


def _init(**options: Any) -> Any:
    """Call ``ray.init`` so that it shows nothing, and so that its processes leave signals to us."""
    with environment(_QUIET), _signals_are_ours():
        import ray

        try:
            return ray.init(log_to_driver=False, logging_level=logging.CRITICAL, **options)
        except BaseException:
            ray.shutdown()
            raise


@contextmanager
def _signals_are_ours() -> Iterator[None]:
    """Keep our reaction to SIGTERM, and hold back signals to the processes that Ray starts.

    A batch system signals every process of a job: the cluster must live until the leases in progress are done.
    """
    before = signal.getsignal(signal.SIGTERM)
    with held_back((signal.SIGINT, signal.SIGTERM)):
        try:
            yield
        finally:
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGTERM, before)


def host_and_port(address: str) -> tuple[str, int]:
    """Return where the head node of a cluster listens."""
    try:
        url = urlsplit(address if "://" in address else f"//{address}")
        if url.hostname and url.scheme in ("", "ray"):
            return url.hostname, url.port or _CLIENT_PORT
    except ValueError:
        pass
    raise UsageError(f"'{address}' is no address of a Ray cluster. Give ray://HOST:PORT, HOST:PORT or auto.")


def answers(head: tuple[str, int]) -> bool:
    """Return whether somebody listens there."""
    with suppress(OSError):
        socket.create_connection(head, _ANSWER_SECONDS).close()
        return True
    return False


def _begins_to_answer(head: tuple[str, int]) -> bool:
    """Return whether somebody listens there, at once or soon: a batch job joins what it has just started."""
    deadline = monotonic() + JOIN_SECONDS
    while not answers(head):
        if monotonic() > deadline:
            return False
        sleep(0.2)
    return True


def _has_token() -> bool:
    told = "RAY_AUTH_TOKEN" in os.environ or "RAY_AUTH_TOKEN_PATH" in os.environ
    return told or (Path.home() / ".ray" / "auth_token").exists()


def _gist(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:300].rstrip(".:") if lines else type(error).__name__
