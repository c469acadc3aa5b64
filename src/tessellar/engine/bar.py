"""A progress bar on a terminal."""

from __future__ import annotations

from types import TracebackType
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TaskProgressColumn, TextColumn
from rich.progress import Progress as Bars

from tessellar.engine.progress import rates
from tessellar.model import Progress


class TerminalBar:
    """One bar a stage, the finished ones above; sentences scroll by over them.

    Parameters
    ----------
    stream
        The terminal.
    width
        Its width in characters, where it should not be asked.
    """

    def __init__(self, stream: TextIO, width: int | None = None) -> None:
        console = Console(file=stream, width=width, highlight=False, markup=False)
        columns = ("{task.description}", BarColumn(24), MofNCompleteColumn(), TaskProgressColumn())
        self._bars = Bars(*columns, TextColumn("{task.fields[rates]}", markup=False), console=console)
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> TerminalBar:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def begin(self, stage: str, total: int) -> None:
        """Add a bar."""
        self._tasks[stage] = self._bars.add_task(stage, total=total, rates="")

    def progress(self, event: Progress) -> None:
        """Move the bar."""
        words = "  ".join(rates(event))
        self._bars.update(self._tasks[event.stage], completed=event.done, rates=words)

    def say(self, text: str) -> None:
        """Print the sentence above the bars."""
        self._bars.console.print(text)

    def end(self, stage: str) -> None:
        """Leave the bar as it is."""
        self._bars.stop_task(self._tasks[stage])
