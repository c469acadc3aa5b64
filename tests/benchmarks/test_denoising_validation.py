"""The command that tells how good denoised cubes are runs, at toy size."""

from __future__ import annotations

import pytest

import tessellar as ts
from benchmarks.validation import denoising


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
