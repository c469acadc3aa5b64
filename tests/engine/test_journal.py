from __future__ import annotations

import sqlite3
from dataclasses import replace

import numpy as np
import pytest
from scripted import ScriptedStage

from tessellar.engine.journal import Journal
from tessellar.engine.journal_file import discard_journal
from tessellar.engine.lease import Lease
from tessellar.engine.reports import Fault, LeaseReport
from tessellar.errors import NonDeterministicError, OutputError, UsageError


def report(
    first: int, stop: int, *, failed: tuple[int, ...] = (), add: int = 0, name: str = "scripted"
) -> LeaseReport:
    hashes = np.array([u + add for u in range(first, stop) if u not in failed], "<u8").tobytes()
    return LeaseReport(
        Lease(name, first, stop),
        stop,
        done=stop - first - len(failed),
        failed=tuple(Fault("", "reason", unit) for unit in failed),
        file=f"{first}-{stop}.part",
        digest=f"digest {first}",
        hashes=hashes,
    )


def test_what_is_recorded_is_there_after_reopening(tmp_path, calls):
    stage = ScriptedStage(calls)
    with Journal(tmp_path) as journal:
        assert journal.begin(stage) == []
        journal.record(report(8, 12))
        journal.record(report(0, 8, failed=(3, 5)))
    with Journal(tmp_path) as journal:
        records = journal.begin(stage)
    assert [(r.first, r.stop, r.missing, r.file, r.digest) for r in records] == [
        (0, 8, (3, 5), "0-8.part", "digest 0"),
        (8, 12, (), "8-12.part", "digest 8"),
    ]


def test_another_fingerprint_names_both_values_and_the_remedy(tmp_path, calls):
    with Journal(tmp_path, {"threshold": 5.0, "cube": "a.fits", "workers": 2}) as journal:
        journal.begin(ScriptedStage(calls))
    with (
        Journal(tmp_path, {"threshold": 4.5, "cube": "a.fits", "workers": 8}) as journal,
        pytest.raises(UsageError) as caught,
    ):
        journal.begin(ScriptedStage(calls, fingerprint="two", n_units=30))
    message = str(caught.value)
    assert "threshold was 5.0, now 4.5; scripted had 20 pieces, now 30" in message
    assert "--fresh" in message
    assert "a.fits" not in message
    assert "workers" not in message


def test_a_changed_input_is_an_error_though_no_setting_differs(tmp_path, calls):
    with Journal(tmp_path, {"threshold": 5}) as journal:
        journal.begin(ScriptedStage(calls))
        with pytest.raises(UsageError, match=r"the input or the program .*--fresh"):
            journal.begin(ScriptedStage(calls, fingerprint="two"))


def test_new_results_of_a_stage_let_later_stages_begin_anew(tmp_path, calls):
    first, later = ScriptedStage(calls), ScriptedStage(calls, name="later")
    with Journal(tmp_path, {"threshold": 5}) as journal:
        journal.begin(first)
        journal.record(report(0, 8, failed=(3,)))
        journal.begin(later)
        journal.record(report(0, 20, name="later"))
    with Journal(tmp_path, {"threshold": 5}) as journal:
        journal.begin(first)
        journal.record(report(3, 4))
    changed = replace(later, fingerprint="made from more", n_units=25)
    with (
        Journal(tmp_path, {"threshold": 4}) as journal,
        pytest.raises(UsageError, match="threshold was 5, now 4"),
    ):
        journal.begin(changed)
    with Journal(tmp_path, {"threshold": 5}) as journal:
        assert journal.begin(changed) == []
        assert len(journal.begin(first)) == 2
        journal.record(report(0, 25, add=1, name="later"))
        with pytest.raises(UsageError):
            journal.begin(later)


@pytest.mark.parametrize("lost", [False, True])
def test_a_unit_with_two_results_is_an_error(tmp_path, calls, lost):
    stage = ScriptedStage(calls)
    with Journal(tmp_path) as journal:
        journal.begin(stage)
        journal.record(report(0, 8, failed=(2,)))
        (record,) = journal.begin(stage)
        if lost:
            journal.mark_lost(record)
            assert journal.begin(stage) == []
        journal.record(report(2, 3, add=1))  # failed before, so there is nothing to compare
        journal.record(report(4, 6))
        with pytest.raises(NonDeterministicError, match="Piece 7 of scripted gave two different results"):
            journal.record(report(7, 9, add=1))


@pytest.mark.parametrize(("seconds", "waits"), [(0.5, 1), (2.0, 2)])  # SQLite's NORMAL and FULL
def test_only_a_long_lease_waits_for_the_disk(tmp_path, calls, seconds, waits):
    with Journal(tmp_path) as journal:
        journal.begin(ScriptedStage(calls))
        journal.record(replace(report(0, 3), seconds=seconds))
        assert journal._database.execute("PRAGMA synchronous").fetchone() == (waits,)
        assert journal._database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert not list(tmp_path.glob("journal.sqlite-*"))


def test_a_damaged_journal_is_one_sentence_and_can_be_discarded(tmp_path, calls):
    with Journal(tmp_path) as journal:
        journal.begin(ScriptedStage(calls))
    path = tmp_path / "journal.sqlite"
    whole = path.read_bytes()
    for content in (
        b"this is a text, no journal" * 100,
        whole[: len(whole) // 2],
        whole[:100] + bytes(len(whole) - 100),
    ):
        path.write_bytes(content)
        with pytest.raises(UsageError, match=r"journal\.sqlite is damaged .*--fresh"):
            Journal(tmp_path)
    discard_journal(tmp_path)
    with Journal(tmp_path) as journal:
        assert journal.begin(ScriptedStage(calls, fingerprint="two")) == []


def test_a_journal_of_another_version_is_refused(tmp_path):
    with sqlite3.connect(tmp_path / "journal.sqlite") as database:
        database.execute("PRAGMA user_version = 7")
    database.close()
    with pytest.raises(UsageError, match="layout 7, needed 2"):
        Journal(tmp_path)


def test_two_drivers_cannot_share_a_run_folder(tmp_path):
    with Journal(tmp_path), pytest.raises(UsageError, match="Another run writes"):
        Journal(tmp_path)


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        Journal(tmp_path / "file" / "run")
    (tmp_path / "run" / "journal.sqlite").mkdir(parents=True)
    with pytest.raises(OutputError, match="cannot be written"):
        Journal(tmp_path / "run")


def test_a_lease_without_a_sound_unit_is_no_record(tmp_path, calls):
    stage = ScriptedStage(calls, 10)
    with Journal(tmp_path) as journal:
        journal.begin(stage)
        journal.record(report(2, 4))
        (record,) = journal.begin(stage)
        journal.mark_damaged(record, [3])
        (record,) = journal.begin(stage)
        assert (record.first, record.stop, record.missing) == (2, 4, (3,))
        journal.mark_damaged(record, [2])
        assert journal.begin(stage) == []  # a file of which nothing counts would be looked after for nothing
