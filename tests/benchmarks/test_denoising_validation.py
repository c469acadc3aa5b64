"""The commands that tell how good denoised cubes are run, at toy size."""

from __future__ import annotations

from pathlib import Path

import pytest

import tessellar as ts
from benchmarks.validation import denoised_cubes, denoising
from tessellar.api import simulate
from tessellar.simulate.hi import HiSky


def test_every_kernel_has_a_row_in_both_tables(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(denoising, "KERNELS", (("plain", ts.Gaussian()),))
    monkeypatch.setattr("tessellar.report.denoising.write_denoising_report", lambda folder: folder)
    words = ["--skies", "1", "--shape", "32", "64", "64"]
    assert denoising.main([*words, "--also", "gaussian"]) == 0
    told = capsys.readouterr().out
    assert told.startswith(
        "`python -m benchmarks.validation.denoising --skies 1 --shape 32 64 64 --also gaussian`\n"
    )
    rows = [line for line in told.splitlines() if line.startswith(("| plain ", "| gaussian "))]
    assert len(rows) == 4
    assert rows[0].replace("plain", "gaussian") == rows[1]
    assert float(rows[0].split("|")[2]) > 0
    assert denoising.main([*words, "--also", "gausian"]) == 2
    assert denoising.main(["--skies", "1", "--shape", "0", "64", "64"]) == 2


def test_a_cube_is_shown_before_and_after(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    simulate(HiSky((16, 40, 40), 1, n_sources=2), tmp_path / "sky.fits")
    words = [str(tmp_path / "sky.fits"), "--kernel", "gaussian", "--out", str(tmp_path)]
    assert denoised_cubes.main(words) == 0
    row = capsys.readouterr().out.splitlines()[-1].split(" | ")
    assert row[0] == "| sky"
    assert row[1].startswith("29")
    assert (tmp_path / "denoised_sky_gaussian.png").read_bytes().startswith(b"\x89PNG")
    assert denoised_cubes.main([str(tmp_path / "none.fits")]) == 3
