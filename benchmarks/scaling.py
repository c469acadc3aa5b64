"""Predict what the finder takes for cubes of terabytes on clusters of a stated kind, from rates of one machine.

Every figure for a machine that was not measured is an extrapolation: rates of one core are multiplied by the number of
cores, and bandwidths are what the options say. Only ``--check`` compares with runs that were made.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import inf
from pathlib import Path
from statistics import median

from benchmarks.jobs import FITS, ZARR, Cluster, Job, Prediction
from benchmarks.markdown import section
from benchmarks.prediction import predict
from benchmarks.rates import DEFAULTS, Rates, rates_from
from benchmarks.results import Report, Result, read_report
from tessellar.engine.memory import parse_bytes
from tessellar.errors import TessellarError, UsageError

SDC2_SOURCES = 233_245  # in the truth catalogue of the full cube
SDC2_SHAPE = (6668, 5851, 5851)
DENSITY = SDC2_SOURCES / (6668 * 5851 * 5851)
LARGE_SHAPE = (20_000, 15_812, 15_812)  # 20 TB of float32
STAGES = ("noise", "scales", "detect", "measure")
ALONE = ("start", "stitch", "tables")
GB, TB = 1e9, 1e12


def main(words: list[str]) -> int:
    """Print the tables; return the exit code."""
    asked = _parser().parse_args(words)
    try:
        report = None if asked.rates is None else read_report(asked.rates)
        rates = DEFAULTS if report is None else rates_from(report)
        if asked.check:
            print("\n\n".join(check(report, rates)))
        else:
            print("\n\n".join(tables(_clusters(asked), _jobs(asked), rates, asked.price)))
    except TessellarError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def tables(
    clusters: Sequence[Cluster], jobs: Sequence[Job], rates: Rates, price: float | None
) -> Iterator[str]:
    """Yield the predictions as Markdown: each cube on each cluster, whole and by stage.

    Parameters
    ----------
    clusters, jobs
        Which.
    rates
        The calibration.
    price
        Of a core for an hour, in any currency; None to leave the cost out.
    """
    made = [predict(job, cluster, rates) for job in jobs for cluster in clusters]
    first = clusters[0]
    yield (
        f"Rates: {rates.origin}. Nodes: {first.cores} cores, {first.memory_bytes / 2**30:.0f} GiB, "
        f"{first.node_bandwidth / GB:g} GB/s each, file system {first.shared_bandwidth / GB:g} GB/s for all."
    )
    head = ("cube", "nodes", "tiles", "tile", "read", "time", "node-hours", "core-hours", "limit of detect")
    rows = [_row(each, price) for each in made]
    yield from section("Time and cost", (*head, *(["cost"] if price is not None else [])), rows)
    stages = ("cube", "nodes", *(f"{name}, s" for name in (*STAGES, *ALONE)), "driver alone", "driver memory")
    yield from section("Where the time goes", stages, map(_stage_row, made))


def check(report: Report | None, rates: Rates) -> Iterator[str]:
    """Yield a table of predicted and measured seconds of the runs that a report holds."""
    if report is None or not report.group("find"):
        raise UsageError("There is no measured run to compare with. Give --rates a file with the group find.")
    head = ("run", *(f"{name}: predicted / measured, s" for name in (*STAGES, "all stages")))
    yield from section(
        "Predicted and measured", head, (_check(result, report, rates) for result in report.group("find"))
    )


def _check(result: Result, report: Report, rates: Rates) -> tuple[str, ...]:
    z, x, y = report.settings["cube"]
    job = Job(result.name, (z, x, y), FITS if result.name.startswith("FITS") else ZARR)
    executor = result.name.split()[1]
    workers = result.facts["workers"]
    here = Cluster(1, workers, report.machine["memory_bytes"] // 2, inf, inf, executor, remote=False)
    predicted = {stage.name: stage.seconds for stage in predict(job, here, rates).stages}
    measured = {name: median(result.facts["stages"][name]["seconds"]) for name in STAGES}
    pairs = [(predicted[name], measured[name]) for name in STAGES]
    pairs.append((sum(predicted.values()), sum(measured.values())))
    return (result.name, *(f"{a:.2f} / {b:.2f} = {a / b:.2f}" for a, b in pairs))


def _row(made: Prediction, price: float | None) -> tuple[str, ...]:
    detect = next(stage for stage in made.stages if stage.name == "detect")
    row = (
        made.job.name,
        str(made.cluster.nodes),
        f"{len(made.plan.grid):,}",
        " x ".join(map(str, made.plan.grid.core)),
        f"{made.bytes_read / TB:.3g} TB",
        _duration(made.seconds),
        f"{made.node_hours:.3g}",
        f"{made.core_hours:,.0f}",
        detect.limit,
    )
    return row if price is None else (*row, f"{price * made.core_hours:,.2f}")


def _stage_row(made: Prediction) -> tuple[str, ...]:
    seconds = {stage.name: stage.seconds for stage in made.stages} | made.alone
    alone = sum(made.alone.values()) / made.seconds
    times = [
        f"{seconds[name]:,.0f} ({limit})" if limit else f"{seconds[name]:,.0f}"
        for name, limit in _limits(made)
    ]
    return (
        made.job.name,
        str(made.cluster.nodes),
        *times,
        f"{alone:.0%}",
        f"{made.driver_bytes / 2**30:.2g} GiB",
    )


def _limits(made: Prediction) -> Iterator[tuple[str, str]]:
    yield from ((stage.name, stage.limit) for stage in made.stages)
    yield from ((name, "") for name in ALONE)


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _jobs(asked: argparse.Namespace) -> list[Job]:
    storage = replace(ZARR if asked.storage == "zarr" else FITS, voxel_bytes=asked.voxel_bytes)
    density = asked.sources_per_mvoxel / 1e6
    named = {"SDC2": SDC2_SHAPE, "20 TB": LARGE_SHAPE}
    if asked.shape:
        named = {" x ".join(map(str, asked.shape)): asked.shape}
    return [Job(name, shape, storage, density) for name, shape in named.items()]


def _clusters(asked: argparse.Namespace) -> list[Cluster]:
    memory, node, shared = (
        parse_bytes(text) for text in (asked.memory, asked.node_bandwidth, asked.shared_bandwidth)
    )
    return [Cluster(nodes, asked.cores, memory, node, shared) for nodes in asked.nodes]


def _shape(word: str) -> tuple[int, int, int]:
    z, x, y = map(int, word.split(","))
    return z, x, y


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks.scaling", description=__doc__)
    parser.add_argument("--rates", type=Path, metavar="FILE", help="of `python -m benchmarks --json FILE`")
    parser.add_argument(
        "--check", action="store_true", help="predict the runs in that file, beside what they took"
    )
    parser.add_argument("--shape", type=_shape, metavar="Z,X,Y", help="of the cube (default: SDC2 and 20 TB)")
    parser.add_argument("--storage", choices=("zarr", "fits"), default="zarr", help="(default: zarr)")
    parser.add_argument("--voxel-bytes", type=float, default=4.0, metavar="B", help="stored (default: 4)")
    parser.add_argument(
        "--sources-per-mvoxel",
        type=float,
        default=1e6 * DENSITY,
        metavar="N",
        help="found (default: SDC2's truth)",
    )
    parser.add_argument(
        "--nodes", type=int, nargs="+", default=[1, 8, 64], metavar="N", help="(default: 1 8 64)"
    )
    parser.add_argument("--cores", type=int, default=64, metavar="N", help="of a node (default: 64)")
    parser.add_argument("--memory", default="256GiB", help="of a node (default: 256GiB)")
    parser.add_argument("--node-bandwidth", default="25GB", metavar="B", help="a second (default: 25GB)")
    parser.add_argument(
        "--shared-bandwidth", default="50GB", metavar="B", help="of the file system, a second (default: 50GB)"
    )
    parser.add_argument("--price", type=float, metavar="P", help="of a core for an hour")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
