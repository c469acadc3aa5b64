"""A damaged journal: the run goes on rightly, or one sentence asks for a start afresh; never a wrong result."""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random

import pytest
from damage import flip, scribble
from scripted import ScriptedStage, same

from tessellar.engine.executors.serial import SerialExecutor
from tessellar.engine.find.folder import take_journal
from tessellar.engine.journal import Journal
from tessellar.engine.observers import Silent
from tessellar.engine.partials import PartialStore
from tessellar.engine.run import run_stage
from tessellar.errors import UsageError
from tessellar.model import Observer, Progress

N_UNITS, N_DONE = 60, 45
PAGE = 4096


class Impatient(Silent):
    """An observer that stops the run after some units."""

    def progress(self, event: Progress) -> None:
        if event.done >= N_DONE:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that was interrupted, with one lease for each unit."""
    folder = tmp_path_factory.mktemp("journal") / "run"
    (folder / "calls").mkdir(parents=True)
    with pytest.raises(KeyboardInterrupt), Journal(folder) as journal:
        do(folder, journal, Impatient())
    return folder


def do(folder: Path, journal: Journal, observer: Observer | None = None) -> str:
    """Run the stage to its end and return ``right`` if all results are."""
    partials = PartialStore(folder / "partials")
    stage = ScriptedStage(folder / "calls", N_UNITS)
    run_stage(
        stage,
        executor=SerialExecutor(),
        partials=partials,
        journal=journal,
        observer=observer,
        target_seconds=0.0,
    )
    rows = list(partials.units(stage))
    assert [unit for unit, _ in rows] == list(range(N_UNITS))
    assert all(same(payload, unit) for unit, payload in rows)
    return "right"


def after(change: Callable[[Path], object], interrupted: Path, tmp_path: Path) -> str:
    """Damage a copy of the journal and repeat the command; if it is refused, start afresh."""
    folder = tmp_path / "copy"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(interrupted, folder)
    change(folder / "journal.sqlite")
    try:
        with Journal(folder) as journal:
            return do(folder, journal)
    except UsageError as error:
        advice = str(error)
    assert "Use --fresh to start over" in advice
    with take_journal(folder, {}, fresh=True) as journal:
        do(folder, journal)
    return "refused"


def statement(text: str) -> Callable[[Path], None]:
    """Return what changes a journal as no program of ours would."""

    def change(path: Path) -> None:
        with sqlite3.connect(path) as database:
            database.execute("PRAGMA ignore_check_constraints = 1")
            database.execute(text)
        database.close()

    return change


def test_truncated_anywhere(interrupted: Path, tmp_path: Path) -> None:
    size = (interrupted / "journal.sqlite").stat().st_size
    results = {
        length: after(partial(truncate_to, length), interrupted, tmp_path)
        for length in sorted({1, *range(511, size, PAGE // 2), *range(PAGE, size, PAGE), size - 1})
    }
    assert all(results[length] == "refused" for length in results if 1 < length < size - PAGE)
    assert len(results) > 15


def truncate_to(length: int, path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(length)


@pytest.mark.parametrize("leftover", [b"", b"garbage" * 1000])
def test_an_empty_or_lost_journal_knows_nothing(leftover: bytes, interrupted: Path, tmp_path: Path) -> None:
    def lose(path: Path) -> None:
        path.write_bytes(b"")
        for log in ("wal", "journal"):
            path.with_name(f"{path.name}-{log}").write_bytes(leftover)

    assert after(lose, interrupted, tmp_path) == "right"
    assert after(Path.unlink, interrupted, tmp_path) == "right"


@pytest.mark.parametrize("log", ["wal", "journal"])
def test_a_log_that_is_garbage_does_no_harm(log: str, interrupted: Path, tmp_path: Path) -> None:
    def litter(path: Path) -> None:
        path.with_name(f"{path.name}-{log}").write_bytes(b"garbage" * 1000)

    assert after(litter, interrupted, tmp_path) == "right"


def test_scribbled_on(interrupted: Path, tmp_path: Path) -> None:
    assert after(lambda path: scribble(path, Random(3)), interrupted, tmp_path) == "refused"


def test_one_bit_changed_anywhere(interrupted: Path, tmp_path: Path) -> None:
    rng = Random(11)
    results = Counter(after(lambda path: flip(path, rng), interrupted, tmp_path) for _ in range(40))
    assert results["right"] + results["refused"] == 40
    assert results["refused"]


@pytest.mark.parametrize(
    "text",
    [
        f"UPDATE leases SET stop = stop + 3 WHERE first = {N_DONE - 1}",
        "UPDATE leases SET stop = 1 << 60 WHERE first = 7",
        "UPDATE leases SET first = 3 WHERE first = 7",
        "UPDATE leases SET missing = '[' WHERE first = 7",
        "UPDATE leases SET file = x'00ff' WHERE first = 7",
        "UPDATE leases SET digest = CAST(x'ff' AS TEXT) WHERE first = 7",
        "ALTER TABLE leases RENAME COLUMN missing TO massing",
        "UPDATE stages SET fingerprint = 'other'",
    ],
)
def test_a_row_that_claims_what_is_not_so(text: str, interrupted: Path, tmp_path: Path) -> None:
    assert after(statement(text), interrupted, tmp_path) == "refused"


@pytest.mark.parametrize(
    "text",
    [
        "UPDATE leases SET file = 'other.part' WHERE first = 7",
        "UPDATE leases SET digest = 'other' WHERE first = 7",
        "DELETE FROM leases WHERE first > 7",
    ],
)
def test_a_row_whose_file_is_not_there_is_done_again(text: str, interrupted: Path, tmp_path: Path) -> None:
    assert after(statement(text), interrupted, tmp_path) == "right"
