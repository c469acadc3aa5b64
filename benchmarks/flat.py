"""Show that memory does not grow with the cube: the finder on procedural cubes of two sizes with the same tile.

The cubes are made as they are read and take no room on disk. Each run is a process of its own; its peak is that of the
driver and its workers together, from ``run.json``. The exit code is 1 when the largest peak exceeds the first by more
than the share that is allowed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from math import prod
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.bench import BenchmarkError, say
from benchmarks.finds import Record, run_program
from benchmarks.markdown import number, section
from tessellar.engine.executors import EXECUTORS
from tessellar.tiling.box import Shape

FOLDER = Path("bench")
MIB, GIB = 2**20, 2**30
SHAPES: tuple[Shape, ...] = ((1024, 1024, 1024), (4096, 2048, 2048))  # 4 GiB and 64 GiB
TILE: Shape = (128, 256, 256)
CHEAP = ("--kernels-xy", "0", "--kernels-z", "0")


@dataclass(frozen=True, slots=True)
class Peak:
    """The memory of one run.

    Attributes
    ----------
    shape
        Of the cube, ``(frequency, l, m)``.
    n_tiles, n_sources
        How many it had, and found.
    seconds
        Wall time of the stages and what lies between.
    peak_bytes, planned_bytes
        The most memory that driver and workers held, and what the plan projected.
    """

    shape: Shape
    n_tiles: int
    n_sources: int
    seconds: float
    peak_bytes: int
    planned_bytes: int


def address(shape: Shape, sources_per_mvoxel: float = 1.0) -> str:
    """Return the address of a procedural cube."""
    shown = ",".join(map(str, shape))
    return f"procedural://hi?shape={shown}&seed=1&sources_per_mvoxel={sources_per_mvoxel!r}"


def measure(cube: str, shape: Shape, tile: Shape, options: Sequence[str], folder: Path) -> Peak:
    """Find the sources of a cube in a process of its own, and return what it held.

    Raises
    ------
    BenchmarkError
        The run failed.
    """
    with TemporaryDirectory(dir=folder) as scratch:
        run = Path(scratch) / "run"
        words = ["find", cube, "--out", str(run), "--tile", ",".join(map(str, tile)), "--quiet", *options]
        run_program([sys.executable, "-m", "tessellar", *words])
        record: Record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    planned = record["plan"]["projected_bytes"]
    counts = (record["n_tiles"], record["n_sources"], record["seconds"])
    return Peak(shape, *counts, record["peak_rss_bytes"], planned)


def table(peaks: Sequence[Peak], tile: Shape) -> str:
    """Return the peaks as Markdown, beside that of the first."""
    head = ("cube", "size", "tiles", "sources", "time", "peak memory", "of the first", "planned")
    title = f"Peak memory at tiles of {_words(tile)}"
    return "\n\n".join(section(title, head, (_row(peak, peaks[0]) for peak in peaks)))


def growth(peaks: Sequence[Peak]) -> float:
    """Return by which share the largest peak exceeds the first."""
    return max(peak.peak_bytes for peak in peaks) / peaks[0].peak_bytes - 1


def main(words: list[str]) -> int:
    """Measure what the words ask for; return the exit code."""
    asked = _parser().parse_args(words)
    asked.folder.mkdir(parents=True, exist_ok=True)
    try:
        peaks = list(_peaks(asked))
    except BenchmarkError as error:
        print(error, file=sys.stderr)
        return 1
    if asked.json:
        record = {"command": words, "peaks": [asdict(peak) for peak in peaks]}
        asked.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(table(peaks, asked.tile))
    print(f"\nThe largest peak exceeds the first by {growth(peaks):.1%}; {asked.allowed:.0%} are allowed.")
    return 1 if growth(peaks) > asked.allowed else 0


def _peaks(asked: argparse.Namespace) -> Iterator[Peak]:
    options = ["--executor", asked.executor, "--workers", str(asked.workers)]
    options += [] if asked.default_kernels else CHEAP
    for shape in asked.shapes:
        cube = address(shape, asked.sources_per_mvoxel)
        say(f"finding the sources of {cube}")
        yield measure(cube, shape, asked.tile, options, asked.folder.resolve())


def _row(peak: Peak, first: Peak) -> tuple[str, ...]:
    return (
        _words(peak.shape),
        f"{number(4 * prod(peak.shape) / GIB)} GiB",
        f"{peak.n_tiles:,}",
        f"{peak.n_sources:,}",
        f"{number(peak.seconds)} s",
        f"{peak.peak_bytes / MIB:.0f} MiB",
        f"{peak.peak_bytes / first.peak_bytes:.3f}",
        f"{peak.planned_bytes / MIB:.0f} MiB",
    )


def _words(shape: Shape) -> str:
    return " x ".join(map(str, shape))


def _shape(word: str) -> Shape:
    z, x, y = map(int, word.split(","))
    return z, x, y


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks.flat", description=__doc__)
    parser.add_argument(
        "--shapes", type=_shape, nargs="+", default=SHAPES, metavar="Z,X,Y", help="(default: 4 and 64 GiB)"
    )
    parser.add_argument("--tile", type=_shape, default=TILE, metavar="Z,X,Y", help="(default: 128,256,256)")
    parser.add_argument("--executor", choices=EXECUTORS, default="threads")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="(default: 2)")
    parser.add_argument("--default-kernels", action="store_true", help="all scales, not the native one alone")
    parser.add_argument(
        "--sources-per-mvoxel",
        type=float,
        default=1.0,
        metavar="N",
        help="of the cubes (default: 1, as in SDC2)",
    )
    parser.add_argument("--allowed", type=float, default=0.1, metavar="P", help="share (default: 0.1)")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="for scratch files (default: bench)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the numbers there")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
