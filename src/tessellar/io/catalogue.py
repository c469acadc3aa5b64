"""The catalogue: one row for each source, in three files that say the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tessellar.errors import InputError, UsageError
from tessellar.io.columns import COLUMN_OF_NAME, COLUMNS, CatalogueColumn
from tessellar.io.naming import shown
from tessellar.io.publish import atomic_files, make_folder, output_errors

if TYPE_CHECKING:
    import numpy.typing as npt
    from astropy.table import Column, QTable, Table
    from astropy.units import Quantity, UnitBase

    from tessellar.model import CubeMeta


def make_table(
    columns: Mapping[str, npt.NDArray[Any]],
    meta: CubeMeta,
    *,
    flux_unit: str,
    provenance: Mapping[str, str] | None = None,
    descriptions: Mapping[str, str] | None = None,
) -> QTable:
    """Return a catalogue with the units, UCDs and descriptions of its columns.

    Parameters
    ----------
    columns
        Arrays of one length by column name, in any order; see `tessellar.io.columns.COLUMNS`.
    meta
        The cube, for the units of its voxels and of its spectral axis.
    flux_unit
        Unit of ``f_sum`` and ``err_f_sum`` (``"Jy Hz"``, ``"Jy m / s"``, ``"K m / s"`` …), ``""`` for none.
    provenance
        What the catalogue was made from and with; it must not hold anything that changes between runs.
    descriptions
        What columns hold, where that is not what the registry says.

    Raises
    ------
    UsageError
        A column that is not in the registry, or columns of different lengths.
    """
    from astropy.table import QTable

    _refuse_unknown(columns)
    table = QTable()
    said = descriptions or {}
    units = {"cube": meta.unit, "flux": flux_unit, "spectral": meta.spectral.unit or "pix"}
    for column in COLUMNS:
        if column.name in columns:
            unit = _unit(units.get(column.unit, column.unit))
            table[column.name] = _with_unit(_cast(columns[column.name], column), unit)
            table[column.name].info.description = said.get(column.name, column.description)
            table[column.name].info.meta = {"ucd": column.ucd}
    table.meta["provenance"] = dict(sorted((provenance or {}).items()))
    return table


def write_catalogue(table: QTable, folder: Path, stem: str = "catalogue") -> list[Path]:
    """Write ``stem.vot``, ``stem.parquet`` and ``stem.ecsv``; equal tables give equal bytes.

    Each file is on the disk before any of them gets its name, so that a catalogue that exists is complete.

    Raises
    ------
    OutputError
        The folder cannot be written to.
    """
    from tessellar.io.ecsv import ecsv_bytes
    from tessellar.io.voparquet import voparquet_bytes
    from tessellar.io.votable import votable_bytes, votable_head

    plain = plain_table(table)
    head = votable_head(plain)
    contents = {
        f"{stem}.ecsv": ecsv_bytes(plain),
        f"{stem}.parquet": voparquet_bytes(plain, head),
        f"{stem}.vot": votable_bytes(plain, head),
    }
    with output_errors(folder):
        make_folder(folder)
    with atomic_files(folder) as draft_of:
        for name, content in contents.items():
            draft_of(name).write_bytes(content)
    return [folder / name for name in contents]


def read_catalogue(path: Path) -> QTable:
    """Return a catalogue from a ``.vot``, ``.xml``, ``.parquet`` or ``.ecsv`` file, or from a run folder.

    Raises
    ------
    InputError
        There is no such file, or it is not a table of that format.
    """
    file = path / "catalogue.ecsv" if path.is_dir() else path
    name = shown(file)
    if not file.is_file():
        raise InputError(f"There is no catalogue {name}. Give a catalogue, or the folder of a finished run.")
    reader = _readers().get(file.suffix)
    if reader is None:
        raise InputError(f"{name} is not a catalogue that can be read. Give one of {', '.join(_readers())}.")
    try:
        return _quantities(reader(file))
    except Exception as error:
        reason = str(error).strip().partition("\n")[0]
        raise InputError(f"{name} cannot be read as a {file.suffix} table: {reason}") from error


def _readers() -> dict[str, Callable[[Path], Table]]:
    from tessellar.io.voparquet import read_voparquet
    from tessellar.io.votable import read_votable

    return {".vot": read_votable, ".xml": read_votable, ".parquet": read_voparquet, ".ecsv": _read_ecsv}


def _refuse_unknown(columns: Mapping[str, npt.NDArray[Any]]) -> None:
    unknown = sorted(set(columns) - set(COLUMN_OF_NAME))
    if unknown:
        raise UsageError(
            f"A catalogue has no column {', '.join(unknown)}. It may have {', '.join(COLUMN_OF_NAME)}."
        )
    lengths = {name: len(array) for name, array in columns.items()}
    if len(set(lengths.values())) > 1:
        raise UsageError(f"The columns of a catalogue need one length, these have {lengths}.")


def _cast(array: npt.NDArray[Any], column: CatalogueColumn) -> npt.NDArray[Any]:
    import numpy as np

    return np.asarray(array, dtype=column.dtype)


def _unit(text: str) -> UnitBase | None:
    """Return astropy's unit, None where there is none or where astropy does not know it."""
    from astropy import units

    unit = units.Unit(text, parse_strict="silent") if text else None
    return None if isinstance(unit, units.UnrecognizedUnit) else unit


def _with_unit(array: npt.NDArray[Any], unit: UnitBase | None) -> Column | Quantity:
    from astropy.table import Column
    from astropy.units import Quantity

    if unit is None:
        return Column(array)
    return Quantity(array, unit, dtype=array.dtype)


def plain_table(table: QTable) -> Table:
    """Return the table with ordinary columns, the form that every format writes with the least ado."""
    import numpy as np
    from astropy.table import Column, Table

    plain = Table(meta={"provenance": table.meta.get("provenance", {})})
    for name in table.colnames:
        info = table[name].info
        values: npt.NDArray[Any] = np.asarray(getattr(table[name], "value", table[name]))
        plain[name] = Column(values, unit=info.unit, description=info.description, meta=dict(info.meta or {}))
    return plain


def _quantities(plain: Table) -> QTable:
    """Return the table with quantities, NaN where a reader masked a number."""
    import numpy as np
    from astropy.table import QTable

    table = QTable(meta={"provenance": dict(plain.meta.get("provenance", {}))})
    for name in plain.colnames:
        column = plain[name]
        values: npt.NDArray[Any] = np.ma.getdata(column.data)
        if values.dtype.kind == "f":
            values = np.ma.filled(np.ma.asarray(column.data), np.nan)
        table[name] = _with_unit(values.astype(str) if values.dtype.kind == "O" else values, column.unit)
        table[name].info.description = column.description
        ucd = (column.meta or {}).get("ucd")
        table[name].info.meta = {"ucd": ucd} if ucd else {}
    return table


def _read_ecsv(path: Path) -> Table:
    from astropy.table import Table

    return Table.read(path, format="ascii.ecsv")
