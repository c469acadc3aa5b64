"""The table on lossy storage, at toy size: keeping every bit changes nothing, keeping few changes fluxes."""

from __future__ import annotations

import pytest

from benchmarks.validation import rounding


def test_the_table_has_a_row_for_every_way(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounding, "WAYS", ({}, {"keep_bits": 2}))
    rounding.main(["--shape", "32", "48", "48", "--seeds", "0", "--threshold", "4"])
    told = capsys.readouterr().out
    assert told.startswith("`python -m benchmarks.validation.rounding --shape 32 48 48 ")
    whole, rough = ([cell.strip() for cell in line.split("|")[1:-1]] for line in told.splitlines()[-2:])
    assert (whole[0], rough[0]) == ("every bit", "--keep-bits 2")
    assert (whole[1], whole[6], whole[7]) == ("0 %", "0", "0")
    assert float(rough[2]) > 2 * float(whole[2])
    assert float(rough[7]) > 0
