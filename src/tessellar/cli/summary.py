"""The outcome of a run in a few lines."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tessellar.report.words import count, duration, significant, things

if TYPE_CHECKING:
    from tessellar.api import Run

BRIGHTEST = 5
_COLUMNS = (("name", "{}"), ("ra", "{:.5f}"), ("dec", "{:+.5f}"), ("x", "{:.1f}"), ("y", "{:.1f}"))


def summary(run: Run) -> str:
    """Return how many sources there are, the brightest of them, what the run cost, and where its report is."""
    report = run.folder / "report.html"
    place = (
        str(report) if report.exists() else f"none; tessellar report {shlex.quote(str(run.folder))} writes it"
    )
    return "\n".join([_found(run), *brightest(run), *costs(run.info), f"report   {place}"])


def _found(run: Run) -> str:
    info = run.info
    text = f"{things(info['n_sources'], 'source')} in {things(info['n_voxels'], 'voxel')} of {info['cube']['name']}"
    return text if run.complete else f"{text}; the run is not complete"


def brightest(run: Run) -> list[str]:
    """Return the rows of the brightest sources under a heading with units, nothing where there are none."""
    table = run.catalogue
    if not len(table):
        return []
    order = sorted(range(len(table)), key=lambda row: -_number(table["f_sum"][row]))[:BRIGHTEST]
    columns = [(name, form) for name, form in _COLUMNS if name in table.colnames]
    head = [_heading(table, name) for name, _ in columns] + [_heading(table, "f_sum"), "snr"]
    rows = [
        [form.format(getattr(table[name][row], "value", table[name][row])) for name, form in columns]
        + [significant(_number(table[name][row]), 4) for name in ("f_sum", "snr")]
        for row in order
    ]
    return aligned([head, *rows])


def costs(info: dict[str, Any]) -> list[str]:
    """Return time, speed and memory against the plan."""
    rate = info["voxels_per_second"] / 1e6
    peak, planned = (value / 2**20 for value in (info["peak_rss_bytes"], info["plan"]["projected_bytes"]))
    each = " for each worker" if info["plan"].get("projected_for") == "each worker" else ""
    tiles = f"{count(info['n_tiles'])} tile{'s' if info['n_tiles'] != 1 else ''}"
    return [
        f"time     {duration(info['seconds'])}, {significant(rate)} Mvoxel/s, {tiles}",
        *floor(info),
        f"memory   {peak:.0f} MiB at the peak{' of all' if each else ''}, {planned:.0f} MiB planned{each}",
    ]


def floor(info: dict[str, Any]) -> list[str]:
    """Return what part of the speed at which the cube can be read and decoded the run had."""
    if "floor" not in info:
        return []
    known = info["floor"]
    return [
        f"floor    {significant(100 * known['share'], 2)} % of the speed at which the cube can be read and decoded: "
        f"{significant(known['bytes_per_second'] / 1e9)} GB/s by {known['origin']}"
    ]


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows of words as lines with columns that stand below each other, the first to the left."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(
            [row[0].ljust(widths[0]), *(word.rjust(w) for word, w in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    ]


def _heading(table: Any, name: str) -> str:
    parts = str(getattr(table[name], "unit", None) or "").split()
    unit = " ".join(sorted(parts, key=lambda part: part not in ("Jy", "K")))  # astropy writes Hz Jy
    return f"{name} ({unit})" if unit else name


def _number(value: Any) -> float:
    return float(getattr(value, "value", value))
