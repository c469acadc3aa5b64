"""The tables on deblending and dilation, at toy size."""

from __future__ import annotations

import pytest

from benchmarks import masks
from tessellar.simulate.hi import HiSky

SKY = HiSky((48, 96, 96), seed=3, n_sources=24)


def test_the_tables_have_a_row_for_every_way(capsys: pytest.CaptureFixture[str]) -> None:
    masks.main(["--shape", "32", "48", "48", "--galaxies", "6", "--seeds", "0", "--thresholds", "5"])
    lines = capsys.readouterr().out.splitlines()
    for variant in masks.VARIANTS:
        assert sum(f"| 6 | {variant} |" in line for line in lines) == 2


def test_counts_add_up() -> None:
    whole, parted = (masks.tally(SKY, 5.0, variant) for variant in ("plain", "deblended"))
    assert (whole.parts, whole.torn) == (0, 0)
    assert parted.parts >= 2
    assert parted.matched >= whole.matched
    assert parted.torn < parted.parts
    both = whole + parted
    assert both.rows == whole.rows + parted.rows
    assert both.found.sum() == both.matched == both.ratio.size == both.ratio_snr.size
    assert both.found.size == 48
