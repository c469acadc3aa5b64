"""The table on local noise, at toy size."""

from __future__ import annotations

import pytest

from benchmarks.validation import local_noise


def test_the_table_has_a_row_for_every_kind_of_noise(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_noise, "MODES", {"local": local_noise.MODES["local"]})
    local_noise.main(["--shape", "32", "48", "48", "--seeds", "0", "--threshold", "5"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" | ")[:2] for line in lines[3:]] == [["| even", "local"], ["| noisy corner", "local"]]
