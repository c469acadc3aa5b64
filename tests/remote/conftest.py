"""Servers on this machine that cubes are read from: one that speaks S3, and a web server."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import obstore
import pytest
from obstore.store import S3Store
from web_server import Web, served

for room in ("io", "cli"):  # their cubes are put onto servers here, and read by their calls
    sys.path.insert(0, str(Path(__file__).parents[1] / room))

BUCKET = "sky"


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server that speaks S3, a process of its own."""
    log = tmp_path_factory.mktemp("s3") / "log"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    with log.open("w") as file, subprocess.Popen(command, stdout=file, stderr=file) as process:
        try:
            yield _address_in(log, process)
        finally:
            process.kill()


def _address_in(log: Path, server: subprocess.Popen[bytes]) -> str:
    """Return the address that a server writes into its log once it answers."""
    end = time.monotonic() + 60
    while time.monotonic() < end and server.poll() is None:
        if match := re.search(r"Running on (http://[0-9.]+:\d+)", log.read_text()):
            return match[1]
        time.sleep(0.05)
    raise AssertionError(f"the S3 server did not begin: {log.read_text()}")


@pytest.fixture
def s3(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path, str], str]:
    """Puts a file, or a folder with all its files, into a bucket; returns its address."""
    for name, value in {
        "AWS_ENDPOINT_URL": s3_server,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    bucket = S3Store(BUCKET, client_options={"allow_http": True})
    with urlopen(Request(f"{s3_server}/{BUCKET}", method="PUT"), timeout=10):
        pass

    def put(path: Path, name: str) -> str:
        files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
        for file in files:
            inside = file.relative_to(path).as_posix()
            obstore.put(bucket, name if inside == "." else f"{name}/{inside}", file.read_bytes())
        return f"s3://{BUCKET}/{name}"

    return put


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    """A web server of the files in ``tmp_path``."""
    with served(tmp_path) as server:
        yield server
