"""What a run says about itself: the settings that repeat it, and the numbers of ``run.json``."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from math import prod
from typing import Any

from tessellar.engine.find.pipeline import Found
from tessellar.engine.find.plan import FindPlan
from tessellar.engine.find.recipes import Recipes
from tessellar.engine.floor import floor_record
from tessellar.engine.run import StageReport
from tessellar.io.wcs import frame_record, sky_matrix
from tessellar.model import Source

_LIBRARIES = ("numpy", "scipy", "numba", "zarr", "zarrs", "astropy", "pyarrow")


def find_settings(
    cube: str, recipes: Recipes, plan: FindPlan, *, device: str, address: str | None
) -> dict[str, Any]:
    """Return the resolved settings of a run by the names of the command line's options."""
    return {
        "cube": cube,
        **recipes.settings(),
        "executor": plan.executor,
        "address": address,
        "workers": plan.workers,
        "device": device,
        "tile": list(plan.grid.core),
    }


def run_record(found: Found, plan: FindPlan, settings: dict[str, Any], source: Source) -> dict[str, Any]:
    """Return the content of ``run.json``."""
    n_voxels = prod(plan.grid.shape)
    return {
        "n_sources": len(found.table),
        "n_detections": found.n_detections,
        "n_negative": found.n_negative,
        "n_voxels": n_voxels,
        "seconds": found.seconds,
        "voxels_per_second": n_voxels / found.seconds,
        "peak_rss_bytes": found.peak_rss_bytes,
        "n_tiles": len(plan.grid),
        "tiles_failed": sum(failure.stage == "detect" for failure in found.failures),
        "units_failed": len(found.failures),
        "retries": sum(stage.retries for stage in found.stages),
        "bytes_read": sum(stage.bytes_read for stage in found.stages),
        "partial": bool(found.failures),
        "warnings": list(found.warnings),
        **({"flagged": found.flagged} if found.flagged else {}),
        **({"look": found.look} if found.look else {}),
        "stages": {stage.name: stage_record(stage) for stage in found.stages},
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
            found.stages,
            n_voxels=n_voxels,
            workers=plan.workers,
            seconds=found.seconds,
            remote=plan.remote,
        ),
        "cube": cube_record(source),
        "settings": settings,
        "versions": version_record(),
    }


def cube_record(source: Source) -> dict[str, Any]:
    """Return what the cube is; where every channel has its own beam, that of the middle one."""
    meta, axis = source.meta, source.meta.spectral
    beam = meta.beams[len(meta.beams) // 2] if meta.beams else None
    return {
        "name": meta.name,
        "shape": list(meta.shape),
        "unit": meta.unit,
        "beam_arcsec": [3600 * beam.major, 3600 * beam.minor] if beam else None,
        "beam_pa": beam.pa if beam else None,
        "pixel_arcsec": [3600 * size for size in meta.pixel_size] if meta.pixel_size else None,
        "sky_matrix": sky_matrix(meta),
        "sky_frame": frame_record(meta),
        "spectral": {
            "kind": axis.kind,
            "unit": axis.unit,
            "first": axis.values[0] if axis.values else None,
            "last": axis.values[-1] if axis.values else None,
            "rest_frequency": axis.rest_frequency,
        },
        "stored_bytes": source.stored_bytes,
        "missing": list(meta.missing),
    }


def stage_record(stage: StageReport) -> dict[str, Any]:
    """Return what a stage did, its name aside."""
    return {
        "seconds": stage.seconds,
        "n_units": stage.n_units,
        "resumed": stage.resumed,
        "failed": [{"unit": f.unit, "reason": f.reason, "tries": f.tries} for f in stage.failed],
        "retries": stage.retries,
        "copies": stage.copies,
        "voxels": stage.voxels,
        "bytes_read": stage.bytes_read,
        "shares": stage.shares,
    }


def version_record() -> dict[str, str]:
    """Return the versions of the program and of what it is built on."""
    found = {"tessellar": version("tessellar"), "python": platform.python_version(), "platform": sys.platform}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"
    return found
