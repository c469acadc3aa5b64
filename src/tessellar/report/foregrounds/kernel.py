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
_FIXED = ("negative_log_likelihood", "starts")


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
    names = [name for name in listed[0] if name not in _FIXED]
    rest = [(_words(name), _shown(told[name])) for name in told if name not in (*names, "optima")]
    body += facts(rest) + _parameters(run, names) + "<h2>Where the search ended</h2>" + _optima(names, listed)
    note = "Δ: how much less likely than the best, in natural logarithms. Starts: which of them led there."
    return panel("The method", body, note=note, extent="large")


def _parameters(run: SeparationFolder, names: Sequence[str]) -> str:
    """Return the table of the most likely parameters."""
    rows = []
    ends = _ends(run)
    for name in names:
        value = run.of("separation", name)
        low_high = run.of("settings", "set", name)
        limits = (
            " to ".join(_shown(end) for end in low_high) if isinstance(low_high, list) else "from the cube"
        )
        mark = f'<span class="flag">at its {text(ends[name])} end</span>' if name in ends else ""
        rows.append(
            (text(_words(name)), text(_shown(value)), text(_unit(name, run.unit)), text(limits), mark)
        )
    return table(
        ("parameter", "most likely", "unit", "range", ""), rows, numbers=(False, True, False, False, False)
    )


def _optima(names: Sequence[str], listed: Sequence[dict[str, Any]]) -> str:
    """Return the table of what all starts led to."""
    best = float(listed[0].get("negative_log_likelihood", 0.0))
    rows = [
        (
            text(_shown(float(one.get("negative_log_likelihood", best)) - best)),
            text(_shown([int(start) + 1 for start in one.get("starts", [])])),
            *(text(_shown(one.get(name))) for name in names),
        )
        for one in listed
    ]
    return table(("Δ", "starts", *map(_words, names)), rows, numbers=(True, *[True] * (1 + len(names))))


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
