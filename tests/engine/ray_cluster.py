"""A Ray cluster whose nodes are started by hand, one process after another, as a batch script does it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import psutil
from scripted import until

import tessellar

_HERE, _PACKAGE = Path(__file__).parent, Path(tessellar.__file__).parents[1]
_STARTED = "Ray runtime started"


class RayCluster:
    """A head node and further nodes, each at an address of loopback of its own.

    Parameters
    ----------
    folder
        Where Ray may write; a short path, for it makes sockets there.
    nodes
        Options of ``ray start`` for each node, the first of them the head.
    path
        Where its workers find modules.
    """

    def __init__(self, folder: Path, *nodes: str, path: str = f"{_HERE}:{_HERE.parent}:{_PACKAGE}") -> None:
        self._folder = folder
        self._environment = os.environ | {"PYTHONPATH": path, "RAY_AUTH_MODE": "token"}
        # Half of the connections through Ray's client fail with it: its server forks while gRPC is at work.
        self._environment["GRPC_ENABLE_FORK_SUPPORT"] = "0"
        self.nodes: list[subprocess.Popen[str]] = []
        self._orphans: list[psutil.Process] = []
        self.address = f"127.0.0.2:{free_port('127.0.0.2')}"
        try:
            for options in nodes:
                self._start(options.split())
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> RayCluster:
        return self

    def __exit__(self, *details: object) -> None:
        self.stop()

    def kill_head(self) -> None:
        """Kill the servers of the head node, as a crash of its machine would."""
        self._orphans = tree_of(self.nodes[0].pid)
        servers = [process for process in self._orphans if process.name() in ("gcs_server", "raylet")]
        assert len(servers) == 2
        kill(servers)

    def stop(self) -> None:
        """Kill every process of every node."""
        kill(self._orphans + [process for node in self.nodes for process in tree_of(node.pid)])
        for node in self.nodes:
            node.communicate()

    def _start(self, options: list[str]) -> None:
        number = len(self.nodes)
        port = self.address.rpartition(":")[2]
        where = (
            [f"--address={self.address}"]
            if number
            else ["--head", f"--port={port}", f"--temp-dir={self._folder}"]
        )
        common = ["--block", f"--node-ip-address=127.0.0.{number + 2}", "--object-store-memory=80000000"]
        common.append("--include-log-monitor=false")  # loads Ray once more, and nobody hears what it says
        ports = ["--min-worker-port=0", "--max-worker-port=0"]
        of_head = ["--include-dashboard=false", "--no-monitor"]
        ray = Path(sys.executable).with_name("ray")
        node = subprocess.Popen(
            [ray, "start", *where, *common, *ports, *([] if number else of_head), *options],
            env=self._environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.nodes.append(node)
        assert node.stdout is not None
        said = ""
        while _STARTED not in said:
            line = node.stdout.readline()
            said += line
            assert line, said


def tree_of(pid: int) -> list[psutil.Process]:
    """Return a process and all its descendants."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def kill(processes: list[psutil.Process]) -> None:
    """Kill processes and wait until they are gone or wait to be reaped."""
    for process in processes:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    until(lambda: not any(alive(process) for process in processes))


def alive(process: psutil.Process) -> bool:
    """Return whether a process runs."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def free_port(host: str) -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as server:
        server.bind((host, 0))
        port: int = server.getsockname()[1]
        return port
