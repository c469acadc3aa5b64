"""The demo: what it shows, twice the same, and in a folder of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_calls import call, catalogues_in, complaint


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    folder = tmp_path_factory.mktemp("place") / "demo"
    result = call("demo", "--out", folder)
    assert result.exit_code == 0, result.output
    return folder, result.stdout.splitlines()


def test_it_tells_its_story_in_few_lines(shown: tuple[Path, list[str]]) -> None:
    _, lines = shown
    assert len(lines) <= 15
    steps = [line.split()[0] for line in lines if line and not line.startswith(" ")]
    assert steps == ["simulate", "convert", "plan", "find", "check", "match", "report", "Next,"]
    assert any("12 tiles" in line for line in lines)
    assert any("the same catalogue, byte for byte" in line for line in lines)
    assert any("tessellar find CUBE" in line for line in lines)


def test_three_runs_give_one_catalogue(shown: tuple[Path, list[str]]) -> None:
    folder, _ = shown
    runs = [folder, folder / "check" / "one-tile", folder / "check" / "fits"]
    assert [json.loads((run / "run.json").read_text())["n_tiles"] for run in runs] == [12, 1, 12]
    first, *others = (catalogues_in(run) for run in runs)
    assert len(first) == 3
    assert all(other == first for other in others)


def test_the_report_knows_the_truth(shown: tuple[Path, list[str]]) -> None:
    folder, _ = shown
    match = json.loads((folder / "run.json").read_text())["match"]
    assert match["n_reference"] == 40
    assert match["completeness"] > 0.4
    assert match["reliability"] > 0.8
    assert match["by_snr"][-1]["completeness"] > 0.8
    assert "Against the truth" in (folder / "report.html").read_text()


def test_it_is_small(shown: tuple[Path, list[str]]) -> None:
    folder, _ = shown
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 500e6


def test_it_can_be_repeated_in_silence_and_gives_the_same(shown: tuple[Path, list[str]]) -> None:
    folder, _ = shown
    before = catalogues_in(folder)
    done = call("demo", "--out", folder, "--quiet")
    assert (done.exit_code, done.output) == (0, "")
    assert catalogues_in(folder) == before


def test_a_broken_promise_is_said_and_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tessellar.cli.demo_steps import Demo

    for name in ("prepare", "simulate", "convert", "plan", "find"):
        monkeypatch.setattr(Demo, name, lambda self: ("", None))
    monkeypatch.setattr(Demo, "check", lambda self: ("the catalogues differ", "The promise is broken."))
    assert "promise" in complaint(call("demo", "--out", tmp_path / "demo"), 1)


def test_a_run_folder_is_not_taken_for_a_demo(cube: Path, tmp_path: Path) -> None:
    assert call("find", "--no-report", cube, "--out", tmp_path / "run", "-q").exit_code == 0
    before = catalogues_in(tmp_path / "run")
    complaint(call("demo", "--out", tmp_path / "run"), 2)
    assert catalogues_in(tmp_path / "run") == before
