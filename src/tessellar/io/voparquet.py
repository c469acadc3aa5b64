"""VOParquet: a Parquet file with a VOTable header, so that units and UCDs survive where speed counts."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tessellar.io.votable import read_votable

if TYPE_CHECKING:
    import pyarrow
    from astropy.table import Table

_VERSION = b"IVOA.VOTable-Parquet.version"
_CONTENT = b"IVOA.VOTable-Parquet.content"


def voparquet_bytes(table: Table, head: bytes) -> bytes:
    """Return a table as VOParquet 1.0.

    Written here and not by astropy (``format="parquet.votable"``), whose writer refuses a table without rows.

    Parameters
    ----------
    table
        The table.
    head
        From `tessellar.io.votable.votable_head`.
    """
    import pyarrow
    import pyarrow.parquet

    columns = [_arrow(np.asarray(table[name].data)) for name in table.colnames]
    metadata = {_VERSION: b"1.0", _CONTENT: _without_rows(head), **_text_lengths(table)}
    data = pyarrow.Table.from_arrays(columns, names=table.colnames).replace_schema_metadata(metadata)
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(data, buffer, compression="zstd")
    return buffer.getvalue()


def _arrow(values: npt.NDArray[Any]) -> pyarrow.Array:
    """Return a column for pyarrow, from its bytes: ``pyarrow.array`` would import pandas, most of a second."""
    import pyarrow

    if values.dtype.kind == "U":
        texts = [text.encode() for text in values.tolist()]
        ends = np.cumsum([0, *map(len, texts)], dtype=np.int32)
        buffers = [None, pyarrow.py_buffer(ends), pyarrow.py_buffer(b"".join(texts))]
        return pyarrow.Array.from_buffers(pyarrow.string(), len(texts), buffers)
    kind = pyarrow.from_numpy_dtype(values.dtype)
    return pyarrow.Array.from_buffers(
        kind, values.size, [None, pyarrow.py_buffer(np.ascontiguousarray(values))]
    )


def read_voparquet(path: Path) -> Table:
    """Return the table of a VOParquet file, with the units, descriptions and UCDs of its header."""
    import pyarrow.parquet

    data = pyarrow.parquet.read_table(path)
    header = (data.schema.metadata or {}).get(_CONTENT)
    if header is None:
        raise ValueError("its metadata has no VOTable header")
    described = read_votable(io.BytesIO(header))
    table = described.copy()
    table.remove_columns(table.colnames)
    for name in data.column_names:
        empty = described[name]
        column = data[name].to_numpy()
        kept = column.astype(str) if column.dtype.kind == "O" else column
        table[name] = type(empty)(kept, unit=empty.unit, description=empty.description, meta=empty.meta)
    return table


def _without_rows(head: bytes) -> bytes:
    """Return the VOTable of the columns with the element that says where their data are."""
    return head.replace(b"</TABLE>", b' <PARQUET type="Parquet-local-XML"/>\n  </TABLE>')


def _text_lengths(table: Table) -> dict[bytes, bytes]:
    """Return the lengths of text columns under the keys where astropy's own reader looks for them."""
    texts = [name for name in table.colnames if table[name].dtype.kind == "U"]
    return {f"table::len::{name}".encode(): str(table[name].dtype.itemsize // 4).encode() for name in texts}
