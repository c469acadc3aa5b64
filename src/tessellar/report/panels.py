"""The panels about the run itself: time, numbers, cube, versions, settings."""

from __future__ import annotations

from typing import Any

from tessellar.report.markup import absent, facts, panel, text
from tessellar.report.quantities import angle_words, size_words, spectral_words
from tessellar.report.run_folder import Record
from tessellar.report.words import count, duration, percent, things


def timing(run: Record) -> str:
    """Return the panel with the time of each stage and what it went into."""
    stages = run.of("stages", default={})
    if not stages:
        return panel("Where the time went", absent("This run noted no stages."), extent="small")
    longest = max(float(stage.get("seconds", 0)) for stage in stages.values()) or 1.0
    rows = "".join(_stage(name, stage, longest) for name, stage in stages.items())
    key = "".join(f'<span class="key {kind}">{kind}</span>' for kind in ("read", "kernel", "write", "other"))
    body = f'<div class="stages">{rows}</div><p class="keys">{key}</p>'
    return panel("Where the time went", body, extent="small")


def the_numbers(run: Record) -> str:
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
    known = facts((name, value) for name, value in rows if value is not None)
    return panel("The run in numbers", known, extent="small")


def cube(run: Record) -> str:
    """Return the panel that says what was searched, and with which software."""
    shape = run.of("cube", "shape")
    rows = (
        ("Cube", run.of("cube", "name")),
        ("Shape (channels × x × y)", " × ".join(str(n) for n in shape) if shape else None),
        ("Unit", run.of("cube", "unit")),
        ("Channels", _channels(run)),
        ("Pixel", _angles(run.of("cube", "pixel_arcsec"))),
        ("Beam", _angles(run.of("cube", "beam_arcsec"))),
        ("Blank voxels", _maybe(count, run.of("n_blank"))),
        ("Stored", _maybe(_size, run.of("cube", "stored_bytes"))),
    )
    searched = facts((name, value) for name, value in rows if value)
    versions = facts(_flattened(run.of("versions", default={})))
    return panel("The cube", f"{searched}<h2>Versions</h2>{versions}")


def settings(run: Record) -> str:
    """Return the panel with the settings that were chosen."""
    return panel("Settings", facts(_flattened(run.of("settings", default={}))))


def _channels(run: Record) -> str | None:
    """Return from where to where the channels go."""
    unit = str(run.of("cube", "spectral", "unit", default=""))
    ends = [run.of("cube", "spectral", name) for name in ("first", "last")]
    if unit not in ("Hz", "m/s") or None in ends:
        return None
    return " to ".join(spectral_words(float(end), unit) for end in ends)


def _angles(arcsec: Any) -> str | None:
    return " × ".join(angle_words(float(side) / 3600) for side in arcsec) if arcsec else None


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
    units = things(stage["n_units"], "unit") if stage.get("n_units") is not None else ""
    length = max(100 * seconds / longest, 1.0)
    return (
        f'<div class="stage"><span class="what">{text(name)}</span>'
        f'<span class="track"><span class="length" style="width:{length:.1f}%">{parts}</span></span>'
        f'<span class="took">{text(duration(seconds))}<small>{text(units)}</small></span></div>'
    )


def _flattened(tree: Any, prefix: str = "") -> list[tuple[str, object]]:
    """Return nested settings as dotted names and values, without those that were not set."""
    if tree is None:
        return []
    if not isinstance(tree, dict):
        shown = ", ".join(str(item) for item in tree) if isinstance(tree, list) else tree
        return [(prefix.removesuffix("."), shown)]
    return [row for name, branch in tree.items() for row in _flattened(branch, f"{prefix}{name}.")]


def _size(n_bytes: float) -> str:
    return size_words(int(n_bytes))


def _maybe(format_: Any, value: Any) -> str | None:
    return None if value is None else str(format_(value))
