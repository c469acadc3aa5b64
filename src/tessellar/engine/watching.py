"""Choosing who watches a run: for a terminal, a batch job or a machine, and the log in the run folder."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from tessellar.engine.observers import Everyone, JsonLines, PlainLines, Silent
from tessellar.errors import OutputError
from tessellar.model import Observer

_LOGGER = logging.getLogger("tessellar")


@contextmanager
def watching(
    *, quiet: bool = False, log_json: bool = False, run_log: Path | None = None, stream: TextIO | None = None
) -> Iterator[Observer]:
    """Give the observer that suits where the words go, standard error unless told otherwise.

    Parameters
    ----------
    quiet
        Nothing is shown; a ``run_log`` is still written.
    log_json
        One JSON object a line.
    run_log
        Also write a log file, with what the library logs down to debug level.
    stream
        Where to show progress.

    Raises
    ------
    OutputError
        The log file cannot be written.
    """
    stream = stream or sys.stderr
    with _shown(quiet, log_json, stream) as shown, _logged(run_log) as logged:
        yield Everyone([shown, *logged])


@contextmanager
def _shown(quiet: bool, log_json: bool, stream: TextIO) -> Iterator[Observer]:
    if quiet:
        yield Silent()
    elif log_json:
        yield JsonLines(stream)
    elif stream.isatty():
        from tessellar.engine.bar import TerminalBar

        with TerminalBar(stream) as bar:
            yield bar
    else:
        yield PlainLines(lambda line: _write_line(stream, line))


def _write_line(stream: TextIO, line: str) -> None:
    stream.write(line + "\n")
    stream.flush()


@contextmanager
def _logged(path: Path | None) -> Iterator[list[Observer]]:
    if path is None:
        yield []
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = _LogFile(path, encoding="utf-8")
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written: {error.strerror}. Choose another run folder."
        ) from error
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    level = _LOGGER.level
    _LOGGER.addHandler(handler)
    _LOGGER.setLevel(logging.DEBUG)
    try:
        yield [PlainLines(_LOGGER.info)]
    finally:
        _LOGGER.removeHandler(handler)
        _LOGGER.setLevel(level)
        handler.close()


class _LogFile(logging.FileHandler):
    """A log whose lines are lost when the disk is full: what writes the results says so, in a sentence."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # the name is logging's
        """Complain about everything but the disk."""
        if not isinstance(sys.exception(), OSError):
            super().handleError(record)

    def close(self) -> None:
        """Let go of the file, and of what could not be written."""
        with suppress(OSError):
            super().close()
