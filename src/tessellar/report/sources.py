"""The table of the brightest sources, and how all of them are distributed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tessellar.flags import flags_in
from tessellar.report import plots
from tessellar.report.markup import absent, panel, table, text
from tessellar.report.words import count, significant

if TYPE_CHECKING:
    from astropy.table import QTable

MAX_ROWS = 100
SPECTRAL = ("freq", "v_rad", "v_opt", "v_app")
_HEADINGS = {"freq": "Frequency", "v_rad": "Radio velocity", "v_opt": "Optical velocity", "v_app": "Velocity"}
_FRIENDLY = {  # unit of the catalogue: what people read, and the factor to it
    "Hz": ("MHz", 1e-6),
    "m / s": ("km/s", 1e-3),
    "Jy m / s": ("Jy km/s", 1e-3),
    "K m / s": ("K km/s", 1e-3),
    "Hz Jy": ("Jy Hz", 1.0),
}
WIDTHS = {"Hz": ("kHz", 1e-3)}


def positive(catalogue: QTable) -> QTable:
    """Return the sources with positive flux, the most significant first."""
    rows = catalogue
    if "f_sum" in rows.colnames:
        rows = rows[numbers(rows, "f_sum") > 0]
    if "snr" not in rows.colnames:
        return rows
    order = np.argsort(-np.nan_to_num(numbers(rows, "snr"), nan=-np.inf), kind="stable")
    return rows[order]


def numbers(rows: QTable, name: str) -> npt.NDArray[np.float64]:
    """Return a column as bare numbers in the catalogue's own unit."""
    return np.asarray(getattr(rows[name], "value", rows[name]), dtype=np.float64)


def brightest(sources: QTable) -> str:
    """Return the panel with the most significant sources."""
    if len(sources) == 0:
        return panel("Sources", absent("No source was found."), extent="wide")
    shown = sources[:MAX_ROWS]
    columns: list[tuple[str, bool, list[str]]] = [("#", True, [str(rank + 1) for rank in range(len(shown))])]
    if "name" in shown.colnames:
        columns.append(("Name", False, [f"<b>{text(name)}</b>" for name in shown["name"]]))
    columns += _positions(shown)
    for name in SPECTRAL:
        if name in shown.colnames:
            columns.append(_spectral(shown, name))
    if "f_sum" in shown.colnames:
        columns.append(_quantity(shown, "f_sum", "Flux"))
    if "snr" in shown.colnames:
        columns.append(("S/N", True, _bars(numbers(shown, "snr"))))
    if "w20" in shown.colnames:
        columns.append(_quantity(shown, "w20", "w20", narrow=True))
    if "n_pix" in shown.colnames:
        columns.append(("Voxels", True, [count(number) for number in shown["n_pix"]]))
    if "flag" in shown.colnames:
        columns.append(("Flags", False, [flag_chips(int(value)) for value in shown["flag"]]))
    return panel("Sources", _assemble(columns), note=_note(len(sources), len(shown)), extent="wide")


def distributions(sources: QTable) -> str:
    """Return the panels with the distributions of signal to noise and of flux."""
    panels = []
    for name, title in (("snr", "Signal to noise"), ("f_sum", "Flux")):
        values = friendly(sources, name)[0] if name in sources.colnames else np.empty(0)
        values = values[np.isfinite(values) & (values > 0)]
        unit = friendly(sources, name)[1] if name in sources.colnames else ""
        label = "S/N" if name == "snr" else f"flux ({unit})" if unit else "flux"
        body = plots.histogram(name, values, label) if values.size else absent("There is no source to count.")
        panels.append(panel(title, body, extent="small"))
    return "".join(panels)


def _assemble(columns: list[tuple[str, bool, list[str]]]) -> str:
    headings, kinds, cells = zip(*columns, strict=True)
    return table(headings, zip(*cells, strict=True), numbers=kinds)


def _note(n_sources: int, n_shown: int) -> str:
    if n_shown < n_sources:
        return (
            f"The {n_shown} most significant of {count(n_sources)} sources; all are in the catalogue files."
        )
    return "Numbers in the first column are those on the map. The catalogue files hold every column."


def _positions(rows: QTable) -> list[tuple[str, bool, list[str]]]:
    if {"ra", "dec"} <= set(rows.colnames):
        pairs = (("RA (deg)", "ra"), ("Dec (deg)", "dec"))
    elif {"l", "b"} <= set(rows.colnames):
        pairs = (("l (deg)", "l"), ("b (deg)", "b"))
    else:
        return [(name, True, _fixed(rows, name, 1)) for name in ("x", "y", "z") if name in rows.colnames]
    return [(heading, True, _fixed(rows, name, 4)) for heading, name in pairs]


def _spectral(rows: QTable, name: str) -> tuple[str, bool, list[str]]:
    values, unit = friendly(rows, name)
    decimals = 3 if name == "freq" else 1
    cells = [f"{value:.{decimals}f}" if np.isfinite(value) else "–" for value in values]
    return f"{_HEADINGS[name]} ({unit})", True, cells


def _fixed(rows: QTable, name: str, decimals: int) -> list[str]:
    return [f"{value:.{decimals}f}" if np.isfinite(value) else "–" for value in numbers(rows, name)]


def _quantity(rows: QTable, name: str, heading: str, *, narrow: bool = False) -> tuple[str, bool, list[str]]:
    values, unit = friendly(rows, name, WIDTHS if narrow else {})
    title = f"{heading} ({unit})" if unit else heading
    return title, True, [significant(float(value)) for value in values]


def friendly(
    rows: QTable, name: str, first: dict[str, tuple[str, float]] | None = None
) -> tuple[npt.NDArray[np.float64], str]:
    """Return a column in the unit that people read, and that unit; ``first`` has units that go before others."""
    column = rows[name]
    unit = str(column.unit) if column.unit is not None else ""
    shown, factor = {**_FRIENDLY, **(first or {})}.get(unit, (unit, 1.0))
    return numbers(rows, name) * factor, shown


def _bars(values: npt.NDArray[np.float64]) -> list[str]:
    """Return numbers with a bar behind them, as long as the root of the number."""
    top = float(np.nanmax(values)) if np.isfinite(values).any() else 0.0
    shares = np.sqrt(np.clip(np.nan_to_num(values / top), 0, 1)) if top > 0 else np.zeros(len(values))
    return [
        f'<span class="bar" style="--share:{100 * share:.0f}%">{value:.1f}</span>'
        for value, share in zip(values, shares, strict=True)
    ]


def flag_chips(value: int) -> str:
    """Return the flags in a sum of them as HTML, each with its meaning."""
    chips = (
        f'<span class="flag" title="{text(flag.words)}">{text(flag.name.replace("_", " "))}</span>'
        for flag in flags_in(value)
    )
    return " ".join(chips)
