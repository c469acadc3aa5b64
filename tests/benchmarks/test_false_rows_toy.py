"""What false rows are, told apart by what galaxies have in their masks."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.validation import false_rows
from benchmarks.validation.false_rows import APART, BLEND, NOISE, PIECE, kind_of


def test_kinds_by_hand() -> None:
    flux = np.array([[90.0, 0.0, 0.0], [9.0, 0.0, 0.0], [0.0, 50.0, 40.0], [0.0, 0.1, 0.0]])
    assert [kind_of(flux, row, 10.0) for row in range(4)] == [APART, PIECE, BLEND, NOISE]


def test_the_table_has_a_row_with_and_without_deblending(capsys: pytest.CaptureFixture[str]) -> None:
    false_rows.main(["--shape", "48", "64", "64", "--galaxies", "6", "--seeds", "0"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" | ")[0] for line in lines[3:]] == ["| plain", "| deblended"]
