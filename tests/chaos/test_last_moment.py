"""A signal that comes when the last unit of a stage is done already stops the run all the same."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from scripted import ScriptedStage

from tessellar.engine.executors import make_executor
from tessellar.engine.journal import Journal
from tessellar.engine.observers import Silent
from tessellar.engine.partials import PartialStore
from tessellar.engine.run import StageReport, run_stage
from tessellar.errors import StoppedError
from tessellar.model import Observer, Progress

N_UNITS = 9


class Late(Silent):
    """An observer that signals when all is done."""

    def __init__(self, number: signal.Signals) -> None:
        self._number = number

    def progress(self, event: Progress) -> None:
        if event.done == event.total:
            signal.raise_signal(self._number)


def run(folder: Path, observer: Observer | None = None) -> StageReport:
    with make_executor("serial") as executor, Journal(folder) as journal:
        stage, partials = ScriptedStage(folder / "calls", N_UNITS), PartialStore(folder / "partials")
        return run_stage(stage, executor=executor, partials=partials, journal=journal, observer=observer)


@pytest.mark.parametrize(
    ("number", "error"), [(signal.SIGTERM, StoppedError), (signal.SIGINT, KeyboardInterrupt)]
)
def test_it_is_heard(tmp_path: Path, number: signal.Signals, error: type[BaseException]) -> None:
    (tmp_path / "calls").mkdir()
    with pytest.raises(error, match="repeat the command to resume"):
        run(tmp_path, Late(number))
    report = run(tmp_path)
    assert (report.done, report.resumed) == (N_UNITS, N_UNITS)
