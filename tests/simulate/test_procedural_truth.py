"""The truth of a procedural cube as a table: the columns of other skies' truths, told a few sources at a time."""

from __future__ import annotations

import itertools
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from astropy import units

from tessellar.errors import OutputError, UsageError
from tessellar.simulate.procedural import ProceduralSky
from tessellar.simulate.procedural_truth import procedural_truth, truth_columns
from tessellar.simulate.truth import DESCRIPTIONS, UNITS, read_truth, sdc2_table, write_truth
from tessellar.tiling.box import Box
from tessellar.tiling.grid import Grid

SKY = ProceduralSky("hi", (100, 300, 200), seed=2)
HUGE = ProceduralSky("hi", (65536, 8192, 8192))


def test_the_table_has_the_columns_and_units_of_other_truths() -> None:
    table = procedural_truth(SKY)
    assert table.colnames == list(DESCRIPTIONS)
    assert all(table[name].unit == units.Unit(unit) for name, unit in UNITS.items())
    assert all(table[name].info.description for name in table.colnames)
    assert table.meta["sky"] == SKY.identity
    assert len(sdc2_table(table)) == len(table) > 10


def test_rows_are_those_of_the_table_in_the_order_of_their_cells() -> None:
    table, rows = procedural_truth(SKY), list(SKY.truth())
    for name in DESCRIPTIONS:
        assert [row[name] for row in rows] == np.asarray(table[name]).tolist()
    assert all(isinstance(row["id"], int) for row in rows)
    ids = [row["id"] for row in rows]
    assert ids == sorted(set(ids))
    for row in rows:
        cell = tuple(int(row[axis] + 0.5) // side for axis, side in zip("zxy", (32, 64, 64), strict=True))
        assert row["id"] == (cell[0] * 5 + cell[1]) * 4 + cell[2]


@pytest.mark.parametrize("core", [(40, 70, 50), (32, 64, 64), (100, 300, 7)])
def test_parts_of_a_partition_hold_every_source_once(core: tuple[int, int, int]) -> None:
    grid = Grid(SKY.shape, core)
    parts = [list(SKY.truth(grid[n].core)) for n in range(len(grid))]
    for n, part in enumerate(parts):
        start, stop = grid[n].core.start, grid[n].core.stop
        for row in part:
            centre = [np.floor(row[axis] + 0.5) for axis in "zxy"]
            assert all(a <= c < b for a, c, b in zip(start, centre, stop, strict=True))
    assert sorted(itertools.chain(*parts), key=lambda row: row["id"]) == list(SKY.truth())


def test_a_part_beside_the_cube_holds_nothing() -> None:
    assert list(SKY.truth(Box((200, 0, 0), (300, 10, 10)))) == []


def test_the_first_of_millions_come_at_once_and_in_little_memory() -> None:
    next(HUGE.truth())  # compile
    tracemalloc.start()
    rows = sum(1 for _ in itertools.islice(HUGE.truth(), 30_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert rows == 30_000
    assert peak < 20e6


def test_millions_are_refused_as_a_table() -> None:
    with pytest.raises(UsageError, match=r"about 1.76e\+07 sources.*iterate"):
        procedural_truth(HUGE)


def test_fluxes_fall_as_the_recipe_says() -> None:
    """The share of sources above a flux between low and high is that of a power law of slope -3/2."""
    sky = ProceduralSky("hi", (320, 1280, 1280), flux_range=(10, 1000))
    flux = np.concatenate([c["f_sum"] for c in truth_columns(sky)]) / sky.channel_hz / sky.rms_jy
    whole = flux[flux > 10]  # those that no edge cuts, and a few others
    expected = (40**-0.5 - 1000**-0.5) / (10**-0.5 - 1000**-0.5)
    assert np.mean(whole > 40) == pytest.approx(expected, abs=4 * (0.25 / whole.size) ** 0.5)
    assert flux.max() <= 1000 * (1 + 1e-9)


def test_a_written_table_reads_back_the_same(tmp_path: Path) -> None:
    table = procedural_truth(SKY)
    write_truth(table, tmp_path / "sky.truth.ecsv")
    again = read_truth(tmp_path / "sky.truth.ecsv")
    assert all(np.array_equal(again[name], table[name]) for name in table.colnames)
    assert [entry.name for entry in tmp_path.iterdir()] == ["sky.truth.ecsv"]
    with pytest.raises(OutputError, match="cannot be written"):
        write_truth(table, tmp_path / "nowhere" / "t.ecsv")


@pytest.mark.parametrize("sky", [ProceduralSky("noise", (4, 8, 8)), ProceduralSky("hi", (1, 1, 1), 1)])
def test_an_empty_truth_is_a_table_too(tmp_path: Path, sky: ProceduralSky) -> None:
    write_truth(procedural_truth(sky), tmp_path / "none.truth.ecsv")
    assert len(read_truth(tmp_path / "none.truth.ecsv")) == 0
