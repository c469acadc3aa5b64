"""The outcome of a separation in a few lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tessellar.cli.summary import aligned, floor
from tessellar.report.words import duration, significant, things

if TYPE_CHECKING:
    from tessellar.api import CleanCube

_LEADING = 8


def summary(clean: CleanCube) -> str:
    """Return what was taken out, how the eigenvalues fall, what the run cost, and where the rest is."""
    info = clean.info
    return "\n".join(
        [_removed(clean), *_eigenvalues(info), *_costs(info), f"report   {clean.folder / 'report.html'}"]
    )


def _removed(clean: CleanCube) -> str:
    info = clean.info
    text = (
        f"{things(info['modes'], 'mode')} of {things(info['cube']['shape'][0], 'channel')} taken out of "
        f"{things(info['n_pixels'], 'spectrum', 'spectra')} by {info['kernel']}; {clean.path} is complete"
    )
    return text if clean.complete else f"{text}, but for pieces that failed"


def _eigenvalues(info: dict[str, Any]) -> list[str]:
    """Return the share of the variance of each leading mode, those that were taken out marked."""
    values = info["eigenvalues"][:_LEADING]
    if not values:
        return []
    total = sum(info["eigenvalues"]) or 1.0
    marks = ["out" if number < info["modes"] else "" for number in range(len(values))]
    head = ["mode", *(str(number + 1) for number in range(len(values)))]
    shares = ["share", *(significant(value / total, 2) for value in values)]
    return aligned([head, shares, ["", *marks]])


def _costs(info: dict[str, Any]) -> list[str]:
    rate = info["voxels_per_second"] / 1e6
    peak, planned = (value / 2**20 for value in (info["peak_rss_bytes"], info["plan"]["projected_bytes"]))
    each = " for each worker" if info["plan"]["projected_for"] == "each worker" else ""
    return [
        f"time     {duration(info['seconds'])}, {significant(rate)} Mvoxel/s",
        *floor(info),
        f"memory   {peak:.0f} MiB at the peak, {planned:.0f} MiB planned{each}",
    ]
