"""What the scaling model is calibrated with: how fast each step was on one machine, and what it left behind."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import median

from benchmarks.results import Report


@dataclass(frozen=True, slots=True)
class Rates:
    """Measured rates and amounts.

    Attributes
    ----------
    origin
        Where they come from, in words.
    noise, scales, mask, components
        Voxels a second of one core, without reading.
    fits_read, zarr_read
        Bytes of voxels that one core reads in a second, from files in memory; for Zarr the decoded ones.
    source_seconds
        What one core takes to measure a source, without reading.
    source_voxels
        Voxels around a source that measuring it takes.
    sources_per_voxel
        Sources found in a voxel of the simulated cube.
    setup_seconds
        What a worker takes to load compiled code when a stage begins.
    hire_seconds
        Start of the worker processes, once.
    unit_seconds
        What a tile costs beside reading and kernel.
    lease_seconds
        What the driver takes for a lease.
    merge_seconds
        What the driver takes to read the results of a tile, however few.
    stitch
        Bytes of results that the driver reads and stitches in a second, both signs.
    payload_bytes
        Bytes of results for each voxel.
    table_seconds
        What the driver takes to write a source in all files.
    pair_seconds
        What it takes to look at one pair of sources that overlap along one axis.
    driver_bytes
        Memory of the driver for each source while it writes the catalogue.
    start_seconds
        Start of the program, the report and small files.
    """

    origin: str
    noise: float
    scales: float
    mask: float
    components: float
    fits_read: float
    zarr_read: float
    source_seconds: float
    source_voxels: float
    sources_per_voxel: float
    setup_seconds: float
    hire_seconds: float
    unit_seconds: float
    lease_seconds: float
    merge_seconds: float
    stitch: float
    payload_bytes: float
    table_seconds: float
    pair_seconds: float
    driver_bytes: float
    start_seconds: float


DEFAULTS = Rates(
    origin="docs/performance.md and docs/scaling.md (AMD EPYC, 2 cores)",
    noise=298e6,
    scales=19e6,
    mask=138e6,
    components=763e6,
    fits_read=1.57e9,
    zarr_read=0.937e9 / 2,
    source_seconds=0.583 * 0.57 / 334,
    source_voxels=12.2e6 * 0.583 / 334,
    sources_per_voxel=334 / 2**26,
    setup_seconds=0.25,
    hire_seconds=0.84,
    unit_seconds=7e-6,
    lease_seconds=0.48e-3,
    merge_seconds=11e-6,
    stitch=0.343e9,
    payload_bytes=0.038,
    table_seconds=1.07e-4,
    pair_seconds=2.5e-8,
    driver_bytes=6e3,
    start_seconds=3.0,
)


def rates_from(report: Report) -> Rates:
    """Return the rates that a report holds; what it lacks keeps its default."""
    changes: dict[str, float] = {}
    for name in ("noise", "scales", "mask", "components"):
        _keep(changes, name, report.rate("kernels", name))
    _keep(changes, "fits_read", report.rate("read", "FITS, tiles with halos"))
    zarr = report.rate("read", "Zarr, tiles without halos")
    _keep(changes, "zarr_read", None if zarr is None else zarr / report.machine["cores"])
    changes |= _of_find(report) | _of_measuring(report) | _of_driver(report)
    for result in report.group("engine"):
        if result.name.startswith("processes"):
            changes["unit_seconds"] = result.facts["workers"] / result.rate
    machine = f"{report.settings['command']}, {report.machine['processor']}, {report.machine['date']}"
    return replace(DEFAULTS, origin=machine, **changes)


def _of_find(report: Report) -> dict[str, float]:
    """Return what a whole run with one thread tells of its sources, and of what no stage takes."""
    run = next((result for result in report.group("find") if result.name == "FITS, threads 1"), None)
    if run is None:
        return {}
    facts = run.facts
    noise = {each.name: median(each.facts["stages"]["noise"]["seconds"]) for each in report.group("find")}
    crew = report.settings["workers"]
    n_sources = facts["n_sources"]
    return {
        "hire_seconds": max(0.0, noise[f"FITS, processes {crew}"] - noise[f"FITS, threads {crew}"]),
        "sources_per_voxel": n_sources / run.amount,
        "start_seconds": run.median - median(facts["run_seconds"]),
    }


def _of_measuring(report: Report) -> dict[str, float]:
    """Return what measuring a source takes."""
    found = (result for result in report.group("kernels") if result.name == "measure")
    return {
        name: amount / result.facts["n_sources"]
        for result in found
        for name, amount in (
            ("source_seconds", result.median),
            ("source_voxels", result.facts["window_voxels"]),
        )
    }


def _of_driver(report: Report) -> dict[str, float]:
    changes: dict[str, float] = {}
    for result in report.group("driver"):
        if result.name == "journal":
            changes["lease_seconds"] = 1 / result.rate
        elif result.name == "stitch":
            changes |= {"stitch": result.rate, "payload_bytes": result.facts["bytes_per_voxel"]}
        elif result.name == "tables":
            changes["table_seconds"] = 1 / result.rate
            changes["driver_bytes"] = result.facts["bytes_per_source"]
    return changes


def _keep(changes: dict[str, float], name: str, rate: float | None) -> None:
    if rate is not None:
        changes[name] = rate
