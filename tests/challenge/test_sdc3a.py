"""SKA Data Challenge 3a: files as teams and the challenge write them, and scores that were worked out by hand."""

from __future__ import annotations

from math import log10, pi, sqrt
from pathlib import Path

import numpy as np
import pytest

import tessellar as ts
from tessellar.challenge.sdc3a.bands import BANDS, K_CENTRES, band_in, band_name
from tessellar.challenge.sdc3a.files import Estimate, read_submission, read_truth, write_submission
from tessellar.challenge.sdc3a.score import score_sdc3a
from tessellar.engine.power.spectra import K_EDGES
from tessellar.errors import InputError, OutputError, UsageError
from tessellar.kernels.power.band import Band
from tessellar.kernels.power.cylindrical import CylindricalPower

LOW, HIGH = BANDS[0], BANDS[4]


def spectrum(seed: int = 0, n_empty: int = 0) -> CylindricalPower:
    rng = np.random.default_rng(seed)
    power, sigma = rng.normal(size=(10, 10)) * 1e-3, rng.uniform(1e-5, 1e-3, (10, 10))
    power.flat[:n_empty] = sigma.flat[:n_empty] = np.nan
    return CylindricalPower(K_EDGES, K_EDGES, power, sigma, np.full((10, 10), 7))


def write(folder: Path, name: str, matrix: object = 1.0) -> None:
    folder.mkdir(exist_ok=True)
    np.savetxt(folder / name, np.broadcast_to(np.asarray(matrix, float), (10, 10)))


def test_the_bands_and_bins_are_those_of_the_challenge(data_dir: Path) -> None:
    folder = data_dir / "sdc3a"
    edges = np.loadtxt(folder / "bins_frequency.txt")
    assert [(band.low / 1e6, band.high / 1e6) for band in BANDS] == [tuple(row) for row in edges]
    assert np.loadtxt(folder / "bins_kper.txt") == pytest.approx(K_CENTRES)
    assert 0.5 * (K_EDGES[1:] + K_EDGES[:-1]) == pytest.approx(K_CENTRES)


@pytest.mark.parametrize("name", ["106MHz-121MHz", "106.0MHz-121.0MHz", "A_Team_106MHz-121.0MHz"])
def test_both_spellings_of_a_band_are_read(name: str) -> None:
    assert band_in(name) == LOW
    assert band_name(LOW) == "106MHz-121MHz"


@pytest.mark.parametrize(
    "name", ["", "Team", "107MHz-121MHz", "121MHz-106MHz", "0MHz-0MHz", "106MHz-121MHz_old"]
)
def test_what_names_no_band_of_the_challenge_is_none(name: str) -> None:
    assert band_in(name) is None


def test_what_is_written_is_read_again_to_the_bit(tmp_path: Path) -> None:
    spectra = {HIGH: spectrum(1, n_empty=3), LOW: spectrum(2)}
    remark = write_submission(spectra, tmp_path / "deep" / "out", "Team")
    names = sorted(path.name for path in (tmp_path / "deep" / "out").iterdir())
    assert names == [
        f"Team_{band}{kind}.data" for band in ("106MHz-121MHz", "166MHz-181MHz") for kind in ("", "_errors")
    ]
    assert remark == (
        "The bands 121-136 MHz, 136-151 MHz, 151-166 MHz, 181-196 MHz are not among the files; "
        "3 of 200 bins have no modes and hold NaN."
    )
    found = read_submission(tmp_path / "deep" / "out")
    for band, power in spectra.items():
        assert np.array_equal(found[band].power, power.power, equal_nan=True)
        assert np.array_equal(found[band].sigma, power.sigma, equal_nan=True)
    whole = dict.fromkeys(BANDS, spectrum())
    assert write_submission(whole, tmp_path / "all", "Team") == ""
    assert len(read_submission(tmp_path / "all")) == 6


def test_rows_are_k_par_and_columns_k_perp(tmp_path: Path) -> None:
    power = spectrum()
    power.power[2, 7] = 42.0
    write_submission({LOW: power}, tmp_path, "Team")
    lines = (tmp_path / "Team_106MHz-121MHz.data").read_text().splitlines()
    assert float(lines[2].split()[7]) == 42.0


def test_files_in_the_way_are_replaced_when_asked_only(tmp_path: Path) -> None:
    write_submission({LOW: spectrum(1)}, tmp_path, "Team")
    with pytest.raises(OutputError, match="exists already"):
        write_submission({LOW: spectrum(2)}, tmp_path, "Team")
    assert np.array_equal(read_submission(tmp_path)[LOW].power, spectrum(1).power)
    write_submission({LOW: spectrum(2)}, tmp_path, "Team", overwrite=True)
    assert np.array_equal(read_submission(tmp_path)[LOW].power, spectrum(2).power)
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="is a file; the output is a folder"):
        write_submission({LOW: spectrum()}, tmp_path / "file", "Team")


@pytest.mark.parametrize("team", ["", "  ", "a/b", "..\\b", ".hidden", "..", "two\nlines"])
def test_what_cannot_name_a_team_is_refused(team: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be the name of a team"):
        write_submission({LOW: spectrum()}, tmp_path / "out", team)
    assert not (tmp_path / "out").exists()


def test_other_spectra_are_no_submission(tmp_path: Path) -> None:
    other = CylindricalPower(K_EDGES * 2, K_EDGES, *[np.ones((10, 10))] * 2, np.ones((10, 10), int))
    with pytest.raises(UsageError, match="bins of k_par are not those"):
        write_submission({LOW: other}, tmp_path / "out", "Team")
    with pytest.raises(UsageError, match="107-121 MHz is none of the challenge"):
        write_submission({Band.of_mhz(107, 121): spectrum()}, tmp_path / "out", "Team")
    with pytest.raises(UsageError, match="no power spectrum to write"):
        write_submission({}, tmp_path / "out", "Team")
    assert not (tmp_path / "out").exists()


def test_a_truth_is_read_as_the_challenge_names_it(tmp_path: Path) -> None:
    write(tmp_path, "TestDatasetTRUTH_166MHz-181MHz.data", 3.0)
    (tmp_path / "bins_kper.txt").write_text("0.05\n")
    (tmp_path / "notes.data").write_text("no band\n")
    assert list(read_truth(tmp_path)) == [HIGH]
    assert (read_truth(tmp_path)[HIGH] == 3.0).all()


def folder_of(tmp_path: Path, trouble: str) -> Path:
    """Return a submission with one thing wrong."""
    folder = tmp_path / "out"
    write(folder, "A_106MHz-121MHz.data")
    write(folder, "A_106MHz-121MHz_errors.data")
    power = folder / "A_106MHz-121MHz.data"
    if trouble == "no errors":
        (folder / "A_106MHz-121MHz_errors.data").unlink()
    elif trouble == "no powers":
        power.unlink()
    elif trouble == "two teams":
        write(folder, "B_121MHz-136MHz.data")
    elif trouble == "errors of another team":
        (folder / "A_106MHz-121MHz_errors.data").rename(folder / "B_106MHz-121MHz_errors.data")
    elif trouble == "two spellings":
        write(folder, "A_106.0MHz-121.0MHz.data")
    elif trouble == "shape":
        np.savetxt(power, np.ones((10, 9)))
    elif trouble == "ragged":
        power.write_text("1 2 3\n4 5\n")
    elif trouble == "words":
        power.write_text("one two\n")
    elif trouble == "bytes":
        power.write_bytes(b"\xff\xfe\x00")
    elif trouble == "empty":
        power.write_text("\n")
    elif trouble == "folder":
        power.unlink()
        power.mkdir()
    return folder / "missing" if trouble == "nowhere" else folder


@pytest.mark.parametrize(
    ("trouble", "expected"),
    [
        ("no errors", r"comes without errors; needed is A_106MHz-121MHz_errors\.data beside it\."),
        ("no powers", "holds no power spectrum; needed are files like"),
        ("two teams", r"more than one team, A_106MHz-121MHz\.data and B_121MHz-136MHz\.data"),
        ("errors of another team", "more than one team"),
        ("two spellings", "holds two files of the band 106-121 MHz"),
        ("shape", "has 10 rows of 9 numbers; needed are 10 rows"),
        ("ragged", "holds something else than numbers"),
        ("words", "holds something else than numbers"),
        ("bytes", "holds something else than numbers"),
        ("empty", "has 0 rows of 0 numbers"),
        ("folder", "cannot be read"),
        ("nowhere", "is no folder; needed is one with files like"),
    ],
)
def test_what_is_no_submission_is_refused_in_a_sentence(trouble: str, expected: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=expected) as caught:
        read_submission(folder_of(tmp_path, trouble))
    assert "\n" not in str(caught.value)


def test_the_score_is_the_one_worked_out_by_hand() -> None:
    """One band: residuals 0, 1, 2, 3 with errors 1, 1, 1, 2; one bin without estimate, and 95 without truth."""
    true, power, sigma = np.full((3, 10, 10), np.nan)
    true[0, :5] = (0.0, 0.0, 0.0, 0.0, 0.0)
    power[0, :4] = (0.0, -1.0, 2.0, 3.0)
    sigma[0, :4] = (1.0, 1.0, 1.0, 2.0)
    power[5] = sigma[5] = 1.0  # has no truth
    made = score_sdc3a({LOW: Estimate(power, sigma)}, {LOW: true})
    assert (made.total.n_bins, made.total.n_missing) == (5, 1)
    assert made.total.median_residual == 1.5
    assert made.total.within_1_sigma == 0.5
    assert made.total.within_2_sigma == 1.0
    chi2 = 0.0 + 1.0 + 4.0 + 2.25
    assert made.total.log_score == pytest.approx(
        -0.5 * chi2 / np.log(10) - 4 * log10(sqrt(2 * pi)) - log10(2.0)
    )
    assert made.bands[LOW] == made.total


def test_bands_are_scored_apart_and_together() -> None:
    ones = np.ones((10, 10))
    submission = {LOW: Estimate(ones * 3, ones), HIGH: Estimate(ones, ones), BANDS[5]: Estimate(ones, ones)}
    truth = {LOW: ones, HIGH: ones, BANDS[2]: ones}
    made = score_sdc3a(submission, truth)
    assert [score.median_residual for score in made.bands.values()] == pytest.approx(
        [2.0, np.nan, 0.0], nan_ok=True
    )
    assert (made.total.n_bins, made.total.n_missing, made.total.median_residual) == (300, 100, 1.0)
    assert made.total.within_1_sigma == 0.5
    assert made.without_truth == (BANDS[5],)
    record = made.record()
    assert record["bands"]["136MHz-151MHz"]["median_residual"] is None
    assert record["log_score_is"] == "team-derived, not official"
    text = str(made)
    assert "100 of 300 bins have no estimate and are in no other figure" in text
    assert "no truth of 181-196 MHz: not scored" in text
    assert "team-derived, not official" in text


def test_what_cannot_be_scored_is_refused() -> None:
    ones = np.ones((10, 10))
    with pytest.raises(InputError, match="no band in common"):
        score_sdc3a({LOW: Estimate(ones, ones)}, {HIGH: ones})
    bad = ones.copy()
    bad[2, 3] = 0.0
    with pytest.raises(
        InputError, match="error in row 3, column 4 of the band 106-121 MHz is 0; errors must be above"
    ):
        score_sdc3a({LOW: Estimate(ones, bad)}, {LOW: ones})


def test_the_verb_scores_folders(tmp_path: Path) -> None:
    write_submission({HIGH: spectrum(3)}, tmp_path / "mine", "Team")
    write(tmp_path / "truth", "TestDatasetTRUTH_166MHz-181MHz.data", 0.0)
    made = ts.score("sdc3a", tmp_path / "mine", str(tmp_path / "truth"))
    assert made.total.median_residual == pytest.approx(np.median(np.abs(spectrum(3).power)))
    with pytest.raises(UsageError, match="there are sdc2 and sdc3a"):
        ts.score("sdc4", tmp_path, tmp_path)
    with pytest.raises(UsageError, match="takes two folders"):
        ts.score("sdc3a", {}, tmp_path)  # type: ignore[arg-type]
