"""A catalogue as a FITS binary table, with units, UCDs and descriptions; equal catalogues give equal bytes."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from tessellar.io.publish import write_bytes

if TYPE_CHECKING:
    from astropy.table import Table


def write_fits_table(table: Table, path: Path) -> None:
    """Write a table of plain columns as the first extension of a FITS file, atomically.

    Descriptions become cards ``TCOMMn`` and UCDs ``TUCDn``, as TOPCAT reads and writes them; each item of
    ``table.meta["provenance"]`` becomes a line of ``HISTORY``.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    from astropy.io import fits

    bare = table.copy()
    bare.meta.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # units that FITS does not know are written all the same
        hdu = fits.table_to_hdu(bare)
    for number, name in enumerate(table.colnames, start=1):
        column = table[name]
        hdu.header[f"TCOMM{number}"] = column.description or ""
        if column.meta.get("ucd"):
            hdu.header[f"TUCD{number}"] = column.meta["ucd"]
    hdu.header["EXTNAME"] = "CATALOGUE"
    for name, value in sorted(table.meta.get("provenance", {}).items()):
        hdu.header.add_history(
            "".join(c if c.isascii() and c.isprintable() else "?" for c in f"{name}: {value}")
        )
    content = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(content)
    write_bytes(path, content.getvalue())
