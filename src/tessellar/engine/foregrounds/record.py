"""What a separation says about itself: the numbers of its ``run.json``."""

from __future__ import annotations

from math import prod
from typing import Any

from tessellar.engine.find.crew import Crew
from tessellar.engine.find.record import cube_record, stage_record, version_record
from tessellar.engine.floor import floor_record
from tessellar.engine.foregrounds.pipeline import Cleaned
from tessellar.engine.foregrounds.plan import ForegroundPlan
from tessellar.model import Source

_LEADING = 12  # eigenvalues that are told


def foreground_record(
    cleaned: Cleaned,
    crew: Crew,
    plan: ForegroundPlan,
    settings: dict[str, Any],
    source: Source,
    seconds: float,
) -> dict[str, Any]:
    """Return the content of ``run.json``."""
    learned, n_voxels = cleaned.learned, prod(source.meta.shape)
    separated = learned.separated
    return {
        "kernel": settings["kernel"],
        "modes": separated.modes,
        "separation": separated.report,
        "n_voxels": n_voxels,
        "n_pixels": learned.statistics.n_pixels or prod(source.meta.shape[1:]),
        "n_blank": int(n_voxels - cleaned.before.count.sum()),
        "blank_channels": [int(channel) for channel in (cleaned.before.count == 0).nonzero()[0]],
        "eigenvalues": [float(value) for value in learned.eigenvalues[:_LEADING]],
        "seconds": seconds,
        "voxels_per_second": n_voxels / seconds,
        "peak_rss_bytes": max(report.peak_rss_bytes for report in crew.reports),
        "n_tiles": len(plan.pieces),
        "tiles_failed": len(cleaned.failed),
        "units_failed": len(crew.failures),
        "retries": sum(report.retries for report in crew.reports),
        "bytes_read": sum(report.bytes_read for report in crew.reports),
        "partial": bool(crew.failures),
        "warnings": [*separated.warnings, *crew.warnings],
        "stages": {report.name: stage_record(report) for report in crew.reports},
        "plan": {
            "piece": list(plan.pieces.core),
            "projected_bytes": plan.projected_bytes,
            "projected_for": "each worker" if plan.remote else "the run",
            "budget_bytes": plan.budget_bytes,
        },
        **floor_record(
            source,
            crew.reports,
            n_voxels=n_voxels * plan.passes,
            workers=plan.workers,
            seconds=seconds,
            remote=plan.remote,
        ),
        "cube": cube_record(source),
        "settings": settings,
        "versions": version_record(),
    }
