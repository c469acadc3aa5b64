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


def test_the_score_is_told_by_flux_size_and_signal_to_noise() -> None:
    """Four galaxies at 15, 15, 30 and 200 Jy Hz; one of the faint ones is missed, and a row of 30 Jy Hz is false."""
    true = QTable(truth()[:4])
    true["line_flux_integral"] = [15.0, 15.0, 30.0, 200.0]
    true["snr"] = [3.5, 3.5, 5.5, 20.0]
    true["hi_size"] = [6.0, 6.0, 8.0, 30.0]
    ours = true[1:].copy()
    ours["i"][1] = (true["i"][2] + 40.0) % 90.0
    ours.add_row(dict(ours[1]) | {"id": 99_999, "dec": ours["dec"][1] + 1.0})
    bins = score_sdc2(ours, true).bins
    flux = {one.words: one for one in bins["line_flux_integral"]}
    assert [(one.n_found, one.n_true) for one in flux.values()] == [
        (0, 0),
        (1, 2),
        (1, 1),
        (0, 0),
        (0, 0),
        (1, 1),
    ]
    assert (flux["10-20"].completeness, flux["10-20"].reliability) == (0.5, 1.0)
    assert (flux["20-40"].completeness, flux["20-40"].reliability) == (1.0, 0.5)
    assert flux["20-40"].accuracy["i"] < flux["10-20"].accuracy["i"] == 1.0
    assert [one.n_found for one in bins["snr"]] == [0, 1, 0, 1, 0, 0, 1]
    assert [one.n_true for one in bins["hi_size"]] == [0, 2, 1, 0, 0, 1]
    without = score_sdc2(QTable(truth()), QTable(truth()))
    assert list(without.bins) == ["line_flux_integral", "hi_size"]
    assert "reliability" in str(score_sdc2(ours, true)).partition("S/N")[2]
    del ours["snr"]
    assert "reliability" not in str(score_sdc2(ours, true)).partition("S/N")[2]


def test_a_catalogue_that_cannot_be_scored_is_refused() -> None:
    lacking = truth()
    lacking.remove_column("w20")
    with pytest.raises(InputError, match="submission has no column w20 in km/s"):
        score_sdc2(QTable(lacking), QTable(truth()))
    hollow = Table(truth())
    hollow["pa"][3] = float("nan")
    with pytest.raises(InputError, match="truth: pa is no number in row 4"):
        score_sdc2(QTable(truth()), QTable(hollow))
