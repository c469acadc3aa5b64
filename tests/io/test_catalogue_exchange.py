"""Other programs read the catalogue of a run: astropy, pandas through pyarrow, strict readers of VOTable."""

from __future__ import annotations

import io
import re
import warnings

import numpy as np
import pyarrow.parquet
import pytest
from astropy import units
from astropy.io import votable
from astropy.io.votable.exceptions import VOTableSpecWarning
from astropy.table import QTable, Table
from memory_cube import MemorySource, meta_of
from numpy.testing import assert_array_equal

import tessellar as ts
from tessellar.io.columns import COLUMN_OF_NAME
from tessellar.kernels.components import Linker
from tessellar.kernels.reliability import Reliability

FILLED = (
    "wm50", "ell3s_maj", "ell3s_min", "ell3s_pa", "kin_pa", "err_x", "err_y", "err_z", "err_f_sum", "snr", "err_freq",
    "x_peak", "y_peak", "z_peak",
)  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ts.Run:
    """Two rotating sources and many false ones, searched with all options that add a column."""
    shape = (24, 60, 70)
    cube = np.random.default_rng(3).normal(size=shape).astype(np.float32)
    for k in range(8):
        cube[4 + k, 10:18, 8 + k : 20 + k] += 8
        cube[10 + k, 40 - k : 50 - k, 40:50] += 12
    meta = meta_of(shape, pixel_size=(0.01, 0.02))
    return ts.find_sources(
        MemorySource(cube, meta),
        ts.SmoothAndClip(threshold=3.4),
        linker=Linker(min_size_xy=2, min_size_z=2),
        reliability=Reliability(0.5, min_snr=0.0),
        executor="serial",
        out=tmp_path_factory.mktemp("exchange") / "run",
    )


def read_votable(run: ts.Run) -> Table:
    document = votable.parse(str(run.folder / "catalogue.vot"), verify="exception")
    return document.get_first_table().to_table(use_names_over_ids=True)


def read_parquet(run: ts.Run) -> Table:
    return Table.read(run.folder / "catalogue.parquet", format="parquet.votable")


def read_ecsv(run: ts.Run) -> Table:
    return Table.read(run.folder / "catalogue.ecsv", format="ascii.ecsv")


READERS = {"VOTable": read_votable, "Parquet": read_parquet, "ECSV": read_ecsv}


def values(table: Table, name: str) -> np.ndarray:
    column = np.ma.asarray(table[name])
    filled = np.ma.filled(column, np.nan) if column.dtype.kind == "f" else np.ma.getdata(column)
    return filled.astype(str) if filled.dtype.kind in "OU" else filled


def test_the_run_fills_the_columns_it_promises(run: ts.Run) -> None:
    assert len(run.catalogue) >= 2
    brightest = run.catalogue[np.argsort(-np.asarray(run.catalogue["f_sum"]))[:2]]
    for name in FILLED:
        assert np.isfinite(np.asarray(brightest[name], float)).all(), name


@pytest.mark.parametrize("form", READERS)
def test_every_file_says_the_same_as_the_run_with_units_and_ucds(run: ts.Run, form: str) -> None:
    table = READERS[form](run)
    assert table.colnames == run.catalogue.colnames
    for name in table.colnames:
        ours = run.catalogue[name]
        assert_array_equal(values(table, name), np.asarray(getattr(ours, "value", ours)), err_msg=name)
        assert units.Unit(table[name].unit or "") == units.Unit(ours.info.unit or ""), name
        assert table[name].description.split() == COLUMN_OF_NAME[name].description.split(), name
        assert table[name].meta.get("ucd") == COLUMN_OF_NAME[name].ucd, name


def test_quantities_come_back_with_their_units(run: ts.Run) -> None:
    table = QTable.read(run.folder / "catalogue.ecsv", format="ascii.ecsv")
    assert table["err_freq"].to(units.kHz).unit == units.kHz
    assert (table["wm50"] / table["w50"]).unit == units.dimensionless_unscaled
    assert table["f_sum"].unit == units.Jy * units.Hz
    assert table["kin_pa"].unit == units.deg


def test_the_votable_obeys_the_standard(run: ts.Run) -> None:
    """Every deviation from the standard is a warning of the reader, and an error here."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", VOTableSpecWarning)
        document = votable.parse(str(run.folder / "catalogue.vot"), verify="exception")
    again = io.BytesIO()
    document.to_xml(again)
    copy = votable.parse(io.BytesIO(again.getvalue()), verify="exception").get_first_table()
    assert [field.name for field in copy.fields] == run.catalogue.colnames
    identifiers = [field.ID for field in copy.fields]
    assert len(set(identifiers)) == len(identifiers)
    assert all(re.fullmatch(r"[A-Za-z_][\w.-]*", identifier) for identifier in identifiers)


def test_pandas_reads_numbers_as_numbers(run: ts.Run) -> None:
    pytest.importorskip("pandas")
    frame = pyarrow.parquet.read_table(run.folder / "catalogue.parquet").to_pandas()
    assert list(frame.columns) == run.catalogue.colnames
    for name in frame.columns:
        ours = np.asarray(getattr(run.catalogue[name], "value", run.catalogue[name]))
        assert_array_equal(frame[name].to_numpy(dtype=ours.dtype if ours.dtype.kind != "U" else str), ours)
        if ours.dtype.kind != "U":
            assert frame[name].dtype == ours.dtype, name


def test_arrow_selects_columns_without_reading_the_others(run: ts.Run) -> None:
    part = pyarrow.parquet.read_table(
        run.folder / "catalogue.parquet", columns=["snr", "kin_pa"], filters=[("snr", ">", 5.0)]
    )
    assert part.column_names == ["snr", "kin_pa"]
    assert part.num_rows == np.count_nonzero(np.asarray(run.catalogue["snr"]) > 5.0)
