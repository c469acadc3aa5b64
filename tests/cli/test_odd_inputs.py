"""Odd but possible inputs end in one sentence and a documented code, never as a defect."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import QTable
from cli_calls import call, complaint, voxels_with_sources, write_cube

from tessellar.engine.journal_file import open_journal_file
from tessellar.errors import FolderInUseError

HEAD = "id ra dec hi_size line_flux_integral central_freq pa i w20\n"


@pytest.fixture
def cube(tmp_path: Path) -> Path:
    return write_cube(tmp_path / "cube.fits", voxels_with_sources((16, 36, 30)))


@pytest.mark.parametrize("value", ["1", "0", "1.5", '"yes"', "[true]", "{a = 1}"])
@pytest.mark.parametrize("name", ["mask", "keep_negative", "deblend", "dilation", "invert"])
def test_a_switch_in_a_file_is_true_or_false(tmp_path: Path, cube: Path, name: str, value: str) -> None:
    (tmp_path / "c.toml").write_text(f"[find]\n{name} = {value}\n")
    assert "it is a switch, true or false" in complaint(
        call("plan", cube, "--config", tmp_path / "c.toml"), 2
    )


def test_lists_without_end(tmp_path: Path, cube: Path) -> None:
    (tmp_path / "c.toml").write_text(f"[find]\nthreshold = {'[' * 5000}\n")
    assert "nested too deeply" in complaint(call("plan", cube, "--config", tmp_path / "c.toml"), 2)


def test_a_source_beyond_the_pole(tmp_path: Path) -> None:
    table = tmp_path / "s.txt"
    table.write_text(f"{HEAD}1 180 95 8 50 1e9 10 40 200\n")
    assert "dec is 95 degrees in row 1" in complaint(call("score", "sdc2", table, table), 3)


@pytest.mark.parametrize("row", ["1 180 -30 8 0 1e9 10 40 0", "1 180 -30 8 1e300 1e9 10 40 200"])
def test_truths_of_nothing_and_fluxes_without_measure_match_without_warnings(
    tmp_path: Path, row: str
) -> None:
    (tmp_path / "truth.txt").write_text(f"{HEAD}1 180 -30 8 0 1e9 10 40 0\n")
    (tmp_path / "made.txt").write_text(f"{HEAD}{row}\n")
    done = call("score", "sdc2", tmp_path / "made.txt", tmp_path / "truth.txt")
    assert (done.exit_code, done.stderr) == (0, "")


@pytest.mark.parametrize("command", ["power", "foregrounds"])
def test_one_pixel_with_data_has_no_power_across_the_sky(tmp_path: Path, command: str) -> None:
    assert call("simulate", "eor", tmp_path / "sky.fits", "--shape", "40,16,16", "--quiet").exit_code == 0
    with fits.open(tmp_path / "sky.fits") as parts:
        blank = np.full_like(parts[0].data, np.nan)
        blank[:, 5, 5] = parts[0].data[:, 5, 5]
        fits.writeto(tmp_path / "one.fits", blank, parts[0].header)
    words = {
        "power": ("power", tmp_path / "one.fits", "--out", tmp_path / "p.ecsv"),
        "foregrounds": ("foregrounds", tmp_path / "one.fits", tmp_path / "o.zarr", "--kernel", "poly"),
    }[command]
    assert "no two pixels beside each other have data" in complaint(call(*words, "--quiet"), 3)


def test_an_export_of_edited_catalogues(tmp_path: Path) -> None:
    sky, run = tmp_path / "sky.fits", tmp_path / "run"
    assert call("simulate", "hi", sky, "--shape", "48,96,80", "--quiet").exit_code == 0
    assert call("find", sky, "--out", run, "--quiet").exit_code == 0
    rows = QTable.read(run / "catalogue.ecsv", format="ascii.ecsv")
    edited = QTable(rows, masked=True)
    edited["f_sum"][0] = np.ma.masked
    edited.write(run / "catalogue.ecsv", format="ascii.ecsv", overwrite=True)
    done = call("export", run, tmp_path / "s.txt", "--format", "sdc2")
    assert done.exit_code == 0, done.output
    lines = (tmp_path / "s.txt").read_text().splitlines()[1:]
    assert len(lines) == len(rows) - 1
    assert "nan" not in " ".join(lines)
    del rows["id"]
    rows.write(run / "catalogue.ecsv", format="ascii.ecsv", overwrite=True)
    said = complaint(call("export", run, tmp_path / "sofia", "--format", "sofia"), 3)
    assert "no catalogue that can be read" in said


def test_a_journal_that_is_removed_while_its_lock_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def remove_and_fail(*given: object, **more: object) -> None:
        shutil.rmtree(tmp_path / "run")
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(sqlite3, "connect", remove_and_fail)
    with pytest.raises(FolderInUseError, match="Another run writes"):
        open_journal_file(tmp_path / "run" / "journal.sqlite")
