"""The example of the challenge: one command leads from nothing to a scored submission and a report."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner

from tessellar.cli.find import command as find
from tessellar.cli.program import program

EXAMPLE = Path(__file__).parents[2] / "examples" / "sdc2" / "field_to_score.py"


@pytest.fixture
def example() -> ModuleType:
    found = importlib.util.spec_from_file_location("field_to_score", EXAMPLE)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_it_goes_from_nothing_to_a_score(
    example: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its commands run in this process, which saves their starts."""
    typed = []

    def tessellar(*words: str) -> int:
        typed.append(words)
        return CliRunner().invoke(program, words).exit_code

    monkeypatch.setattr(example, "_tessellar", tessellar)
    out = tmp_path / "out"
    assert example.main(["--small", "--out", str(out)]) == 0
    verbs = ["simulate", "find", "export", "export", "find", "export", "score", "score", "score"]
    assert [words[0] for words in typed] == verbs
    score = json.loads((out / "score.json").read_text())
    assert score["n_match"] >= 1
    assert score["n_submitted"] == len((out / "submission.txt").read_text().splitlines()) - 1
    assert (out / "run_second_look" / "report.html").stat().st_size > 10_000
    assert (out / "submission_without_second_look.txt").is_file()


def test_without_the_second_look_there_is_one_search(
    example: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed: list[tuple[str, ...]] = []
    monkeypatch.setattr(example, "_tessellar", lambda *words: bool(typed.append(words)))
    monkeypatch.setattr(example.importlib.util, "find_spec", lambda name: None)
    assert example.main(["--small", "--out", str(tmp_path / "out")]) == 2
    assert not typed
    assert example.main(["--small", "--no-second-look", "--out", str(tmp_path / "out")]) == 0
    assert [words[0] for words in typed] == ["simulate", "find", "export", "export", "score", "score"]
    assert "--second-look" not in str(typed)


def test_the_options_of_the_large_field_are_those_of_the_program(example: ModuleType) -> None:
    words = ["cube.fits", "--out", "run", *example.FINDING]
    assert find.make_context("find", words).params["threshold"] == 4.0


def test_a_step_that_fails_ends_it_with_its_exit_code(tmp_path: Path) -> None:
    words = [sys.executable, EXAMPLE, "--out", tmp_path / "out", "--shape", "4,8"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "--shape" in done.stderr
    assert done.stdout.count("$ tessellar ") == 1
