"""A catalogue says the same in its three files, and the same table gives the same bytes."""

from __future__ import annotations

import errno
import io
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
from astropy.io import votable
from astropy.io.votable.ucd import parse_ucd
from astropy.table import QTable, Table
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from tessellar.errors import InputError, OutputError, UsageError
from tessellar.flags import FLAGS, FLAGS_OF_LOOKS, flag_legend, flags_in
from tessellar.io.catalogue import make_table, read_catalogue, write_catalogue
from tessellar.io.columns import COLUMNS
from tessellar.io.ecsv import ecsv_bytes
from tessellar.io.source_names import source_names
from tessellar.io.votable import votable_bytes
from tessellar.model import CubeMeta, SpectralAxis

FORMATS = ("vot", "parquet", "ecsv")


def cube(unit: str = "Jy / beam", spectral_unit: str = "Hz") -> CubeMeta:
    kind = {"Hz": "freq", "m/s": "v_rad"}.get(spectral_unit, "channel")
    return CubeMeta("a cube", (4, 5, 6), unit, SpectralAxis(kind, spectral_unit, (1.0, 2.0, 3.0, 4.0)))


def every_column(n_rows: int) -> dict[str, np.ndarray]:
    """Return all columns with values that a lossy format would spoil."""
    rows = np.arange(n_rows)
    columns = {}
    for number, column in enumerate(COLUMNS):
        if column.dtype == "str":
            columns[column.name] = np.array([f"TSL é<{row}>&" for row in rows], dtype=np.str_)
        elif column.dtype == "float64":
            columns[column.name] = np.where(rows % 5 == 4, np.nan, (rows + number) / 3.0e-7)
        else:
            columns[column.name] = rows + np.iinfo(column.dtype).max - 100
    return columns


def table_of(n_rows: int, meta: CubeMeta | None = None) -> QTable:
    provenance = {"cube": 'a "<hostile>" & odd name', "name": "x", "version": "0.1.0"}
    return make_table(every_column(n_rows), meta or cube(), flux_unit="Jy Hz", provenance=provenance)


def assert_same(found: QTable, expected: QTable) -> None:
    assert found.colnames == expected.colnames
    assert found.meta == expected.meta
    for name in expected.colnames:
        a, b = found[name], expected[name]
        assert_array_equal(np.asarray(a), np.asarray(b), err_msg=name)
        assert a.dtype.kind == b.dtype.kind, name
        assert a.dtype == b.dtype or a.dtype.kind == "U", name
        assert a.info.unit == b.info.unit, name
        assert a.info.description == b.info.description, name
        assert a.info.meta == b.info.meta, name


@pytest.mark.parametrize("n_rows", [0, 1, 7])
@pytest.mark.parametrize("form", FORMATS)
def test_units_ucds_descriptions_and_types_survive(tmp_path: Path, form: str, n_rows: int) -> None:
    table = table_of(n_rows)
    write_catalogue(table, tmp_path)
    assert_same(read_catalogue(tmp_path / f"catalogue.{form}"), table)


@given(st.lists(st.floats(width=64), max_size=5))
def test_any_double_survives_in_every_format(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[float]
) -> None:
    folder = tmp_path_factory.mktemp("doubles")
    columns = {"id": np.arange(len(numbers)), "f_max": np.array(numbers, dtype=float)}
    table = make_table(columns, cube(), flux_unit="")
    write_catalogue(table, folder)
    for form in FORMATS:
        assert_same(read_catalogue(folder / f"catalogue.{form}"), table)


@pytest.mark.parametrize("n_rows", [0, 7])
def test_equal_tables_give_equal_bytes(tmp_path: Path, n_rows: int) -> None:
    first = write_catalogue(table_of(n_rows), tmp_path / "a")
    second = write_catalogue(table_of(n_rows), tmp_path / "b")
    assert [path.name for path in first] == ["catalogue.ecsv", "catalogue.parquet", "catalogue.vot"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_columns_stand_in_the_order_of_the_registry_whatever_the_caller_does() -> None:
    columns = every_column(2)
    backwards = dict(reversed(columns.items()))
    assert make_table(backwards, cube(), flux_unit="").colnames == [column.name for column in COLUMNS]


@pytest.mark.parametrize(
    ("unit", "spectral_unit", "flux_unit", "f_max", "f_sum", "w20"),
    [
        ("Jy / beam", "Hz", "Jy Hz", "Jy / beam", "Jy Hz", "Hz"),
        ("beam-1 Jy", "m/s", "Jy m / s", "Jy / beam", "Jy m / s", "m / s"),
        ("K", "m/s", "K m / s", "K", "K m / s", "m / s"),
        ("", "", "", None, None, "pix"),
        ("no such unit", "Hz", "", None, None, "Hz"),
    ],
)
def test_units_follow_the_cube(
    unit: str, spectral_unit: str, flux_unit: str, f_max: str | None, f_sum: str | None, w20: str
) -> None:
    columns = {name: np.ones(1) for name in ("f_max", "f_sum", "w20", "x", "ra", "snr")}
    table = make_table(columns, cube(unit, spectral_unit), flux_unit=flux_unit)
    found = {name: table[name].info.unit for name in table.colnames}
    assert found == {"x": "pix", "f_max": f_max, "f_sum": f_sum, "w20": w20, "snr": None, "ra": "deg"}


@pytest.mark.parametrize(
    "unit", ["erg / (s cm2 Angstrom)", "ct", "Jy / pix", "mJy / beam", "MJy / sr", "Jy K"]
)
def test_units_that_the_standards_dislike_are_kept_without_a_warning(tmp_path: Path, unit: str) -> None:
    table = make_table({"f_max": np.ones(2)}, cube(unit), flux_unit="")
    write_catalogue(table, tmp_path)
    for form in FORMATS:
        assert read_catalogue(tmp_path / f"catalogue.{form}")["f_max"].unit == table["f_max"].unit


def test_the_rows_of_the_votable_are_those_that_astropy_writes() -> None:
    numbers = [0.0, -0.0, 1.0, -3.0, 1e16, 1e22, 1.5e-300, 0.1, np.nan, np.inf, -np.inf]
    table = Table(
        {"a": numbers, "b": np.arange(11), "c": ["x < y & 'z' é"] * 11, "d": np.arange(11, dtype=np.int32)}
    )
    for n in (0, 1, 11):
        text = io.BytesIO()
        votable.from_table(table[:n]).to_xml(text)
        rows = text.getvalue().partition(b"<TABLEDATA>")[2]
        assert votable_bytes(table[:n]).partition(b"<TABLEDATA>")[2] == rows


TEXTS = st.text(alphabet=" \"#,'aé<\t", max_size=6).map(str.strip)  # astropy drops what surrounds a text


@given(st.lists(st.tuples(TEXTS, st.floats(width=64), st.integers(-9, 2**62))))
def test_the_ecsv_file_is_what_astropy_writes(rows: list[tuple[str, float, int]]) -> None:
    texts, reals, numbers = zip(*rows, strict=True) if rows else ((), (), ())
    table = Table(
        {"text": np.array(texts, np.str_), "real": np.array(reals), "number": np.array(numbers, np.int64)},
        units={"real": "Jy / beam"},
        meta={"provenance": {"cube": "a b"}},
    )
    text = io.StringIO()
    table.write(text, format="ascii.ecsv")
    assert ecsv_bytes(table).decode() == text.getvalue()


def test_other_programs_read_the_votable(tmp_path: Path) -> None:
    write_catalogue(table_of(3), tmp_path)
    document = votable.parse(str(tmp_path / "catalogue.vot"), verify="exception")
    assert document.version == "1.4"
    fields = {field.name: field for field in document.get_first_table().fields}
    assert fields["ra"].ucd == "pos.eq.ra;meta.main"
    assert fields["f_max"].unit.to_string() == "Jy / beam"
    assert fields["id"].datatype == "long"
    assert document.get_field_by_id_or_name("ra").ref == "ICRS_system"


@pytest.mark.parametrize("n_rows", [0, 3])
def test_other_programs_read_the_parquet_file(tmp_path: Path, n_rows: int) -> None:
    write_catalogue(table_of(n_rows), tmp_path)
    data = pyarrow.parquet.read_table(tmp_path / "catalogue.parquet")
    assert data.num_rows == n_rows
    assert str(data.schema.field("id").type) == "int64"
    header = data.schema.metadata[b"IVOA.VOTable-Parquet.content"]
    assert votable.parse(io.BytesIO(header)).get_first_table().fields[0].ucd == "meta.id;meta.main"
    if n_rows:
        table = Table.read(tmp_path / "catalogue.parquet", format="parquet.votable")
        assert str(table["w20"].unit) == "Hz"
        assert len(table) == n_rows


def test_the_three_files_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(path: Path, content: bytes) -> None:
        if path.suffix == ".vot":  # the last of the three
            raise OSError(errno.ENOSPC, "No space left on device")
        path.open("wb").close()

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    with pytest.raises(OutputError, match=r"catalogue\.vot cannot be written: no space is left"):
        write_catalogue(table_of(1), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("not a folder")
    with pytest.raises(OutputError, match="run cannot be written"):
        write_catalogue(table_of(1), tmp_path / "run")


def test_a_rewritten_catalogue_replaces_the_old_one(tmp_path: Path) -> None:
    write_catalogue(table_of(5), tmp_path)
    write_catalogue(table_of(2), tmp_path)
    assert len(read_catalogue(tmp_path)) == 2
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("name", ["catalogue.vot", "catalogue.parquet", "catalogue.ecsv"])
@pytest.mark.parametrize("content", [b"", b"\x00\xff garbage \x01", b"a b c\n1 2\n"])
def test_what_is_no_table_is_one_sentence(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match="cannot be read as a") as error:
        read_catalogue(tmp_path / name)
    assert "\n" not in str(error.value)


def test_missing_and_unknown_files_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no catalogue"):
        read_catalogue(tmp_path)
    (tmp_path / "catalogue.doc").write_text("")
    with pytest.raises(InputError, match=r"\.vot, \.xml, \.parquet, \.ecsv"):
        read_catalogue(tmp_path / "catalogue.doc")


def test_columns_that_do_not_exist_or_do_not_fit_are_refused() -> None:
    with pytest.raises(UsageError, match="no column flux, w30"):
        make_table({"w30": np.ones(1), "flux": np.ones(1)}, cube(), flux_unit="")
    with pytest.raises(UsageError, match="one length"):
        make_table({"x": np.ones(1), "y": np.ones(2)}, cube(), flux_unit="")


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
def test_every_ucd_is_of_the_controlled_vocabulary(column: object) -> None:
    assert parse_ucd(column.ucd, check_controlled_vocabulary=True)


def test_column_names_are_unique() -> None:
    assert len({column.name for column in COLUMNS}) == len(COLUMNS)


def test_every_flag_is_one_bit_of_its_own_and_stands_in_the_description() -> None:
    assert [flag.bit for flag in FLAGS_OF_LOOKS] == [1, 2, 4, 8, 32, 64, 128]
    assert FLAGS_OF_LOOKS[:-1] == FLAGS
    table = table_of(1)
    description = table["flag"].info.description
    assert all(f"{flag.bit} {flag.words}" in description for flag in FLAGS)
    assert flag_legend() in description


@given(st.sets(st.sampled_from(FLAGS_OF_LOOKS)))
def test_a_flag_value_is_the_sum_of_its_flags(chosen: set[object]) -> None:
    assert set(flags_in(sum(flag.bit for flag in chosen))) == chosen


@pytest.mark.parametrize(
    ("ra", "dec", "name"),
    [
        (181.070375, 61.891055, "TSL J120416.89+615327.7"),  # 12:04:16.89 exactly, +61:53:27.798
        (0.0, 0.0, "TSL J000000.00+000000.0"),
        (359.999999, -0.00001, "TSL J235959.99-000000.0"),
        (-1e-13, -89.99999, "TSL J000000.00-895959.9"),
        (15.0, 9.999999, "TSL J010000.00+095959.9"),  # truncated, never rounded up to +10
        (np.nan, 1.0, "TSL 000042"),
    ],
)
def test_names_are_cut_off_positions(ra: float, dec: float, name: str) -> None:
    assert list(source_names(np.array([42]), np.array([ra]), np.array([dec]))) == [name]


def test_names_without_sky_coordinates_are_numbers() -> None:
    assert list(source_names(np.array([123, 2**41]))) == ["TSL 000123", "TSL 2199023255552"]


@given(st.integers(0, 24 * 360000 - 1))
def test_a_position_written_with_the_names_own_digits_keeps_them(ticks: int) -> None:
    seconds, hundredths = divmod(ticks, 100)
    clock = f"{seconds // 3600:02d}{seconds // 60 % 60:02d}{seconds % 60:02d}.{hundredths:02d}"
    (name,) = source_names(np.array([1]), np.array([ticks / 24000.0]), np.array([0.0]))
    assert name == f"TSL J{clock}+000000.0"


def test_the_documentation_lists_every_column_and_flag() -> None:
    page = (Path(__file__).parents[2] / "docs" / "catalogue.md").read_text(encoding="utf-8")
    columns = [f"| `{c.name}` | {c.dtype} | {c.unit} | `{c.ucd}` | {c.description} |" for c in COLUMNS]
    flags = [f"| {flag.bit} | `{flag.name}` | {flag.words} |" for flag in FLAGS_OF_LOOKS]
    assert lines_after(page, "| column |") == columns
    assert lines_after(page, "| bit |") == flags


def lines_after(page: str, heading: str) -> list[str]:
    """Return the rows of the table whose first line begins with a heading."""
    rows = page[page.index(heading) :].split("\n\n")[0].splitlines()
    return rows[2:]
