"""Files appear whole or not at all, and what goes wrong is said in a sentence."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from memory_cube import names_in

from tessellar.errors import OutputError
from tessellar.io import publish
from tessellar.io.draft import Draft
from tessellar.io.publish import atomic_file, atomic_files, check_target, output_errors, sweep, write_text


def test_a_file_is_written_and_replaced(tmp_path):
    write_text(tmp_path / "a.txt", "one")
    write_text(tmp_path / "a.txt", "two")
    assert (tmp_path / "a.txt").read_text() == "two"
    assert names_in(tmp_path) == ["a.txt"]


def write_twice(path: Path) -> None:
    path.write_text("new")
    path.touch(exist_ok=False)


def test_a_failed_write_leaves_the_old_file_and_no_leftover(tmp_path):
    write_text(tmp_path / "a.txt", "old")
    with pytest.raises(OutputError), atomic_file(tmp_path / "a.txt") as temporary:
        write_twice(temporary)
    assert (tmp_path / "a.txt").read_text() == "old"
    assert names_in(tmp_path) == ["a.txt"]


def test_the_content_is_on_the_disk_before_the_name(tmp_path, monkeypatch):
    order = []
    flush, rename = publish.flush, Path.replace
    monkeypatch.setattr(publish, "flush", lambda path: (order.append(("flush", path.suffix)), flush(path)))
    monkeypatch.setattr(Path, "replace", lambda a, b: (order.append(("rename", b.suffix)), rename(a, b))[1])
    write_text(tmp_path / "a.txt", "x")
    assert order == [("flush", ".txt"), ("rename", ".txt"), ("flush", tmp_path.suffix)]
    order.clear()
    publish.write_bytes(tmp_path / "b.txt", b"cheap to do again", durable=False)
    assert order == [("rename", ".txt")]
    assert (tmp_path / "b.txt").read_bytes() == b"cheap to do again"


def test_files_that_appear_together_are_on_the_disk_before_the_first_name(tmp_path, monkeypatch):
    order = []
    flush, rename = publish.flush, Path.replace
    monkeypatch.setattr(publish, "flush", lambda path: (order.append(("flush", path.suffix)), flush(path)))
    monkeypatch.setattr(Path, "replace", lambda a, b: (order.append(("rename", b.suffix)), rename(a, b))[1])
    with atomic_files(tmp_path) as draft_of:
        draft_of("a.txt").write_text("a")
        draft_of("b.fits").write_text("b")
    assert order[:2] == [("flush", ".txt"), ("flush", ".fits")]
    assert sorted(order[2:4]) == [("rename", ".fits"), ("rename", ".txt")]
    assert order[4:] == [("flush", tmp_path.suffix)]
    assert [(tmp_path / name).read_text() for name in names_in(tmp_path)] == ["a", "b"]


def write_twice_the_second_of(first: Path, second: Path) -> None:
    first.write_text("new")
    write_twice(second)


def test_files_that_appear_together_stay_as_they_were_when_one_fails(tmp_path):
    write_text(tmp_path / "a.txt", "old")
    with pytest.raises(OutputError), atomic_files(tmp_path) as draft_of:
        write_twice_the_second_of(draft_of("a.txt"), draft_of("b.txt"))
    assert (tmp_path / "a.txt").read_text() == "old"
    assert names_in(tmp_path) == ["a.txt"]


def test_a_sweep_takes_leftovers_of_this_target_only(tmp_path):
    kept = [".a.txt", ".a.0123456789ab.tmp.fits", ".b.0123456789ab.tmp.txt", "a.txt", ".a.xyz.tmp.txt"]
    for name in [*kept, ".a.0123456789ab.tmp.txt"]:
        (tmp_path / name).touch()
    sweep(tmp_path / "a.txt")
    assert names_in(tmp_path) == sorted(kept)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "no space is left"),
        (RuntimeError("cannot store: No space left on device (os error 28)"), "no space is left"),
        (OSError(errno.EMFILE, "Too many open files"), "ulimit -n"),
        (OSError(errno.EROFS, "Read-only file system"), "where you may write"),
        (OSError(errno.ENOENT, "No such file or directory"), "folder is missing"),
        (OSError(errno.EIO, "Input/output error"), "Input/output error"),
    ],
)
def test_what_goes_wrong_is_one_sentence_about_the_output(error, words):
    with pytest.raises(OutputError, match=words) as caught, output_errors(Path("two\nlines.fits")):
        raise error
    assert "\n" not in str(caught.value)


def test_a_programming_error_is_not_dressed_up():
    with pytest.raises(RuntimeError, match="bug"), output_errors(Path("x")):
        raise RuntimeError("bug")


def test_targets_that_cannot_be_written_are_refused(tmp_path, monkeypatch):
    file, folder, store = tmp_path / "file", tmp_path / "folder", tmp_path / "store"
    file.touch()
    folder.mkdir()
    store.mkdir()
    (store / "zarr.json").touch()
    check_target(tmp_path / "new", overwrite=False)
    check_target(file, overwrite=True)
    check_target(store, overwrite=True, folder=True)
    refusals = [
        (tmp_path / "no" / "new", False, False, "does not exist"),
        (file / "new", False, False, "is a file, not a folder"),
        (file, False, False, "exists already"),
        (file, True, True, "is a file; the output is a folder"),
        (folder, True, False, "is a folder; the output is a file"),
        (store, False, True, "exists already"),
        (folder, True, True, "no Zarr store"),
    ]
    for path, overwrite, as_folder, words in refusals:
        with pytest.raises(OutputError, match=words):
            check_target(path, overwrite=overwrite, folder=as_folder)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(OutputError, match="no permission"):
        check_target(tmp_path / "new", overwrite=False)


def filled(draft: Draft, content: str = "payload", fingerprint: str = "f") -> None:
    draft.claim()
    if not draft.open(fingerprint):
        draft.payload.write_text(content)
        draft.seal(fingerprint)


def test_a_draft_goes_on_and_is_published(tmp_path):
    draft = Draft(tmp_path / "out")
    filled(draft)
    (draft.scratch / "left by a killed writer").touch()
    draft.workspace.mkdir()
    draft.tidy()
    assert names_in(tmp_path) == [".out.partial"]
    again = Draft(tmp_path / "out")
    assert again.resumable("f")
    filled(again, "anew")
    assert names_in(again.scratch) == []
    assert again.workspace.is_dir()
    again.publish()
    again.tidy()
    assert names_in(tmp_path) == ["out"]
    assert (tmp_path / "out").read_text() == "payload"


@pytest.mark.parametrize("change", ["fingerprint", "unsealed", "no payload", "fresh"])
def test_a_draft_of_something_else_starts_again(tmp_path, change):
    filled(Draft(tmp_path / "out"))
    if change == "unsealed":
        (tmp_path / ".out.partial" / "settings").unlink()
    if change == "no payload":
        (tmp_path / ".out.partial" / "out").unlink()
    draft, asked = Draft(tmp_path / "out"), "other" if change == "fingerprint" else "f"
    assert draft.resumable(asked) == (change == "fresh")
    assert not draft.open(asked, fresh=change == "fresh")
    assert not draft.payload.exists()


def test_the_workspace_outlives_what_starts_again(tmp_path):
    draft = Draft(tmp_path / "out")
    filled(draft)
    draft.workspace.mkdir()
    (draft.workspace / "lock").touch()
    assert not draft.open("other")
    assert names_in(draft.workspace) == ["lock"]


def test_a_hidden_folder_of_somebody_else_is_left_alone(tmp_path):
    (tmp_path / ".out.partial").mkdir()
    (tmp_path / ".out.partial" / "precious").touch()
    for refused in (Draft(tmp_path / "out").claim, lambda: Draft(tmp_path / "out").open("f")):
        with pytest.raises(OutputError, match="not ours"):
            refused()
    assert names_in(tmp_path / ".out.partial") == ["precious"]


def test_a_draft_that_was_claimed_in_vain_leaves_nothing(tmp_path):
    draft = Draft(tmp_path / "out")
    draft.claim()
    draft.claim()
    draft.workspace.mkdir()
    assert names_in(tmp_path) == [".out.partial"]
    draft.tidy()
    assert names_in(tmp_path) == []


def a_store(path: Path, content: str) -> None:
    path.mkdir()
    (path / "zarr.json").write_text(content)


def drafted_over_an_old_one(out: Path) -> Draft:
    """Return the sealed draft of a new store beside an old one."""
    a_store(out, "old")
    draft = Draft(out, folder_result=True, overwrite=True)
    draft.claim()
    assert not draft.open("f")
    a_store(draft.payload, "new")
    draft.seal("f")
    return draft


def test_an_existing_folder_is_replaced_whole(tmp_path):
    out = tmp_path / "out"
    draft = drafted_over_an_old_one(out)
    assert (out / "zarr.json").read_text() == "old"
    draft.publish()
    draft.tidy()
    assert (out / "zarr.json").read_text() == "new"
    assert names_in(tmp_path) == ["out"]


@pytest.mark.parametrize(("asked", "goes_on"), [("f", True), ("g", False)])
def test_a_run_killed_between_the_renames_of_publish_loses_nothing(tmp_path, asked, goes_on):
    out = tmp_path / "out"
    draft = drafted_over_an_old_one(out)
    out.rename(draft.folder / "replaced")
    other = Draft(out, folder_result=True, overwrite=True)
    other.claim()
    assert other.open(asked) == goes_on
    assert (out / "zarr.json").read_text() == "old"
    assert "replaced" not in names_in(draft.folder)


@pytest.mark.parametrize("left", ["replaced", "run", "scratch"])
def test_a_run_killed_after_publishing_is_tidied_up(tmp_path, left):
    draft = Draft(tmp_path / "out")
    filled(draft)
    (draft.folder / left).mkdir(exist_ok=True)
    draft.payload.rename(tmp_path / "out")
    with pytest.raises(OutputError, match="exists already"):
        Draft(tmp_path / "out").claim()
    assert names_in(tmp_path) == ["out"]
