"""The score of SKA Data Challenge 2 is that of the challenge's own package, and refuses what it cannot score."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from astropy.table import QTable, Table
from official_scores import FILE
from sdc2_cases import N_TRUE, cases, truth

from tessellar.challenge.sdc2.score import TOLERANCES, score_sdc2
from tessellar.challenge.tables import read_table
from tessellar.errors import InputError

OFFICIAL = json.loads(FILE.read_text())


@pytest.mark.parametrize("name", OFFICIAL)
def test_the_score_is_the_official_one(name: str, tmp_path: Path) -> None:
    for word, table in (("submission", cases()[name]), ("truth", truth())):
        table.write(tmp_path / f"{word}.txt", format="ascii.basic")
    ours = score_sdc2(read_table(tmp_path / "submission.txt"), read_table(tmp_path / "truth.txt"))
    assert ours.value == pytest.approx(OFFICIAL[name]["score"], abs=1e-6)
    assert (ours.n_match, ours.n_rejected) == (OFFICIAL[name]["n_match"], OFFICIAL[name]["n_rejected"])


def test_every_case_has_an_official_score() -> None:
    assert set(OFFICIAL) == set(cases())
    assert len(OFFICIAL) >= 20


def test_what_was_measured_wrong_costs_its_seventh() -> None:
    wrong = truth()
    wrong["pa"] = (wrong["pa"] + 20.0) % 360.0
    score = score_sdc2(QTable(wrong), QTable(truth()))
    assert score.accuracy == pytest.approx({name: 0.5 if name == "pa" else 1.0 for name in TOLERANCES})
    assert score.value == pytest.approx(N_TRUE * 6.5 / 7)
    assert (score.completeness, score.reliability, score.n_false) == (1.0, 1.0, 0)


def test_units_are_respected() -> None:
    ours = QTable(truth(), units={"central_freq": "Hz", "hi_size": "arcsec"})
    ours["central_freq"] = ours["central_freq"].to("GHz")
    ours["hi_size"] = ours["hi_size"].to("arcmin")
    assert score_sdc2(ours, QTable(truth())).value == pytest.approx(N_TRUE)


def test_nothing_submitted_scores_nothing() -> None:
    score = score_sdc2(QTable(truth()[:0]), QTable(truth()))
    assert (score.value, score.n_match, score.completeness, score.accuracy) == (0.0, 0, 0.0, {})
    assert score.record()["reliability"] is None


def test_a_catalogue_that_cannot_be_scored_is_refused() -> None:
    lacking = truth()
    lacking.remove_column("w20")
    with pytest.raises(InputError, match="submission has no column w20 in km/s"):
        score_sdc2(QTable(lacking), QTable(truth()))
    hollow = Table(truth())
    hollow["pa"][3] = float("nan")
    with pytest.raises(InputError, match="truth: pa is no number in row 4"):
        score_sdc2(QTable(truth()), QTable(hollow))
