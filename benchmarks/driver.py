"""What one process does for all workers: remember their leases, stitch what they found, write the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.bench import Bench, Task
from benchmarks.patch import Prepared, prepare
from benchmarks.rehearsal_stage import RehearsalStage
from benchmarks.results import Result
from tessellar.engine.find.products import catalogue_table, neighbour_flags
from tessellar.engine.journal import Journal
from tessellar.engine.lease import Lease
from tessellar.engine.memory import forget_peak, peak_rss_bytes, resident_bytes
from tessellar.engine.partial_file import PartialWriter
from tessellar.engine.partials import PartialStore, Segment
from tessellar.engine.reports import LeaseReport
from tessellar.engine.stitch import stitch as merge
from tessellar.io.catalogue import write_catalogue
from tessellar.io.regions import region_text
from tessellar.kernels.components import SIGNS, Linker, tile_components
from tessellar.kernels.measure import MEASURED
from tessellar.model import IntArray, Payload
from tessellar.tiling.grid import Grid

UNITS_PER_LEASE = 100  # tiles of 0.2 s
LEASE_SECONDS = 20.0  # so much work is safe on the disk before it counts as done
N_TILES = 64
VOXELS_PER_SOURCE = 1e6
_PIECES_PER_LEASE = 40


def journal(bench: Bench) -> Iterator[Result]:
    """Record leases of a hundred units in a journal, one after another."""
    n_leases = max(20, bench.size.n_pieces // _PIECES_PER_LEASE)
    stage = RehearsalStage(n_leases * UNITS_PER_LEASE)
    hashes = np.arange(UNITS_PER_LEASE, dtype="<u8").tobytes()

    def work(folder: Path) -> int:
        with Journal(folder) as book:
            book.begin(stage)
            for first in range(0, stage.n_units, UNITS_PER_LEASE):
                stop = first + UNITS_PER_LEASE
                lease = Lease(stage.name, first, stop)
                book.record(LeaseReport(lease, stop, seconds=LEASE_SECONDS, file="file", hashes=hashes))
        return n_leases

    yield Result("journal", bench.time(_in_scratch(bench, work)), n_leases, "lease")


def stitch(bench: Bench) -> Iterator[Result]:
    """Read what tiles found, of both signs, and merge it: a patch again and again along frequency."""
    prepared = prepare(bench.size.patch, bench.size.n_sources)
    payloads = list(_payloads(prepared))
    with TemporaryDirectory(dir=_folder(bench)) as scratch:
        partials = PartialStore(Path(scratch))
        writer = PartialWriter("detect", "benchmark")
        for tile, payload in enumerate(payloads):
            writer.add(tile, payload)
        file, _, n_bytes = partials.write(writer, "detect", 0, len(payloads))
        partials.seal("detect", [Segment(0, len(payloads), file)])
        seconds = bench.time(Task(lambda: _merged(partials), float))
        n_sources = _merged(partials)
    n_voxels = len(payloads) * prepared.mask.size
    facts = {"n_tiles": len(payloads), "n_sources": n_sources, "bytes_per_voxel": n_bytes / n_voxels}
    yield Result("stitch", seconds, n_bytes, "byte", facts)


def tables(bench: Bench) -> Iterator[Result]:
    """Flag the neighbours, make the catalogue and write its three files and the regions."""
    meta = prepare(bench.size.patch, bench.size.n_sources).sky.meta
    boxes = _boxes(bench.size.n_pieces)
    columns = _columns(boxes)

    def work(folder: Path) -> int:
        columns["flag"] = neighbour_flags(boxes)
        table = catalogue_table(columns, meta, {})
        write_catalogue(table, folder)
        return len(region_text(table))

    task = _in_scratch(bench, work)
    task.work()  # loads the libraries, which are not the sources'
    forget_peak()
    before = resident_bytes()
    seconds = bench.time(task)
    facts = {"bytes_per_source": (peak_rss_bytes() - before) / len(boxes)}
    yield Result("tables", seconds, len(boxes), "source", facts)


def _payloads(prepared: Prepared) -> Iterator[Payload]:
    """Yield what the tiles of a cube give back in which the patch stands again and again."""
    core = prepared.mask.shape
    grid = Grid((N_TILES * core[0], core[1], core[2]), (core[0], core[1], core[2]))
    for tile in grid:
        yield tile_components(prepared.mask, tile.core, grid.shape, Linker())


def _merged(partials: PartialStore) -> int:
    return sum(len(merge(partials.units("detect"), sign, Linker())) for sign in SIGNS)


def _boxes(n: int) -> IntArray:
    """Return the table of made-up sources, sorted by id as stitching does, one in a million voxels; int64 (n, 8)."""
    random = np.random.default_rng(1)
    side = round((n * VOXELS_PER_SOURCE) ** (1 / 3))
    table = np.zeros((n, 8), np.int64)
    low = random.integers(0, side, (n, 3))
    table[:, 2::2], table[:, 3::2] = low, low + random.integers(5, 30, (n, 3))
    table[:, 0] = np.sort(random.permutation(10 * n)[:n])
    return table


def _columns(boxes: IntArray) -> Payload:
    random = np.random.default_rng(2)
    columns: Payload = {name: random.random(len(boxes)) for name in MEASURED}
    names = ("id", "z_min", "z_max", "x_min", "x_max", "y_min", "y_max")
    columns |= {name: boxes[:, column] for name, column in zip(names, (0, 2, 3, 4, 5, 6, 7), strict=True)}
    for axis, name in enumerate("zxy"):
        columns[name] = boxes[:, 2 + 2 * axis : 4 + 2 * axis].mean(axis=1)
    return columns


def _in_scratch(bench: Bench, work: Callable[[Path], int]) -> Task[int]:
    """Return the task that works in a folder of its own, removed afterwards."""
    home = _folder(bench)

    def once() -> int:
        with TemporaryDirectory(dir=home) as scratch:
            return work(Path(scratch))

    return Task(once, float)


def _folder(bench: Bench) -> Path:
    bench.folder.mkdir(parents=True, exist_ok=True)
    return bench.folder.resolve()
