"""The comparison of made-up populations with the challenge's runs, at toy size, on a catalogue made up here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.validation import look, sdc2_errors, sdc2_fit, sdc2_population
from benchmarks.validation.sdc2_fields import Kind


def test_it_tells_distances_flux_and_noise(
    sdc2_data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figure = tmp_path / "figure.png"
    words = ["--sdc2-data", sdc2_data, "--shape", "2000,60,60", "--figure", str(figure)]
    assert sdc2_population.main(words) == 0
    said = capsys.readouterr().out
    assert re.search(r"\| `sdc2` \| \d+ \| 0\.", said)
    assert "| flux of all voxels, atlas | 1.00000 |" in said
    ratios = [float(value) for value in re.findall(r"power of the noise.*\| (\d\.\d+) \|", said)]
    assert ratios == pytest.approx([1.0] * 3, abs=0.05)
    assert figure.stat().st_size > 10_000


def test_without_the_files_it_says_what_is_needed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sdc2_population.main(["--sdc2-data", str(tmp_path / "none")]) == 1
    assert "sky_dev_truthcat_v2.txt" in capsys.readouterr().err


def test_the_table_of_fits_has_a_row_for_each_field(
    sdc2_data: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--sdc2-data", sdc2_data, "--shape", "64,80,80", "--seeds", "7", "8", "--kinds", "atlas"]
    assert sdc2_fit.main(words) == 0
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines() if line.startswith("| atlas")]
    assert [row[0] for row in rows] == ["| atlas, seed 7", "| atlas, seed 8", "| atlas"]
    assert [len(row) for row in rows] == [12, 12, 5]


def test_deviations_and_pulls_are_told_by_signal_to_noise(
    sdc2_data: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sdc2_errors, "KINDS", (Kind("discs", {"shapes": "discs", "rms_jy": 3e-6}),))
    assert sdc2_errors.main(["--sdc2-data", sdc2_data, "--shape", "64,80,80", "--seeds", "7"]) == 0
    said = capsys.readouterr().out
    assert re.findall("### discs, (.*)", said) == [
        f"{way}: {what}" for way in ("what was measured", "with --fit") for what in ("deviations", "pulls")
    ]
    assert len(re.findall(r"\| [\d-]+ \| \d+ \| [01]\.\d\d ± ", said)) >= 2


def test_the_tables_of_the_second_look_have_rows_for_each_field(
    sdc2_data: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look, "_FIELDS", (look.Field("atlas", 7, 1.1e9, tie=0.2, slope=-0.6),))
    assert look.main(["--sdc2-data", sdc2_data, "--shape", "64,80,80"]) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| atlas, seed 7")]
    assert [len(row.split(" | ")) for row in rows] == [7] * 3 + [9] * 6 + [7]
