"""The files of a finished run for people: numbers, report, and last of all the catalogue."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tessellar.config import plain
from tessellar.io.publish import write_text

if TYPE_CHECKING:
    from astropy.table import QTable


def write_results(folder: Path, info: dict[str, Any], table: QTable, *, report: bool) -> None:
    """Write ``run.json``, ``regions.reg``, perhaps ``report.html``, and the catalogue: one that exists is complete.

    Raises
    ------
    OutputError
        The folder cannot be written to.
    """
    from tessellar.io.catalogue import write_catalogue
    from tessellar.io.regions import region_text

    write_text(folder / "run.json", json.dumps(info, indent=1, default=plain) + "\n")
    write_text(folder / "regions.reg", region_text(table))
    if report:
        from tessellar.report.html import write_report

        write_report(folder, table)
    write_catalogue(table, folder)
