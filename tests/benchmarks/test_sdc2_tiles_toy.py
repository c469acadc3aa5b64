"""Galaxies across the borders of tiles are listed as often as with one tile, and a row that comes twice is noticed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.table import QTable, vstack

from benchmarks.validation import sdc2_tiles
from benchmarks.validation.contest import CUBE
from benchmarks.validation.sdc2_tiles import axes_crossed, listed_twice, one_way
from tessellar import api
from tessellar.simulate.sdc2.sky import Sdc2Sky
from tessellar.simulate.truth import sdc2_table, truth_table


@pytest.fixture(scope="module")
def sky() -> Sdc2Sky:
    return Sdc2Sky((64, 80, 80), 5, density=60.0, rms_jy=3e-6, first_frequency_hz=1060e6)


def test_no_border_makes_two_rows_of_a_galaxy(
    sky: Sdc2Sky, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sdc2_tiles, "TILES", ((24, 20, 20),))
    api.simulate(sky, tmp_path / CUBE)
    (one, twice), (many, again) = one_way(tmp_path, sky.shape, deblend=False)
    assert one[1:] != many[1:]
    assert [int(word) for word in many[3:6]] == [15, 8, 4]  # masks across faces, edges and corners of tiles
    assert (one[2], one[6:]) == (many[2], many[6:])
    assert one[-1] == "the same"
    assert twice == again


def test_a_galaxy_in_two_rows_is_counted(sky: Sdc2Sky) -> None:
    truth = truth_table(sky)
    wide = np.argsort(truth["w20"])[::-1][:4]
    rows = sdc2_table(truth[wide])
    assert listed_twice(rows, truth) == []
    second = rows[1:2].copy()
    second["id"], second["central_freq"] = 99_999, second["central_freq"] + 30e3
    (found,) = listed_twice(vstack([rows, second]), truth)
    assert (found.galaxy, found.rows) == (truth["id"][wide[1]], (2, 5))
    assert found.apart_channels == pytest.approx(1.0)
    assert found.apart_arcsec == 0.0


def test_borders_are_those_of_the_tiles() -> None:
    bounds = {
        "z_min": [0, 9],
        "z_max": [9, 10],
        "x_min": [0, 4],
        "x_max": [4, 5],
        "y_min": [3, 3],
        "y_max": [4, 4],
    }
    assert np.array_equal(axes_crossed(QTable(bounds), (10, 5, 4)), [1, 3])
