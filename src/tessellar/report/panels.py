"""The panels about the run itself: noise, completeness, time, numbers, settings, versions."""

from __future__ import annotations

from typing import Any

import numpy as np

from tessellar.report import plots
from tessellar.report.markup import absent, facts, panel, text
from tessellar.report.quantities import size_words
from tessellar.report.run_folder import RunFolder
from tessellar.report.words import count, duration, percent

_AXES = {"freq": (1e-6, "frequency (MHz)"), "channel": (1.0, "channel")}
_VELOCITY = (1e-3, "velocity (km/s)")
_NO_NOISE = "This run left no noise file."


def noise(run: RunFolder) -> str:
    """Return the panels about the noise, by channel and by region of the sky."""
    return _channels(run) + _regions(run)


def match(run: RunFolder) -> str:
    """Return the panel that compares the catalogue with the truth, nothing where there is no truth."""
    found = run.of("match")
    if not isinstance(found, dict):
        return ""
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
    chart = plots.completeness_bars(
        [_interval(row) for row in rows], [float(r["completeness"]) for r in rows]
    )
    return panel("Against the truth", f'<p class="lead">{whole}</p>' + (chart if rows else ""))


def timing(run: RunFolder) -> str:
    """Return the panel with the time of each stage and what it went into."""
    stages = run.of("stages", default={})
    if not stages:
        return panel("Where the time went", absent("This run noted no stages."))
    longest = max(float(stage.get("seconds", 0)) for stage in stages.values()) or 1.0
    rows = "".join(_stage(name, stage, longest) for name, stage in stages.items())
    key = "".join(f'<span class="key {kind}">{kind}</span>' for kind in ("read", "kernel", "write", "other"))
    return panel("Where the time went", f'<div class="stages">{rows}</div><p class="keys">{key}</p>')


def the_numbers(run: RunFolder) -> str:
    """Return the panel with what the run cost."""
    tile = run.of("plan", "tile")
    resumed = sum(int(stage.get("resumed", 0)) for stage in run.of("stages", default={}).values())
    rows = (
        ("Time", _maybe(duration, run.of("seconds"))),
        ("Speed", _maybe(lambda rate: f"{count(rate)} voxels/s", run.of("voxels_per_second"))),
        ("Peak memory", _maybe(_size, run.of("peak_rss_bytes"))),
        ("Memory in the plan", _maybe(_size, run.of("plan", "projected_bytes"))),
        ("Bytes read", _maybe(_size, run.of("bytes_read"))),
        ("Tiles", _maybe(count, run.of("n_tiles"))),
        ("Tile", " × ".join(str(n) for n in tile) if tile else None),
        ("Halo overhead", _maybe(percent, run.of("plan", "halo_overhead"))),
        ("Tiles that failed", run.of("tiles_failed")),
        ("Retries", run.of("retries")),
        ("Units resumed", resumed or None),
    )
    return panel("The run in numbers", facts((name, value) for name, value in rows if value is not None))


def cube(run: RunFolder) -> str:
    """Return the panel that says what was searched."""
    shape = run.of("cube", "shape")
    rows = (
        ("Cube", run.of("cube", "name")),
        ("Shape (channels × x × y)", " × ".join(str(n) for n in shape) if shape else None),
        ("Unit", run.of("cube", "unit")),
        ("Stored", _maybe(_size, run.of("cube", "stored_bytes"))),
    )
    return panel("The cube", facts((name, value) for name, value in rows if value))


def settings(run: RunFolder) -> str:
    """Return the panels with the settings and with the versions of what computed."""
    chosen = facts(_flattened(run.of("settings", default={})))
    versions = facts(_flattened(run.of("versions", default={})))
    return panel("Settings", chosen) + panel("Versions", versions)


def _channels(run: RunFolder) -> str:
    spectrum = None if run.noise is None else run.noise.get("spectral")
    if run.noise is None or spectrum is None or spectrum.size == 0:
        return panel("Noise by channel", absent(_NO_NOISE))
    values = run.noise.get("spectral_values", np.arange(spectrum.size))
    axis = _axis(run) if "spectral_values" in run.noise else _AXES["channel"]
    unit = str(run.of("cube", "unit", default=""))
    spectrum, values = spectrum.astype(np.float64), values.astype(np.float64)
    return panel("Noise by channel", plots.noise_by_channel(spectrum, values, unit, axis))


def _axis(run: RunFolder) -> tuple[float, str]:
    """Return the factor and the label of the spectral axis, by the column that the catalogue has for it."""
    names = set() if run.catalogue is None else set(run.catalogue.colnames)
    if "freq" in names:
        return _AXES["freq"]
    return _VELOCITY if names & {"v_rad", "v_opt", "v_app"} else (1.0, "spectral axis")


def _regions(run: RunFolder) -> str:
    spatial = None if run.noise is None else run.noise.get("spatial")
    if run.noise is None or spatial is None or spatial.size == 0:
        return panel("Noise by region", absent(_NO_NOISE))
    cell = run.noise.get("cell", np.ones(2))
    figure = plots.noise_by_region(spatial.astype(np.float64), (float(cell[0]), float(cell[1])))
    return panel("Noise by region", figure)


def _stage(name: str, stage: dict[str, Any], longest: float) -> str:
    seconds = float(stage.get("seconds", 0))
    shares = stage.get("shares") or {}
    known = {kind: max(float(shares.get(kind) or 0), 0.0) for kind in ("read", "kernel", "write")}
    total = max(sum(known.values()), 1.0)
    known["other"] = max(total - sum(known.values()), 0.0)
    parts = "".join(
        f'<i class="{kind}" style="width:{100 * share:.1f}%" title="{kind} {percent(share)}"></i>'
        for kind, share in ((kind, part / total) for kind, part in known.items())
    )
    units = f"{count(stage['n_units'])} units" if stage.get("n_units") is not None else ""
    length = max(100 * seconds / longest, 1.0)
    return (
        f'<div class="stage"><span class="what">{text(name)}</span>'
        f'<span class="track"><span class="length" style="width:{length:.1f}%">{parts}</span></span>'
        f'<span class="took">{text(duration(seconds))}<small>{text(units)}</small></span></div>'
    )


def _interval(row: dict[str, Any]) -> str:
    low, high = row.get("low"), row.get("high")
    if low is None:
        return str(row.get("snr", ""))
    return f"{low:g}–{high:g}" if high is not None else f"> {low:g}"


def _flattened(tree: Any, prefix: str = "") -> list[tuple[str, object]]:
    """Return nested settings as dotted names and values."""
    if not isinstance(tree, dict):
        shown = ", ".join(str(item) for item in tree) if isinstance(tree, list) else tree
        return [(prefix.removesuffix("."), shown)]
    return [row for name, branch in tree.items() for row in _flattened(branch, f"{prefix}{name}.")]


def _size(n_bytes: float) -> str:
    return size_words(int(n_bytes))


def _maybe(format_: Any, value: Any) -> str | None:
    return None if value is None else str(format_(value))
