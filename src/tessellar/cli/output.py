"""What commands print: text for people on standard output, progress on standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

import click

if TYPE_CHECKING:
    from tessellar.model import Observer


def show(text: str, *, end: bool = True) -> None:
    """Print a text, with the end of its line or without; a reader who has left (``| head``) stops nothing."""
    if sys.stdout is None:  # the command was started with its standard output closed
        return
    encoding = sys.stdout.encoding or "utf-8"
    try:
        click.echo(text.encode(encoding, "backslashreplace").decode(encoding), nl=end)
        sys.stdout.flush()
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


@contextmanager
def progress(options: Mapping[str, Any]) -> Iterator[Observer]:
    """Give the observer that the options ask for."""
    from tessellar.engine.watching import watching

    stream: Any = Patient(sys.stderr)
    with watching(quiet=options["quiet"], log_json=options["log_json"], stream=stream) as observer:
        yield observer


class Patient:
    """A stream that loses what it cannot write: a run of hours does not end because its terminal did.

    Parameters
    ----------
    stream
        Where to write.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text if that is possible."""
        try:
            return self._stream.write(text)
        except OSError:
            return len(text)

    def flush(self) -> None:
        """Hand on what was written if that is possible."""
        try:
            self._stream.flush()
        except OSError:
            return

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
