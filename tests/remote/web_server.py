"""A web server on this machine that gives files by ranges, as real ones do, and fails as real ones do when told to."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote


class Web(ThreadingHTTPServer):
    """A server of the files of a folder.

    Attributes
    ----------
    asked
        Method, path and range of each request.
    delay
        Seconds until each answer.
    faults
        What goes wrong with the next requests for a path: ``"503"`` and other statuses, ``"drop"`` closes the
        connection without an answer, ``"cut"`` after half of it.
    forbids
        Whether what is not there is answered with 403, as buckets do that may not be listed.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), partial(_Answer, folder))
        self.asked: list[tuple[str, str, str]] = []
        self.delay = 0.0
        self.faults: dict[str, list[str]] = {}
        self.forbids = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients that go away are part of the tests."""


@contextmanager
def served(folder: Path) -> Iterator[Web]:
    """Serve the files of a folder."""
    web = Web(folder)
    thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield web
    finally:
        web.shutdown()
        web.server_close()


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Web

    def __init__(self, folder: Path, *args: object) -> None:
        self._folder = folder
        super().__init__(*args)  # type: ignore[arg-type]

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def do_HEAD(self) -> None:
        self._answer(with_content=False)

    def do_GET(self) -> None:
        self._answer(with_content=True)

    def _answer(self, *, with_content: bool) -> None:
        name, wanted = unquote(self.path).strip("/"), self.headers.get("Range", "")
        self.server.asked.append((self.command, name, wanted))
        time.sleep(self.server.delay)
        faults = self.server.faults.get(name)
        fault = faults.pop(0) if faults else ""
        file = self._folder / name
        if fault == "drop":
            self.close_connection = True
        elif fault.isdecimal():
            self._refuse(int(fault))
        elif not file.is_file():
            self._refuse(403 if self.server.forbids else 404)
        elif (span := _span(wanted, file.stat().st_size)) is None:
            self._refuse(416)
        else:
            self._give(file, span, wanted, fault, with_content=with_content)

    def _give(
        self, file: Path, span: tuple[int, int], wanted: str, fault: str, *, with_content: bool
    ) -> None:
        size, time_ns, (begin, stop) = file.stat().st_size, file.stat().st_mtime_ns, span
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(stop - begin))
        self.send_header("ETag", f'"{size}-{time_ns}"')
        if wanted:
            self.send_header("Content-Range", f"bytes {begin}-{stop - 1}/{size}")
        self.end_headers()
        if with_content:
            with file.open("rb") as stream:
                stream.seek(begin)
                content = stream.read(stop - begin)
            if fault == "cut":
                content, self.close_connection = content[: len(content) // 2], True
            self.wfile.write(content)

    def _refuse(self, code: int) -> None:
        self.send_response(code)
        self.send_header("Content-Length", "0")
        self.end_headers()


def _span(wanted: str, size: int) -> tuple[int, int] | None:
    if not wanted:
        return 0, size
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", wanted)
    assert match, wanted
    if not match[1]:
        return max(0, size - int(match[2])), size
    begin = int(match[1])
    return (begin, min(size, int(match[2]) + 1 if match[2] else size)) if begin < size else None
