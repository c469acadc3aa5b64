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
from tessellar.io.publish import atomic_file, check_target, output_errors, sweep, write_text


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


def filled(draft: Draft, pieces: range, fingerprint: str = "f") -> None:
    if not draft.open(fingerprint):
        draft.payload.write_text("payload")
        draft.seal(fingerprint)
    for index in pieces:
        draft.mark(index)


def test_a_draft_remembers_what_is_done_and_publishes_when_whole(tmp_path):
    draft = Draft(tmp_path / "out", 5)
    filled(draft, range(3))
    assert draft.done().tolist() == [True] * 3 + [False] * 2
    assert draft.is_done(2)
    assert not draft.is_done(3)
    with pytest.raises(OutputError, match="2 of 5 pieces are missing"):
        draft.publish()
    again = Draft(tmp_path / "out", 5)
    filled(again, range(3, 5))
    again.publish()
    assert names_in(tmp_path) == ["out"]
    assert (tmp_path / "out").read_text() == "payload"


@pytest.mark.parametrize("change", ["fingerprint", "pieces", "unsealed", "no payload"])
def test_a_draft_of_something_else_starts_again(tmp_path, change):
    filled(Draft(tmp_path / "out", 5), range(5))
    if change == "unsealed":
        (tmp_path / ".out.partial" / "settings").unlink()
    if change == "no payload":
        (tmp_path / ".out.partial" / "out").unlink()
    draft = Draft(tmp_path / "out", 6 if change == "pieces" else 5)
    assert not draft.open("other" if change == "fingerprint" else "f")
    assert not draft.done().any()
    assert not draft.payload.exists()


def test_a_hidden_folder_of_somebody_else_is_left_alone(tmp_path):
    (tmp_path / ".out.partial").mkdir()
    (tmp_path / ".out.partial" / "precious").touch()
    with pytest.raises(OutputError, match="not ours"):
        Draft(tmp_path / "out", 5).open("f")
    assert (tmp_path / ".out.partial" / "precious").exists()


def test_an_incomplete_draft_is_published_only_when_asked(tmp_path):
    draft = Draft(tmp_path / "out", 5)
    filled(draft, range(3))
    draft.publish(incomplete=True)
    assert names_in(tmp_path) == ["out"]


def test_an_existing_folder_is_replaced_whole(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "zarr.json").write_text("old")
    draft = Draft(out, 1, folder_result=True, overwrite=True)
    assert not draft.open("f")
    draft.payload.mkdir()
    (draft.payload / "zarr.json").write_text("new")
    draft.seal("f")
    draft.mark(0)
    assert (out / "zarr.json").read_text() == "old"
    draft.publish()
    assert (out / "zarr.json").read_text() == "new"
    assert names_in(tmp_path) == ["out"]


def test_a_run_killed_between_the_renames_of_publish_loses_nothing(tmp_path):
    out = tmp_path / "out"
    draft = Draft(out, 1, folder_result=True, overwrite=True)
    assert not draft.open("f")
    draft.payload.mkdir()
    (draft.payload / "zarr.json").write_text("new")
    draft.seal("f")
    draft.mark(0)
    replaced = draft.folder / "replaced"
    replaced.mkdir()
    (replaced / "zarr.json").write_text("old")
    other = Draft(out, 2, folder_result=True, overwrite=True)
    assert not other.open("g")
    assert (out / "zarr.json").read_text() == "old"


def test_a_run_killed_after_publishing_is_tidied_up(tmp_path):
    draft = Draft(tmp_path / "out", 1)
    filled(draft, range(1))
    draft.payload.rename(tmp_path / "out")
    with pytest.raises(OutputError, match="exists already"):
        Draft(tmp_path / "out", 1).open("f")
    assert names_in(tmp_path) == ["out"]
