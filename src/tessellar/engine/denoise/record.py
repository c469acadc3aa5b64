"""What a run that denoised says about itself: the numbers of its ``run.json``, and the arrays of its report."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from tessellar.engine.denoise.pipeline import Denoised
from tessellar.engine.denoise.plan import DenoisePlan
from tessellar.engine.find.crew import Crew
from tessellar.engine.find.record import cube_record, stage_record, version_record
from tessellar.engine.floor import floor_record
from tessellar.kernels.correlation import LAGS
from tessellar.kernels.denoise.tallies import bin_centres
from tessellar.model import Source


def denoise_record(
    denoised: Denoised,
    crew: Crew,
    plan: DenoisePlan,
    settings: dict[str, Any],
    source: Source,
    seconds: float,
) -> dict[str, Any]:
    """Return the content of ``run.json``."""
    n_voxels = prod(source.meta.shape)
    return {
        "kernel": settings["kernel"],
        "n_voxels": n_voxels,
        "n_blank": n_voxels - denoised.good_before,
        "n_blank_after": n_voxels - denoised.good_after,
        "noise_before": _typical(denoised.known.noise.spectral),
        "noise_after": None if denoised.after is None else _typical(denoised.after.spectral),
        "distributions": {name: found.record() for name, found in denoised.distributions.items()},
        "noise_only": denoised.noise_only,
        "truth": denoised.truth,
        "seconds": seconds,
        "voxels_per_second": n_voxels / seconds,
        "peak_rss_bytes": max(report.peak_rss_bytes for report in crew.reports),
        "n_tiles": len(plan.grid),
        "tiles_failed": len(denoised.failed),
        "units_failed": len(crew.failures),
        "retries": sum(report.retries for report in crew.reports),
        "bytes_read": sum(report.bytes_read for report in crew.reports),
        "partial": bool(crew.failures),
        "warnings": list(crew.warnings),
        "stages": {report.name: stage_record(report) for report in crew.reports},
        "plan": {
            "tile": list(plan.grid.core),
            "halo_overhead": plan.halo_overhead,
            "projected_bytes": plan.projected_bytes,
            "device": plan.device.name,
            "projected_device_bytes": plan.device_bytes,
            "projected_for": "each worker" if plan.remote else "the run",
            "budget_bytes": plan.budget_bytes,
        },
        **floor_record(
            source,
            crew.reports,
            n_voxels=n_voxels,
            workers=plan.workers,
            seconds=seconds,
            remote=plan.remote,
        ),
        "cube": cube_record(source),
        "settings": settings,
        "versions": version_record(),
    }


def denoise_arrays(denoised: Denoised, source: Source) -> dict[str, Any]:
    """Return the arrays of ``denoise.npz``, from which the report draws."""
    after = denoised.after
    before = denoised.known.noise.spectral
    arrays: dict[str, Any] = {
        "spectral_values": np.array(source.meta.spectral.values or np.arange(len(before)), np.float64),
        "noise_before": before,
        "noise_after": np.full_like(before, np.nan) if after is None else after.spectral,
        "bins": bin_centres(),
        "lags": LAGS,
        **denoised.spectra,
    }
    for name, found in denoised.distributions.items():
        arrays[f"{name}_counts"], arrays[f"{name}_correlation"] = found.counts, found.correlation
    return arrays


def _typical(spectrum: np.ndarray[Any, Any]) -> float | None:
    """Return the median noise of the channels that have one."""
    known = spectrum[spectrum > 0]
    return float(np.median(known)) if known.size else None
