"""The sources as ellipses that DS9 and CARTA draw over the cube."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from astropy.table import QTable

_HEADER = "# Region file format: DS9 version 4.1\nglobal color=cyan width=1\nimage\n"


def region_text(table: QTable) -> str:
    """Return a DS9 region file with one ellipse for each source, in image pixels counted from 1.

    DS9 measures the angle of the first axis from the x axis, the catalogue from the y axis.
    """
    names = ("x", "y", "ell_maj", "ell_min", "ell_pa")
    rows = zip(*(getattr(table[name], "value", table[name]) for name in names), table["name"], strict=True)
    return _HEADER + "".join(
        f"ellipse({x + 1:.3f},{y + 1:.3f},{major:.3f},{minor:.3f},{pa + 90:.2f}) # text={{{name}}}\n"
        for x, y, major, minor, pa, name in rows
        if all(map(isfinite, (x, y, major, minor, pa)))
    )
