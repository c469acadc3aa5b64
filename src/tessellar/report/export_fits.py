"""A run as FITS files alone: the catalogue as a binary table, the mask as a cube of labels, the maps."""

from __future__ import annotations

from tessellar.io.catalogue import plain_table
from tessellar.io.fits_table import write_fits_table
from tessellar.report.export import Export
from tessellar.report.export_products import export_maps, export_mask

_MAPS = ("mom0", "mom1", "mom2", "chan", "snr")


def export_fits(export: Export) -> None:
    """Write catalogue, mask and maps; a label of the mask is the row of the table, counted from 1.

    Raises
    ------
    InputError
        A product of the run is damaged.
    OutputError
        The export cannot be written.
    """
    table = plain_table(export.table)
    export.once(export.path("cat.fits"), lambda path: write_fits_table(table, path))
    export_mask(export)
    export_maps(export, _MAPS)
