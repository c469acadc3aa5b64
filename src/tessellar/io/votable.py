"""VOTable, the Virtual Observatory's table format: the same text for the same catalogue, byte for byte."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from astropy.table import Table

_COORDINATES = {"ra": "ICRS", "dec": "ICRS", "l": "galactic", "b": "galactic"}
_ROWS_AT_ONCE = 4096
_END = b"  </TABLE>"


def votable_bytes(table: Table, head: bytes | None = None) -> bytes:
    """Return a table as VOTable 1.4 in TABLEDATA, so that any editor can read it.

    Parameters
    ----------
    table
        The table.
    head
        Its `votable_head`, where that is at hand.
    """
    head = head or votable_head(table)
    if not len(table):
        return head
    data = b"".join([b"   <DATA>\n    <TABLEDATA>\n", *_rows(table), b"    </TABLEDATA>\n   </DATA>\n"])
    return head.replace(_END, data + _END)


def votable_head(table: Table) -> bytes:
    """Return a table as VOTable, but for its rows.

    Units, descriptions and UCDs (``column.meta["ucd"]``) become attributes of the fields; each item of
    ``table.meta["provenance"]`` becomes an INFO element.
    """
    from astropy.io import votable

    with warnings.catch_warnings():
        # VOUnit deprecates units that radio cubes do carry (erg, Angstrom); they are written all the same.
        warnings.simplefilter("ignore")
        document = votable.from_table(table[:0])
        _describe(document, table.meta.get("provenance", {}))
        text = io.BytesIO()
        document.to_xml(text)
    return text.getvalue()


def _rows(table: Table) -> Iterator[bytes]:
    """Yield the rows as astropy writes them, some at a time: it takes ten times as long for many sources."""
    for start in range(0, len(table), _ROWS_AT_ONCE):
        part = table[start : start + _ROWS_AT_ONCE]
        columns = [_cells(part[name].tolist()) for name in part.colnames]
        rows = ("</TD>\n      <TD>".join(row) for row in zip(*columns, strict=True))
        yield "".join(f"     <TR>\n      <TD>{row}</TD>\n     </TR>\n" for row in rows).encode()


def _cells(values: list[Any]) -> list[str]:
    """Return what stands in the cells of a column."""
    if values and isinstance(values[0], float):
        return [_real(value) for value in values]
    return [escape(str(value)) for value in values]


def _real(value: float) -> str:
    """Return all digits of a number, as few as bring it back; VOTable has words of its own for what is none."""
    if isfinite(value):
        text = repr(value)
        return text.removesuffix(".0")
    return "NaN" if value != value else "+InF" if value > 0 else "-InF"


def read_votable(file: Path | io.BytesIO) -> Table:
    """Return the first table of a VOTable, with ``meta["provenance"]`` from its INFO elements."""
    from astropy.io import votable

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deviations from the standard that astropy can read through
        document = votable.parse(file if isinstance(file, io.BytesIO) else str(file))
        table = document.get_first_table().to_table(use_names_over_ids=True)
    for column in table.itercols():
        column.description = " ".join((column.description or "").split())
    table.meta["provenance"] = {i.name: i.value for r in document.resources for i in r.infos}
    return table


def _describe(document: Any, provenance: dict[str, str]) -> None:
    from astropy.io.votable.tree import CooSys, Info

    resource = document.resources[0]
    for number, (name, value) in enumerate(sorted(provenance.items())):
        resource.infos.append(Info(ID=f"info_{number}", name=name, value=value))
    fields = {field.name: field for field in resource.tables[0].fields}
    systems = {_COORDINATES[name] for name in fields if name in _COORDINATES}
    for system in sorted(systems):
        resource.coordinate_systems.append(CooSys(ID=f"{system}_system", system=system))
    for name, field in fields.items():
        if name in _COORDINATES:
            field.ref = f"{_COORDINATES[name]}_system"
