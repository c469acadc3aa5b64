"""The command that tells how good measurements are runs, at toy size, and knows a bias when it sees one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.validation import mask_edges
from benchmarks.validation.biases import bins, centre_and_scatter, deviations, pulls, tables
from benchmarks.validation.measuring import BIASES, PULL_FIGURE, main


def test_the_command_writes_two_figures_and_two_tables(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--skies", "1", "--shape", "48", "96", "96", "--out", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert told.startswith("`python -m benchmarks.validation.measuring --skies 1")
    assert told.count("| S/N |") == 2
    for name in (BIASES, PULL_FIGURE):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
        assert (tmp_path / name).stat().st_size < 150_000


def test_a_wrong_shape_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--skies", "1", "--shape", "0", "96", "96"]) == 2
    assert "three axes" in capsys.readouterr().err


def galaxies() -> dict[str, np.ndarray]:
    """Four galaxies; fluxes are a fifth too low, angles five degrees too large, and the last is seen face on."""
    n = 4
    columns = {"x": np.full(n, 10.5), "y": np.full(n, 7.0), "z": np.full(n, 3.0), "f_sum": np.full(n, 0.8)}
    known = {f"true_{name}": values.copy() for name, values in columns.items()}
    known |= {
        "true_x": np.full(n, 10.0),
        "true_f_sum": np.ones(n),
        "true_pa": np.array([0.0, 178.0, 359.0, 10.0]),
    }
    known |= {"true_i": np.array([60.0, 60.0, 60.0, 10.0]), "true_snr": np.array([4.0, 6.0, 6.5, 30.0])}
    angles = (known["true_pa"] + 185.0) % 360.0
    inside = {f"mask_{name}": values - 0.2 for name, values in columns.items()}
    errors = {f"err_{name}": np.full(n, 0.1) for name in (*columns, "w20", "w50", "wm50", "kin_pa", "ell_pa")}
    widths = {f"{kind}{name}": np.ones(n) for kind in ("", "true_") for name in ("w20", "w50", "wm50")}
    more = {"kin_pa": angles, "ell_pa": angles % 180.0 - 90.0, "f_sum_corr": np.ones(n)}
    return columns | known | inside | errors | widths | more


def test_deviations_and_pulls_by_hand() -> None:
    made = galaxies()
    assert deviations(made, "f_sum").tolist() == pytest.approx([0.8] * 4)
    assert deviations(made, "f_sum_corr").tolist() == [1.0] * 4
    assert deviations(made, "x").tolist() == [0.5] * 4
    assert deviations(made, "kin_pa")[:3] == pytest.approx(5.0)
    assert np.isnan(deviations(made, "kin_pa")[3])
    assert np.abs(deviations(made, "ell_pa")[:3]) == pytest.approx(85.0)
    assert pulls(made, "f_sum") == pytest.approx(2.0)
    assert pulls(made, "x") == pytest.approx(5.0)


def test_bins_hold_every_galaxy_once() -> None:
    found = [(name, len(inside["x"])) for name, _, inside in bins(galaxies())]
    assert found == [("3-5", 1), ("5-7", 2), ("> 25", 1)]
    assert "| 5-7 | 2 | 0.80 ± 0.00 |" in tables(galaxies())


def test_centre_and_scatter_do_not_look_at_what_is_not_there() -> None:
    assert centre_and_scatter(np.array([1.0, 2.0, 3.0, np.nan])) == pytest.approx((2.0, 1.4826))
    assert np.isnan(centre_and_scatter(np.array([np.nan]))).all()


def test_the_laws_of_the_errors_are_tested_by_one_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert mask_edges.main(["--part", "0.002", "--test-only"]) == 0
    told = capsys.readouterr().out
    assert "| galaxies | S/N | rows | x | y | z |" in told
    assert "Laws" not in told
