"""What a run of the finder will do and need, known before it begins."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from tessellar.engine.amounts import length, mib, sides, size
from tessellar.engine.devices import ON_CPU, Device
from tessellar.engine.find.measure import WINDOW_VOXELS
from tessellar.engine.find.probability import patch_of_sources
from tessellar.engine.find.refine_cost import NO_REFINING, RefineCost
from tessellar.engine.memory import resident_bytes
from tessellar.engine.precondition.cost import NO_COST, ReadCost
from tessellar.engine.shelf_plan import shelf_for, useful_bytes
from tessellar.engine.worker import AHEAD_BYTES
from tessellar.errors import DeviceMemoryError, MemoryBudgetError, UsageError
from tessellar.kernels.look.frame import PATCH
from tessellar.kernels.look.second_look import MOST_VOXELS, SecondLook
from tessellar.kernels.network.finder import NetworkFinder
from tessellar.kernels.noise_lattice import NoiseLattice
from tessellar.kernels.scale_noise import SampleBlocks
from tessellar.kernels.smooth_clip import SmoothAndClip
from tessellar.model import MemoryUse, Source
from tessellar.tiling.box import Box, Shape
from tessellar.tiling.grid import Grid
from tessellar.tiling.plan import choose_tile, read_overhead, read_shape, sum_read

LIBRARY_BYTES = 600 * 2**20  # the interpreter, its libraries, the compiler's first use, the report's figures
GROWTH_BYTES = 350 * 2**20  # what of that is still to come in a process that holds other things already
WORKER_LIBRARY_BYTES = {  # a worker process, and what its cluster adds for it: no figures, no catalogue writers
    "processes": 380 * 2**20,
    "dask": 560 * 2**20,
    "ray": 560 * 2**20,
}
RECENT_BYTES = 32 * 2**20  # more of them find few windows that touch them again
ROOMY_UNIT_BYTES = 384 * 2**20  # larger tiles than this save little reading
MEASURE_BYTES = (
    128  # of a voxel of a window of the measure stage: read, converted, its runs spread out, its sky
)
BYTES_PER_READ_VOXEL = 8  # the voxels, and once more while they are decoded or brought into axis order
BYTES_AHEAD_PER_VOXEL = 4  # the tile in the kernel's hands, while the next one is read
DETECTION_SHARE = 0.03  # of a tile's voxels in runs and components
NOTHING = MemoryUse(0)
VOXELS_PER_SECOND = 25e6  # of one core, whole run, for the estimate of the time
NETWORK_VOXELS_PER_SECOND = (
    4e6  # the same with a network, which looks at both signs: no more than the order of it
)


@dataclass(frozen=True, slots=True)
class FindPlan:
    """The tiles, the bytes and the memory of a run of the finder.

    Attributes
    ----------
    grid
        The tiles, lazily.
    chunks
        What storage reads as one piece, or None.
    executor, workers
        Who works; ``workers`` tiles are in work at the same time.
    unit_bytes
        Memory of one tile in work.
    projected_bytes, budget_bytes
        Memory of the whole run, and what it may use.
    bytes_read
        Bytes of voxels that are read over all stages.
    remote
        Whether the workers are those of a running cluster; then the memory is that of one worker.
    device_bytes
        Memory of the tiles in work on each GPU; 0 on the CPU.
    cost
        What preconditioning adds.
    rate
        Voxels a second of one core, for the estimate of the time.
    device
        Where the workers compute.
    shelf_bytes
        Decoded voxels that each process keeps for neighbouring tiles.
    refining
        What separating sources and growing masks adds at most; ``bytes_read`` and the time are without it.
    look_bytes
        Bytes of voxels that a network reads of each candidate; 0 where none looks. ``bytes_read`` and the time are
        without it.
    recent_bytes
        Decoded voxels that each worker keeps where it reads windows, not tiles.
    patch_bytes
        Bytes of voxels of each patch with sources that the network of the finder sees once more; 0 where none finds.
        ``bytes_read`` and the time are without it.
    """

    grid: Grid
    chunks: Shape | None
    executor: str
    workers: int
    unit_bytes: int
    projected_bytes: int
    budget_bytes: int
    bytes_read: int
    remote: bool = False
    device_bytes: int = 0
    cost: ReadCost = NO_COST
    rate: float = VOXELS_PER_SECOND
    device: Device = ON_CPU
    shelf_bytes: int = 0
    refining: RefineCost = NO_REFINING
    look_bytes: int = 0
    recent_bytes: int = 0
    patch_bytes: int = 0

    @property
    def decoded_overhead(self) -> float:
        """Voxels decoded for each voxel of the cube while detecting, about: what is kept is not decoded again."""
        overhead = read_overhead(self.grid.core, self.grid.halo, self.grid.shape, self.chunks)
        useful = useful_bytes(self.grid, self.chunks, self.workers)
        return overhead if not useful else 1 + (overhead - 1) * (1 - min(1.0, self.shelf_bytes / useful))

    @property
    def halo_overhead(self) -> float:
        """Voxels read for each voxel of the cube while detecting."""
        return sum_read(self.grid) / prod(self.grid.shape)

    @property
    def seconds(self) -> float:
        """A rough estimate of the time, from a nominal rate of one core."""
        return prod(self.grid.shape) * self.halo_overhead / (self.rate * self.workers)

    def __str__(self) -> str:
        g = self.grid
        each = " for each worker" if self.remote else ""
        rows = [
            ("cube", f"{sides(g.shape)} voxels (frequency x l x m), {size(4 * prod(g.shape))} as float32"),
            ("tiles", f"{len(g):,} of {sides(g.core)}, {sides(g.counts)} along each axis"),
            (
                "halo",
                f"{sides(g.halo.before)} on each side; {self.halo_overhead:.2f} voxels read for each one owned",
            ),
            *self._chunk_row(),
            ("read", f"{size(self.bytes_read)} of voxels over all stages"),
            *(("", words) for words in self.cost.words()),
            *(("", words) for words in self.refining.words(self.rate * self.workers)),
            *self._look_rows(),
            (
                "memory",
                f"{size(self.projected_bytes)} projected, {size(self.budget_bytes)} allowed{each}",
            ),
            ("device", self.device.in_words(self.device_bytes)),
            ("workers", f"{self.workers} ({self.executor}), {size(self.unit_bytes)} for each tile in work"),
            ("time", f"about {length(self.seconds)} at {self.rate / 1e6:.2g} Mvoxel/s a worker"),
        ]
        return "\n".join(f"{name:8} {text}" for name, text in rows)

    def _look_rows(self) -> list[tuple[str, str]]:
        words = []
        if self.look_bytes:
            words.append(
                f"{size(self.look_bytes)} at most, once more, for each candidate that a network looks at"
            )
        if self.patch_bytes:
            words.append(
                f"{size(self.patch_bytes)}, once more, for each patch with sources, for their probability"
            )
        return [("", text) for text in words]

    def _chunk_row(self) -> list[tuple[str, str]]:
        if self.chunks is None:
            return []
        kept = f", {size(self.shelf_bytes)} kept for neighbours" if self.shelf_bytes else ""
        decoded = f"{self.decoded_overhead:.2f} voxels decoded for each one owned"
        return [("chunks", f"{sides(self.chunks)}; {decoded}{kept}")]


def make_plan(
    source: Source,
    finder: SmoothAndClip | NetworkFinder,
    *,
    tile: Shape | None,
    memory: int,
    memory_is_given: bool,
    executor: str,
    workers: int,
    remote: bool = False,
    device: Device = ON_CPU,
    cost: ReadCost = NO_COST,
    refining: RefineCost = NO_REFINING,
    look: SecondLook | None = None,
) -> FindPlan:
    """Return the plan of a run, or refuse it.

    Parameters
    ----------
    source
        The cube.
    finder
        The recipe.
    tile
        Core of a tile ``(frequency, l, m)``, or None to choose one.
    memory
        Bytes that the run may use; with ``remote``, that each worker may use.
    memory_is_given
        Whether somebody asked for that much; otherwise tiles stay moderate.
    executor, workers
        Who works.
    remote
        Whether the workers are those of a running cluster, with machines of their own.
    device
        Where they compute.
    cost
        What preconditioning adds.
    refining
        What separating sources and growing masks adds at most.
    look
        The network that looks at candidates, or None.

    Raises
    ------
    MemoryBudgetError
        When the run does not fit the memory; the message names what does.
    UsageError
        When the tile is not a box of voxels.
    """
    meta = source.meta
    halo = finder.halo(meta)
    libraries = max(LIBRARY_BYTES, resident_bytes() + GROWTH_BYTES)
    libraries += workers * WORKER_LIBRARY_BYTES.get(executor, 0)
    libraries += device.library_bytes * (workers if executor in WORKER_LIBRARY_BYTES else 1)
    sharing = workers
    if remote:
        libraries, sharing = WORKER_LIBRARY_BYTES[executor] + device.library_bytes, 1
    window = (MEASURE_BYTES + cost.bytes_per_voxel) * WINDOW_VOXELS
    looking = NOTHING if look is None else device.use_of(look)(PATCH)
    smallest = max(window, cost.unit_bytes, refining.unit_bytes, looking.host)
    reading = BYTES_PER_READ_VOXEL + cost.bytes_per_voxel
    use = device.use_of(finder)
    network = finder.network if isinstance(finder, NetworkFinder) else None

    def unit_bytes(shape: Shape) -> int:
        voxels = prod(shape)
        runs = int(DETECTION_SHARE * voxels) * 24
        ahead = 0 if executor == "serial" else max(BYTES_AHEAD_PER_VOXEL * voxels, AHEAD_BYTES)
        return max(reading * voxels + ahead + use(shape).host + runs, smallest)

    def bytes_on_device(shape: Shape) -> int:
        each = max(use(shape).device, looking.device)
        return device.bytes_for(each, sharing, processes=executor in WORKER_LIBRARY_BYTES)

    room = memory - libraries
    if tile is None:
        roomy = ROOMY_UNIT_BYTES + max(finder.fixed_bytes, looking.host)
        if network is not None:  # a tile smaller than a patch costs as much as one
            roomy = max(roomy, unit_bytes(read_shape(network.lattice(meta).answer_shape, halo, meta.shape)))
        limit = room if memory_is_given else min(room, sharing * roomy)
        try:
            core = choose_tile(
                meta.shape,
                halo,
                unit_bytes=unit_bytes,
                budget=limit,
                slots=workers,
                sharing=sharing,
                chunks=source.chunks,
                fits=lambda shape: device.holds(bytes_on_device(shape)),
                computed=lambda core: 1.0 if network is None else network.lattice(meta).computed(core),
            )
        except DeviceMemoryError:
            raise
        except MemoryBudgetError as error:
            raise MemoryBudgetError(
                f"{size(memory)} of memory are not enough: the program takes {size(libraries)}, and {error}"
            ) from None
    else:
        core = _clipped(tile, meta.shape)
    read = read_shape(core, halo, meta.shape)
    unit, on_device = unit_bytes(read), bytes_on_device(read)
    if not device.holds(on_device):
        raise DeviceMemoryError(
            f"tiles of {sides(core)} with {_who(workers, remote)} need {size(on_device)} of device memory and "
            f"{size(device.memory or 0)} are there. Use a smaller --tile, fewer --workers or another --device."
        )
    projected = libraries + sharing * unit
    if projected > memory:
        raise MemoryBudgetError(
            f"tiles of {sides(core)} with {_who(workers, remote)} need {size(projected)} and {size(memory)} are "
            f"allowed ({size(unit)} for each tile in work, {size(libraries)} for the program). "
            f"Use a smaller --tile, fewer --workers or --memory {mib(projected)}MiB."
        )
    grid = Grid(meta.shape, core, halo)
    shelf = shelf_for(
        grid, source.chunks, executor, workers, memory - projected, is_given=memory_is_given, remote=remote
    )
    left = memory - libraries - shelf.all_processes
    recent = 0 if source.chunks is None else min(RECENT_BYTES, left // sharing - smallest)
    projected = libraries + sharing * max(unit, smallest + recent) + shelf.all_processes
    lattice = NoiseLattice(meta.shape)
    scales = finder if isinstance(finder, SmoothAndClip) else finder.scales
    blocks = SampleBlocks(meta.shape, scales.halo(meta))
    in_blocks = (
        blocks[0].read.size + blocks[0].core.size
    )  # for the noise of the scales, and for its correlation
    sampled = lattice.n_read + len(blocks) * in_blocks
    n_bytes = cost.n_bytes(sum_read(grid) + sampled, lattice.n_read, prod(meta.shape))
    rate = VOXELS_PER_SECOND if isinstance(finder, SmoothAndClip) else NETWORK_VOXELS_PER_SECOND
    return FindPlan(
        grid,
        source.chunks,
        executor,
        workers,
        unit,
        projected,
        memory,
        n_bytes,
        remote,
        on_device,
        cost,
        rate,
        device,
        shelf.each,
        refining,
        0 if look is None else 4 * MOST_VOXELS,
        recent,
        0 if network is None else 4 * prod(patch_of_sources(network, meta)),
    )


def _clipped(tile: Shape, shape: Shape) -> Shape:
    if min(tile) < 1:
        raise UsageError(
            f"tile {','.join(map(str, tile))} is not a box: every side must be at least 1 (frequency,l,m)."
        )
    return Box.of_shape(tile).clip(Box.of_shape(shape)).shape


def _who(workers: int, remote: bool) -> str:
    return "one worker" if remote else f"{workers} workers"
