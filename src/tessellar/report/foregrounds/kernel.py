"""The panel about the method: what it chose and found, and for Gaussian processes how far to trust it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from tessellar.report.foregrounds.separation_folder import SeparationFolder
from tessellar.report.foregrounds.verdict import method
from tessellar.report.markup import absent, facts, panel, table, text
from tessellar.report.words import significant, squared

_END = re.compile(r"the (?P<name>.+) of the Gaussian processes is at the (?P<end>\w+) end of its range")
_OF_SEARCH = ("negative_log_likelihood", "starts")


def kernel(run: SeparationFolder) -> str:
    """Return the panel."""
    told = run.of("separation", default={})
    if not isinstance(told, dict) or not told:
        return panel("The method", absent("The method said nothing of itself."), extent="small")
    optima = told.get("optima")
    listed = [one for one in optima if isinstance(one, dict)] if isinstance(optima, list) else []
    body = f'<p class="lead"><b>{text(method(run))}</b></p>'
    if not listed:
        named = facts((_words(name), _shown(value)) for name, value in told.items())
        return panel("The method", body + named, extent="small")
    names = [name for name in listed[0] if name not in _OF_SEARCH]
    rest = facts((_words(name), _shown(told[name])) for name in told if name not in (*names, "optima"))
    note = (
        "Every column is an end of the search, the most likely one first and used. Δ: how much less likely it is, in "
        "natural logarithms."
    )
    return panel("The method", body + rest + _optima(run, names, listed), note=note, extent="large")


def _optima(run: SeparationFolder, names: Sequence[str], listed: Sequence[dict[str, Any]]) -> str:
    """Return the table of the parameters that the starts led to, with units, ranges and what ended at a range's end."""
    best = float(listed[0].get("negative_log_likelihood", 0.0))
    behind = [float(one.get("negative_log_likelihood", best)) - best for one in listed]
    rows = [
        (
            "starts that led there",
            "",
            "",
            *(_shown([int(start) + 1 for start in one.get("starts", [])]) for one in listed),
        ),
        ("Δ", "", "", *map(_shown, behind)),
    ]
    rows += [
        (_words(name), _unit(name, run.unit), _range(run, name), *(_shown(one.get(name)) for one in listed))
        for name in names
    ]
    cells = [[text(cell) for cell in row] for row in rows]
    for name, end in _ends(run).items():
        if name in names:
            cells[2 + names.index(name)][2] += f' <span class="flag">at its {text(end)} end</span>'
    columns = ("most likely", *(f"{number}." for number in range(2, len(listed) + 1)))
    return table(("", "unit", "range", *columns), cells, numbers=(False, False, False, *[True] * len(listed)))


def _range(run: SeparationFolder, name: str) -> str:
    given = run.of("settings", "set", name)
    return " to ".join(_shown(end) for end in given) if isinstance(given, list) else "from the cube"


def _ends(run: SeparationFolder) -> dict[str, str]:
    """Return which parameters ended at which end of their range, as the run warned."""
    found = (_END.search(str(warning)) for warning in run.of("warnings", default=[]))
    return {one["name"].replace(" ", "_"): one["end"] for one in found if one}


def _unit(name: str, unit: str) -> str:
    if name.endswith("_scale"):
        return "MHz"
    return squared(unit) if name.endswith("_variance") else ""


def _words(name: object) -> str:
    return str(name).replace("_", " ")


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return significant(value, 4)
    if isinstance(value, list | tuple):
        return ", ".join(_shown(one) for one in value)
    return "–" if value is None else str(value)
