"""Catalogues from files of every kind that people bring, and one clear sentence for the others."""

from __future__ import annotations

from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.table import QTable

from tessellar.challenge.columns import numbers
from tessellar.challenge.match import match
from tessellar.challenge.tables import read_table
from tessellar.errors import InputError

TABLE = QTable({"id": [1, 2], "x": [1.5, 2.5] * u.pix, "f_sum": [3.0, 4.0] * (u.Jy * u.Hz)})

SOFIA = """\
# SoFiA source catalogue
# Creator: SoFiA 2.3.0
#
#                           1             2             3             4             5             6
#                        name            id             x             y             z         f_sum
#                                                     pix           pix           pix     beam-1 Jy

    SoFiA J120416.89+615327.8             1      4.785596     19.126010     46.547008      0.061863
    SoFiA J120410.26+615623.0             2      9.652698     36.575923     17.726576           nan
"""


@pytest.mark.parametrize(
    ("name", "table_format"),
    [("t.ecsv", "ascii.ecsv"), ("t.vot", "votable"), ("t.parquet", "parquet"), ("t.dat", "ascii.ecsv")],
)
def test_tables_of_astropy(tmp_path: Path, name: str, table_format: str) -> None:
    TABLE.write(tmp_path / name, format=table_format)
    again = read_table(tmp_path / name)
    assert again.colnames == ["id", "x", "f_sum"]
    assert again["f_sum"].to_value("Jy Hz").tolist() == [3.0, 4.0]
    assert again["x"].unit == u.pix


def test_parquet_with_votable_header(tmp_path: Path) -> None:
    metadata = {
        name: {"unit": str(TABLE[name].unit or ""), "ucd": "", "utype": "", "description": ""}
        for name in TABLE.colnames
    }
    TABLE.write(tmp_path / "t.parquet", format="parquet.votable", metadata=metadata)
    assert read_table(tmp_path / "t.parquet")["f_sum"].to_value("Jy Hz").tolist() == [3.0, 4.0]


def test_sofia_text(tmp_path: Path) -> None:
    (tmp_path / "cat.txt").write_text(SOFIA)
    table = read_table(tmp_path / "cat.txt")
    assert table["name"].tolist() == ["SoFiA J120416.89+615327.8", "SoFiA J120410.26+615623.0"]
    assert table["id"].tolist() == [1, 2]
    assert table["y"][1] == 36.575923 * u.pix
    assert table["f_sum"].unit == u.Jy / u.beam
    assert np.isnan(table["f_sum"][1])


def test_sofia_text_without_sources(tmp_path: Path) -> None:
    (tmp_path / "cat.txt").write_text("".join(SOFIA.splitlines(keepends=True)[:7]))
    table = read_table(tmp_path / "cat.txt")
    assert len(table) == 0
    assert match(table, table).n_reference == 0


def test_a_run_folder(tmp_path: Path) -> None:
    TABLE.write(tmp_path / "catalogue.ecsv", format="ascii.ecsv")
    assert len(read_table(tmp_path)) == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("hello world\n1 2\n", "no catalogue that can be recognised"),
        ("SIMPLE  =                    T", "no catalogue that can be recognised"),
        ("# SoFiA source catalogue\n# nothing else\n", "no header line"),
        (SOFIA + " SoFiA 3 4\n", "row of"),
        ("# %ECSV 1.0\n# ---\n# datatype: what\n", "cannot be read as a table"),
        ("<?xml version='1.0'?><VOTABLE><broken", "cannot be read as a table"),
        ("PAR1 and no more", "cannot be read as a table"),
    ],
)
def test_other_files_get_one_sentence(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "file").write_text(text)
    with pytest.raises(InputError, match=words):
        read_table(tmp_path / "file")


def test_absent_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no catalogue"):
        read_table(tmp_path / "absent.vot")
    with pytest.raises(InputError, match="cannot be read"):
        read_table(tmp_path)


def test_the_real_sofia_catalogue(data_dir: Path) -> None:
    table = read_table(data_dir / "cubes" / "empty_corner_sofia" / "subcube_0_cat.txt")
    assert len(table) == 3
    assert table["v_opt"].unit == u.m / u.s
    assert table["rel"][2] == 0.839564
    assert match(table, table).completeness == 1.0


def test_the_real_sdc2_truth(data_dir: Path) -> None:
    table = read_table(data_dir / "sdc2" / "sky_dev_truthcat_v2.txt")
    assert len(table) == 2684
    assert table["line_flux_integral"].unit == u.Jy * u.Hz
    assert table.meta["beam_arcsec"] == 7.0
    result = match(table[::2], table)
    assert result.n_matched == 1342
    assert result.reliability == 1.0


def test_names_in_quotes_and_columns_without_unit_as_sofia_2_5_writes_them(tmp_path: Path) -> None:
    text = (
        "# SoFiA source catalogue\n#\n"
        "#                name   id     x     y     z  f_sum\n"
        "#                   -    -   pix   pix   pix  Jy*Hz\n\n"
        '  "SoFiA J12 0013"       1   1.5   2.5   3.5   9.0\n'
    )
    (tmp_path / "sky_cat.txt").write_text(text)
    table = read_table(tmp_path / "sky_cat.txt")
    assert str(table["name"][0]) == "SoFiA J12 0013"
    assert table["id"].unit is None
    assert str(table["f_sum"].unit) == "Hz Jy"


def test_units_that_votable_does_not_know_are_understood(tmp_path: Path) -> None:
    fields = "".join(f'<FIELD name="{name}" datatype="double" unit="pix"/>' for name in "xyz")
    fields += '<FIELD name="f_sum" datatype="double" unit="Jy*Hz"/>'
    row = "".join(f"<TD>{value}</TD>" for value in (1, 2, 3, 9))
    (tmp_path / "cat.xml").write_text(
        '<?xml version="1.0"?><VOTABLE version="1.3" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE><TABLE>'
        f"{fields}<DATA><TABLEDATA><TR>{row}</TR></TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>"
    )
    assert numbers(read_table(tmp_path / "cat.xml"), ("f_sum",), "mJy Hz").tolist() == [9000]
