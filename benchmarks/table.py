"""The results as Markdown: every rate beside the floor that memory bandwidth sets for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from benchmarks.foreground_table import covariances, spectra
from benchmarks.gpu_table import gpus
from benchmarks.markdown import number, rate_in_words, section
from benchmarks.results import Report, Result, counted
from benchmarks.storage_table import storage

FLOOR_BYTES = 4  # what finding cannot do without: each float32 voxel is read once
SEPARATION_BYTES = 12  # a separation reads each voxel twice and writes one
STAGE_HEAD = (
    "cube, executor and workers",
    "stage",
    "seconds",
    "share of wall",
    "voxels of the cube",
    "voxels looked at",
    "workers' time",
)
MIB = 2**20


def render(report: Report) -> str:
    """Return all tables of a report."""
    parts = [
        _setting(report),
        *_machine(report),
        *_kernels(report),
        *_reading(report),
        *_skies(report),
        *storage(report),
        *_finds(report),
        *_stages(report),
        *covariances(report),
        *spectra(report),
        *_separations(report),
        *_engine(report),
        *_tiles(report),
        *gpus(report),
        *_driver(report),
        *_networks(report),
        *_peers(report),
        *(f"Failed: {name}: {reason}" for name, reason in report.failed.items()),
    ]
    return "\n\n".join(parts)


def _setting(report: Report) -> str:
    machine, settings = report.machine, report.settings
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    return (
        f"`{settings['command']}` on {machine['date']}: {machine['processor']}, {machine['cores']} cores, "
        f"{machine['memory_bytes'] / 2**30:.0f} GiB, load {machine['load_before']:.2f} before the start; "
        f"Python {machine['python']}, {versions}. Cube {_times(settings['cube'])} (frequency, l, m). "
        f"Medians of {settings['repeats']}, the slowest and the fastest in brackets."
    )


def _machine(report: Report) -> Iterator[str]:
    rows = [(result.name, rate_in_words(result)) for result in report.group("machine")]
    yield from section("The machine", ("what", "rate"), rows)


def _kernels(report: Report) -> Iterator[str]:
    head = ("kernel, 1 core", "rate", "bytes a voxel", "floor", "time / floor", "operations a voxel", "Gop/s")
    rows = []
    for result in report.group("kernels"):
        facts = result.facts
        floor = _floor(report, 1, facts["bytes_per_voxel"])
        count = facts["operations_per_voxel"]
        rows.append(
            (
                result.name,
                rate_in_words(result),
                facts["bytes_in_words"],
                _megavoxels(floor),
                _ratio(floor, result.rate),
                f"{count:.0f}",
                number(count * result.rate / 1e9),
            )
        )
    yield from section("Kernels alone", head, rows)


def _reading(report: Report) -> Iterator[str]:
    head = ("what", "rate of voxels delivered", "read for each one owned", "of copy, 1 thread")
    copy = report.rate("machine", "copy, 1 thread")
    rows = [
        (
            result.name,
            rate_in_words(result),
            number(result.facts["halo_overhead"]),
            _share(result.rate, copy),
        )
        for result in report.group("read")
    ]
    yield from section("Reading tiles", head, rows)


def _skies(report: Report) -> Iterator[str]:
    rows = [
        (result.name, _times(result.facts["box"]), rate_in_words(result)) for result in report.group("skies")
    ]
    yield from section("A low-frequency sky made while it is read", ("for", "box", "rate, 1 core"), rows)


def _finds(report: Report) -> Iterator[str]:
    head = (
        "cube, executor and workers",
        "wall",
        "rate",
        "floor",
        "time / floor",
        "peak memory",
        "planned",
        "sources",
    )
    rows = []
    for result in report.group("find"):
        facts = result.facts
        floor = _floor(report, facts["workers"], FLOOR_BYTES)
        memory = [f"{facts[name] / MIB:.0f} MiB" for name in ("peak_rss_bytes", "projected_bytes")]
        wall, sources = f"{number(result.median)} s", str(facts["n_sources"])
        rate, above = rate_in_words(result), _ratio(floor, result.rate)
        rows.append((result.name, wall, rate, _megavoxels(floor), above, *memory, sources))
    yield from section("The whole find", head, rows)


def _separations(report: Report) -> Iterator[str]:
    head = ("cube, executor and workers", "wall", "rate", "floor", "time / floor", "peak memory", "planned")
    rows = []
    for result in report.group("separation"):
        facts = result.facts
        floor = _floor(report, facts["workers"], SEPARATION_BYTES)
        memory = [f"{facts[name] / MIB:.0f} MiB" for name in ("peak_rss_bytes", "projected_bytes")]
        rate, above = rate_in_words(result), _ratio(floor, result.rate)
        rows.append((result.name, f"{number(result.median)} s", rate, _megavoxels(floor), above, *memory))
    yield from section("The whole separation", head, rows)
    stages = _rows_of_stages(report, "separation", "between the stages", "start, files, report")
    yield from section("The stages of a separation", STAGE_HEAD, stages)


def _stages(report: Report) -> Iterator[str]:
    yield from section(
        "Its stages", STAGE_HEAD, _rows_of_stages(report, "find", "stitch, tables", "start, files")
    )


def _rows_of_stages(report: Report, group: str, between: str, around: str) -> list[tuple[str, ...]]:
    return [row for result in report.group(group) for row in _stage_rows(result, between, around)]


def _stage_rows(result: Result, between: str, around: str) -> Iterator[tuple[str, ...]]:
    rest = result.median
    for name, stage in result.facts["stages"].items():
        seconds = median(stage["seconds"])
        rest -= seconds
        shares = ", ".join(f"{kind} {share:.0%}" for kind, share in stage["shares"].items())
        yield (
            result.name,
            name,
            number(seconds),
            f"{seconds / result.median:.0%}",
            _megavoxels(result.amount / seconds),
            _megavoxels(stage["voxels"] / seconds),
            shares,
        )
    outside = result.median - median(result.facts["run_seconds"])
    for name, seconds in ((between, rest - outside), (around, outside)):
        yield (result.name, name, number(seconds), f"{seconds / result.median:.0%}", "", "", "")


def _engine(report: Report) -> Iterator[str]:
    rows = [
        (result.name, rate_in_words(result), f"{number(1e6 * result.median / result.amount)} µs")
        for result in report.group("engine")
    ]
    yield from section("Pieces of work without content", ("executor and workers", "rate", "each"), rows)


def _tiles(report: Report) -> Iterator[str]:
    rows = []
    for result in report.group("tiles"):
        shares = [_median_and_range(result.facts[name]) for name in ("kernel_share", "processor_share")]
        wall = f"{number(median(result.facts['stage_seconds']))} s"
        rows.append(
            (result.name, f"{result.amount:.0f} of {result.facts['tile_seconds']:g} s", wall, *shares)
        )
    title = f"Executors with tiles of {rows[0][1].partition('of ')[2]}" if rows else ""
    head = (
        "executor and workers",
        "tiles",
        "wall of the stage",
        "kernel, of the workers' time",
        "on a processor",
    )
    yield from section(title, head, rows)


def _median_and_range(shares: Sequence[float]) -> str:
    return f"{median(shares):.1%} ({min(shares):.1%} to {max(shares):.1%})"


def _driver(report: Report) -> Iterator[str]:
    rows = [
        (result.name, rate_in_words(result), f"{number(result.amount)} {result.unit}s")
        for result in report.group("driver")
    ]
    yield from section("What the driver does alone", ("what", "rate", "measured with"), rows)


def _networks(report: Report) -> Iterator[str]:
    rows = []
    for result in report.group("networks"):
        if result.unit == "voxel":
            count = result.facts["operations_per_voxel"]
            best = report.rate("networks", result.facts["product"])
            share = _share(count * result.rate, best and best * result.facts["threads"])
            rows.append(
                (
                    result.name,
                    rate_in_words(result),
                    f"{count:,.0f}",
                    number(count * result.rate / 1e9),
                    share,
                )
            )
        else:
            rows.append((result.name, "", "", rate_in_words(result), ""))
    head = ("network", "rate", "operations a voxel", "Gop/s", "of the matrix product on so many cores")
    yield from section("Networks", head, rows)


def _peers(report: Report) -> Iterator[str]:
    results = {result.name: result for result in report.group("peers")}
    rows = []
    for peer in results.values():
        if "against" in peer.facts:
            ours = results[peer.facts["against"]]
            rates, ratio = (rate_in_words(ours), rate_in_words(peer)), number(ours.rate / peer.rate)
            found = " and ".join(
                str(each.facts["n_sources"]) for each in (ours, peer) if "n_sources" in each.facts
            )
            rows.append((peer.facts["work"], rates[0], peer.facts["peer"], rates[1], ratio, found))
    head = ("work", "Tessellar", "peer", "its rate", "times as fast", "sources of both")
    yield from section("Others, taking turns", head, rows)


def _floor(report: Report, threads: int, bytes_per_voxel: float) -> float | None:
    """Return the voxels a second at which so many threads move that many bytes a voxel; None if not measured."""
    triad = report.rate("machine", f"triad, {counted(threads, 'thread')}")
    return None if triad is None else triad / bytes_per_voxel


def _megavoxels(rate: float | None) -> str:
    return "" if rate is None else f"{number(rate / 1e6)} Mvoxel/s"


def _ratio(floor: float | None, rate: float) -> str:
    return "" if floor is None else number(floor / rate)


def _share(rate: float, whole: float | None) -> str:
    return "" if whole is None else f"{rate / whole:.0%}"


def _times(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))
