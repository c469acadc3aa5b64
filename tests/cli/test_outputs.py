"""Outputs that cannot be written: refused before anything is lost, with exit code 2 and one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_calls import call, catalogues_in, complaint

from tessellar.engine.journal import Journal
from tessellar.io.open import open_source
from tessellar.io.sinks import open_sink

USAGE = 2


def a_file(folder: Path) -> Path:
    path = folder / "taken"
    path.write_text("not a run")
    return path


def below_a_file(folder: Path) -> Path:
    return a_file(folder) / "run"


def in_proc(folder: Path) -> Path:
    del folder
    return Path("/proc/tessellar/run")


def foreign_folder(folder: Path) -> Path:
    path = folder / "thesis"
    path.mkdir()
    (path / "chapter1.tex").write_text("precious")
    return path


def dangling_link(folder: Path) -> Path:
    path = folder / "link"
    path.symlink_to(folder / "nowhere" / "at" / "all")
    return path


@pytest.mark.parametrize("make", [a_file, below_a_file, in_proc, foreign_folder, dangling_link])
@pytest.mark.parametrize("command", ["find", "demo"])
def test_a_folder_that_cannot_be_the_output_is_refused(
    make: object, command: str, cube: Path, empty_folder: Path
) -> None:
    assert callable(make)
    out = make(empty_folder)
    before = sorted(empty_folder.rglob("*"))
    words = (command, cube, "--out", out) if command == "find" else (command, "--out", out)
    assert str(out.name) in complaint(call(*words), USAGE)
    assert sorted(empty_folder.rglob("*")) == before


@pytest.mark.parametrize("suffix", [".fits", ".zarr"])
def test_convert_and_simulate_do_not_replace_what_exists(suffix: str, cube: Path, empty_folder: Path) -> None:
    out = empty_folder / f"out{suffix}"
    assert call("convert", cube, out, "-q").exit_code == 0
    for words in (("convert", cube, out), ("simulate", "hi", out, "--shape", "4,8,8")):
        assert "exists" in complaint(call(*words), USAGE)
        assert not (empty_folder / "out.truth.ecsv").exists()
    assert call("convert", cube, out, "--overwrite", "-q").exit_code == 0
    assert call("simulate", "hi", out, "--shape", "4,8,8", "--overwrite", "-q").exit_code == 0
    assert (empty_folder / "out.truth.ecsv").exists()


@pytest.mark.parametrize(
    ("out", "word"),
    [
        ("out.txt", "out.txt"),
        ("no/folder/out.fits", "folder"),
        ("/proc/out.zarr", "out.zarr"),
        ("taken/out.fits", "taken"),
    ],
)
def test_convert_and_simulate_refuse_an_output_that_cannot_be(
    out: str, word: str, cube: Path, empty_folder: Path
) -> None:
    a_file(empty_folder)
    assert word in complaint(call("convert", cube, out), USAGE)
    assert word in complaint(call("simulate", "hi", out, "--shape", "4,8,8"), USAGE)


def test_tiles_of_a_copy_must_fit_its_format(cube: Path, empty_folder: Path) -> None:
    del empty_folder
    assert "Zarr" in complaint(call("convert", cube, "out.fits", "--tile", "16,32,32"), USAGE)
    assert "16,32,32" in complaint(call("convert", cube, "out.zarr", "--tile", "20,32,32"), USAGE)
    assert "MiB" in complaint(call("convert", cube, "out.zarr", "--memory", "1kB"), USAGE)
    assert not list(Path().iterdir())


def test_a_run_that_does_not_fit_the_memory_is_refused_with_three_numbers(
    cube: Path, empty_folder: Path
) -> None:
    del empty_folder
    for words in (("plan", cube), ("find", cube, "--out", "run")):
        sentence = complaint(call(*words, "--memory", "200MiB"), USAGE)
        assert sentence.count("MiB") >= 2
        assert "--memory" in sentence
    assert not Path("run").exists()


def test_other_settings_do_not_destroy_a_finished_run(cube: Path, empty_folder: Path) -> None:
    del empty_folder
    assert call("find", "--no-report", cube, "--out", "run", "-q").exit_code == 0
    before = {path: path.read_bytes() for path in Path("run").iterdir() if path.is_file()}
    sentence = complaint(call("find", "--no-report", cube, "--out", "run", "--threshold", "4"), USAGE)
    assert "threshold was 5.0, now 4.0" in sentence
    assert "--fresh" in sentence
    assert {path: path.read_bytes() for path in Path("run").iterdir() if path.is_file()} == before
    assert (
        call("find", "--no-report", cube, "--out", "run", "--threshold", "4", "--fresh", "-q").exit_code == 0
    )
    assert catalogues_in(Path("run")) != {path.name: content for path, content in before.items()}


def test_a_finished_run_may_be_repeated(cube: Path, empty_folder: Path) -> None:
    del empty_folder
    assert call("find", "--no-report", cube, "--out", "run", "-q").exit_code == 0
    first = catalogues_in(Path("run"))
    again = call("find", "--no-report", cube, "--out", "run", "--executor", "serial")
    assert again.exit_code == 0
    assert "done already" in again.stderr
    assert catalogues_in(Path("run")) == first


@pytest.mark.parametrize("name", ["no.ecsv", "taken", "."])
def test_a_catalogue_that_is_none_is_bad_input(name: str, empty_folder: Path) -> None:
    a_file(empty_folder)
    complaint(call("match", name, name), 3)
    complaint(call("report", name), 3)


def test_an_output_that_another_run_writes_is_refused_and_left_alone(cube: Path, empty_folder: Path) -> None:
    for out in (empty_folder / "out.fits", empty_folder / "out.zarr"):
        sink = open_sink(out, open_source(cube).meta)
        sink.claim()
        with Journal(sink.workspace):
            before = sorted(empty_folder.rglob("*"))
            for words in (("convert", cube, out), ("simulate", "hi", out, "--shape", "4,8,8")):
                for more in ((), ("--fresh",)):
                    assert f"Another run writes {out}" in complaint(call(*words, *more), USAGE)
            assert sorted(empty_folder.rglob("*")) == before
        assert call("convert", cube, out, "-q").exit_code == 0
    assert sorted(path.name for path in empty_folder.iterdir()) == ["out.fits", "out.zarr"]


def test_a_shard_that_was_harmed_after_publishing_is_found_by_its_digest(
    cube: Path, empty_folder: Path
) -> None:
    out = empty_folder / "out.zarr"
    assert call("convert", cube, out, "-q").exit_code == 0
    sound = call("info", out, "--verify")
    assert sound.exit_code == 0
    assert "All 1 shards of voxels are what was written" in sound.stdout
    shard = out / "SKY/c/0/0/0/0/0"
    shard.write_bytes(shard.read_bytes()[:-1])
    sentence = complaint(call("info", out, "--verify"), 3)
    assert f"1 of 1 pieces are damaged, the first of them: {shard}" in sentence
    assert f"{shard} cannot be read" in complaint(call("convert", out, empty_folder / "back.fits"), 3)
    assert "there are no digests" in call("info", cube, "--verify").stdout
