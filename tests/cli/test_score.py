"""``tessellar score``: a submission is scored, and what is none is refused in a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_calls import call, complaint

HEAD = "id ra dec hi_size line_flux_integral central_freq pa i w20\n"
ONE = "1 180.1 -30.1 9.0 40.0 1.1e9 20.0 60.0 200.0\n"
TWO = "2 179.9 -30.2 9.0 40.0 1.0e9 20.0 60.0 200.0\n"


def test_a_submission_is_scored(tmp_path: Path) -> None:
    for name, rows in (
        ("truth", ONE + TWO),
        ("mine", ONE.replace(" 60.0 ", " 80.0 ") + "7 180.4 -30 9 40 1.05e9 1 1 1\n"),
    ):
        (tmp_path / f"{name}.txt").write_text(HEAD + rows)
    figures = tmp_path / "score.json"
    result = call("score", "sdc2", tmp_path / "mine.txt", tmp_path / "truth.txt", "--json", figures)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0].split() == [
        "score",
        "-0.07",
        "of",
        "at",
        "most",
        "2:",
        "0.93",
        "points,",
        "1",
        "false",
    ]
    record = json.loads(figures.read_text())
    assert record["score"] == pytest.approx(6.5 / 7 - 1)
    assert record["accuracy"]["i"] == 0.5
    assert (record["n_found"], record["n_true"], record["n_false"]) == (1, 2, 1)


def test_a_score_is_drawn(tmp_path: Path) -> None:
    (tmp_path / "truth.txt").write_text(HEAD + ONE + TWO)
    words = ("score", "sdc2", tmp_path / "truth.txt", tmp_path / "truth.txt", "--plot")
    assert call(*words, tmp_path / "score.png").exit_code == 0
    assert (tmp_path / "score.png").read_bytes().startswith(b"\x89PNG")
    assert "must end in .png" in complaint(call(*words, tmp_path / "score.txt"), 2)


def test_the_beam_of_another_field_can_be_given(tmp_path: Path) -> None:
    (tmp_path / "truth.txt").write_text(HEAD + ONE)
    (tmp_path / "mine.txt").write_text(HEAD + ONE.replace("-30.1", "-30.104"))  # 14.4 arcsec away
    values = []
    for beam in (7.0, 20.0):
        words = ("--beam-arcsec", beam, "--json", tmp_path / "score.json")
        assert call("score", "sdc2", tmp_path / "mine.txt", tmp_path / "truth.txt", *words).exit_code == 0
        values.append(json.loads((tmp_path / "score.json").read_text())["n_match"])
    assert values == [0, 1]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (HEAD + ONE.replace(" 9.0 ", " nan "), "hi_size is no number in row 1"),
        (HEAD.replace("w20", "width") + ONE, "no column w20"),
        (HEAD + ONE.replace("180.1", "here"), "ra"),
        ("", "empty"),
    ],
)
def test_what_cannot_be_scored_is_refused(content: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / "truth.txt").write_text(HEAD + ONE)
    (tmp_path / "mine.txt").write_text(content)
    assert expected in complaint(call("score", "sdc2", tmp_path / "mine.txt", tmp_path / "truth.txt"), 3)
