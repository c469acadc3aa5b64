"""The panels that tell how good a run is: its noise, and what it found of a known truth."""

from __future__ import annotations

from typing import Any

import numpy as np

from tessellar.report import plots
from tessellar.report.markup import Extent, absent, panel, text
from tessellar.report.run_folder import RunFolder
from tessellar.report.words import percent

_AXES = {"freq": (1e-6, "frequency (MHz)"), "channel": (1.0, "channel")}
_VELOCITY = (1e-3, "velocity (km/s)")
_NO_NOISE = "This run left no noise file."


def quality(run: RunFolder) -> str:
    """Return the panels about the noise and, where the truth is known, about what was found of it."""
    found = run.of("match")
    if not isinstance(found, dict):
        return _channels(run, "") + _regions(run, "")
    return _match(found, "small") + _channels(run, "small") + _regions(run, "small")


def _match(found: dict[str, Any], extent: Extent) -> str:
    rows = [
        row
        for row in found.get("by_snr", [])
        if isinstance(row, dict) and row.get("completeness") is not None
    ]
    whole = " · ".join(
        f"<b>{text(percent(float(found[name])))}</b> {name}"
        for name in ("completeness", "reliability")
        if found.get(name) is not None
    )
    counted = all(row.get("n_reference") is not None for row in rows)
    chart = plots.completeness_bars(
        [_interval(row) for row in rows],
        [float(row["completeness"]) for row in rows],
        [f"{row['n_matched']}/{row['n_reference']}" for row in rows] if counted else [""] * len(rows),
        extent,
    )
    note = "On each bar: sources found, of those that there are." if rows and counted else ""
    body = f'<p class="lead">{whole}</p>' + (chart if rows else "")
    return panel("Against the truth", body, note=note, extent=extent)


def _channels(run: RunFolder, extent: Extent) -> str:
    spectrum = None if run.noise is None else run.noise.get("spectral")
    if run.noise is None or spectrum is None or spectrum.size == 0:
        return panel("Noise by channel", absent(_NO_NOISE), extent=extent)
    values = run.noise.get("spectral_values", np.arange(spectrum.size))
    axis = _axis(run) if "spectral_values" in run.noise else _AXES["channel"]
    unit = str(run.of("cube", "unit", default=""))
    spectrum, values = spectrum.astype(np.float64), values.astype(np.float64)
    figure = plots.noise_by_channel(spectrum, values, unit, axis, extent)
    return panel("Noise by channel", figure, extent=extent)


def _axis(run: RunFolder) -> tuple[float, str]:
    """Return the factor and the label of the spectral axis, by the column that the catalogue has for it."""
    names = set() if run.catalogue is None else set(run.catalogue.colnames)
    if "freq" in names:
        return _AXES["freq"]
    return _VELOCITY if names & {"v_rad", "v_opt", "v_app"} else (1.0, "spectral axis")


def _regions(run: RunFolder, extent: Extent) -> str:
    spatial = None if run.noise is None else run.noise.get("spatial")
    if run.noise is None or spatial is None or spatial.size == 0:
        return panel("Noise by region", absent(_NO_NOISE), extent=extent)
    cell = run.noise.get("cell", np.ones(2))
    first = (0, 0) if run.region is None else run.region.start[1:]
    figure = plots.noise_by_region(
        spatial.astype(np.float64), (float(cell[0]), float(cell[1])), extent, (first[0], first[1])
    )
    return panel("Noise by region", figure, extent=extent)


def _interval(row: dict[str, Any]) -> str:
    low, high = row.get("low"), row.get("high")
    if low is None:
        return str(row.get("snr", ""))
    return f"{low:g}–{high:g}" if high is not None else f"> {low:g}"
