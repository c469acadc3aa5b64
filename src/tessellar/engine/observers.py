"""Who watches a run: a bar on a terminal, a line a minute in a file, JSON lines for a machine, or nobody."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, TextIO

from tessellar.engine.progress import progress_line, progress_record
from tessellar.model import Observer, Progress

LINE_SECONDS = 60.0


class Silent:
    """Says nothing."""

    def begin(self, stage: str, total: int) -> None:
        """Take note that a stage begins."""

    def progress(self, event: Progress) -> None:
        """Take note of progress."""

    def say(self, text: str) -> None:
        """Take note of a sentence for people."""

    def end(self, stage: str) -> None:
        """Take note that a stage ended."""


class PlainLines:
    """Writes a line a minute and one at the end of a stage: for files and batch jobs.

    Parameters
    ----------
    write
        Takes a line without its end.
    every_seconds
        Time between lines of a stage.
    now
        A clock in seconds.
    """

    def __init__(
        self,
        write: Callable[[str], None],
        every_seconds: float = LINE_SECONDS,
        now: Callable[[], float] = monotonic,
    ) -> None:
        self._write = write
        self._every_seconds = every_seconds
        self._now = now
        self._written = now()
        self._unwritten: Progress | None = None

    def begin(self, stage: str, total: int) -> None:  # noqa: ARG002  # the first line tells both
        """Start the minute."""
        self._written, self._unwritten = self._now(), None

    def progress(self, event: Progress) -> None:
        """Write a line when the minute is over."""
        self._unwritten = event
        if self._now() - self._written >= self._every_seconds:
            self._flush()

    def say(self, text: str) -> None:
        """Write the sentence."""
        self._write(text)

    def end(self, stage: str) -> None:  # noqa: ARG002  # the line names the stage
        """Write the last state of the stage."""
        self._flush()

    def _flush(self) -> None:
        if self._unwritten is not None:
            self._write(progress_line(self._unwritten))
        self._written, self._unwritten = self._now(), None


class JsonLines:
    """Writes every event as a line of JSON.

    Parameters
    ----------
    stream
        Where to.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def begin(self, stage: str, total: int) -> None:
        """Write that a stage begins."""
        self._write({"event": "begin", "stage": stage, "total": total})

    def progress(self, event: Progress) -> None:
        """Write the progress, numbers in base units."""
        self._write(progress_record(event))

    def say(self, text: str) -> None:
        """Write the sentence."""
        self._write({"event": "say", "text": text})

    def end(self, stage: str) -> None:
        """Write that a stage ended."""
        self._write({"event": "end", "stage": stage})

    def _write(self, record: dict[str, Any]) -> None:
        self._stream.write(json.dumps(record) + "\n")
        self._stream.flush()


class Everyone:
    """Passes each event on to several observers."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = observers

    def begin(self, stage: str, total: int) -> None:
        """Pass it on."""
        for observer in self._observers:
            observer.begin(stage, total)

    def progress(self, event: Progress) -> None:
        """Pass it on."""
        for observer in self._observers:
            observer.progress(event)

    def say(self, text: str) -> None:
        """Pass it on."""
        for observer in self._observers:
            observer.say(text)

    def end(self, stage: str) -> None:
        """Pass it on."""
        for observer in self._observers:
            observer.end(stage)
