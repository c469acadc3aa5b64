"""The table on local noise, at toy size."""

from __future__ import annotations

import pytest

from benchmarks.validation import local_noise


def test_the_table_has_a_row_for_every_mode(capsys: pytest.CaptureFixture[str]) -> None:
    local_noise.main(["--shape", "32", "48", "48", "--seeds", "0", "--threshold", "5"])
    lines = capsys.readouterr().out.splitlines()
    for mode in local_noise.MODES:
        assert sum(f" | {mode} | " in line for line in lines) == 2
