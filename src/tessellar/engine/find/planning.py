"""Planning a run of the finder: a tile that fits the memory, and what the tiles leave of it for reading."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from tessellar.engine.amounts import mib, sides, size
from tessellar.engine.devices import ON_CPU, Device
from tessellar.engine.find.plan import NETWORK_VOXELS_PER_SECOND, VOXELS_PER_SECOND, FindPlan
from tessellar.engine.find.probability import patch_of_sources
from tessellar.engine.find.refine_cost import NO_REFINING, RefineCost
from tessellar.engine.find.tile_bytes import TileBytes
from tessellar.engine.precondition.cost import NO_COST, ReadCost
from tessellar.engine.shelf_plan import ShelfPlan, shelf_for
from tessellar.engine.workforce import Workforce
from tessellar.errors import DeviceMemoryError, MemoryBudgetError, UsageError
from tessellar.kernels.look.second_look import MOST_VOXELS, SecondLook
from tessellar.kernels.network.finder import NetworkFinder
from tessellar.kernels.noise_lattice import NoiseLattice
from tessellar.kernels.scale_noise import SampleBlocks
from tessellar.kernels.smooth_clip import SmoothAndClip
from tessellar.model import CubeMeta, Source
from tessellar.tiling.box import NO_HALO, Box, Shape
from tessellar.tiling.grid import Grid
from tessellar.tiling.plan import choose_tile, read_shape, sum_read

RECENT_BYTES = 32 * 2**20  # more of them find few windows that touch them again


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
    force = Workforce(executor, workers, remote, device)
    needs = TileBytes.of(finder, force, cost, refining, look)
    room = _Room(memory, memory_is_given, force.library_bytes())
    core = _chosen(source, needs, room) if tile is None else _clipped(tile, source.meta.shape)
    grid = Grid(source.meta.shape, core, finder.halo(source.meta))
    unit, on_device = _fitting(grid, needs, room)
    shelf, recent = _kept(grid, source.chunks, needs, room, unit)
    tiles = force.sharing * max(unit, needs.smallest + recent)
    network = finder.network if isinstance(finder, NetworkFinder) else None
    return FindPlan(
        grid=grid,
        chunks=source.chunks,
        executor=executor,
        workers=workers,
        unit_bytes=unit,
        projected_bytes=room.libraries + tiles + shelf.all_processes,
        budget_bytes=memory,
        bytes_read=_bytes_read(grid, finder, source.meta, cost),
        remote=remote,
        device_bytes=on_device,
        cost=cost,
        rate=VOXELS_PER_SECOND if network is None else NETWORK_VOXELS_PER_SECOND,
        device=device,
        shelf_bytes=shelf.each,
        refining=refining,
        look_bytes=0 if look is None else 4 * MOST_VOXELS,
        recent_bytes=recent,
        patch_bytes=0 if network is None else 4 * prod(patch_of_sources(network, source.meta)),
    )


@dataclass(frozen=True, slots=True)
class _Room:
    """The memory of a run.

    Attributes
    ----------
    memory
        Bytes that it may use.
    is_given
        Whether somebody asked for that much.
    libraries
        Bytes of them that the program takes.
    """

    memory: int
    is_given: bool
    libraries: int

    @property
    def left(self) -> int:
        """Bytes for the tiles in work."""
        return self.memory - self.libraries


def _chosen(source: Source, needs: TileBytes, room: _Room) -> Shape:
    """Return the core that reads least twice, of those that fit the room."""
    meta, force = source.meta, needs.force
    try:
        return choose_tile(
            meta.shape,
            needs.finder.halo(meta),
            unit_bytes=needs.host,
            budget=room.left if room.is_given else min(room.left, force.sharing * needs.roomy(meta)),
            slots=force.workers,
            sharing=force.sharing,
            chunks=source.chunks,
            fits=lambda shape: force.device.holds(needs.on_device(shape)),
            computed=lambda core: _computed(needs.finder, meta, core),
        )
    except DeviceMemoryError:
        raise
    except MemoryBudgetError as error:
        raise MemoryBudgetError(
            f"{size(room.memory)} of memory are not enough: the program takes {size(room.libraries)}, and {error}"
        ) from None


def _computed(finder: SmoothAndClip | NetworkFinder, meta: CubeMeta, core: Shape) -> float:
    """Return how many voxels the finder computes for each one of a core, beside those that it must read."""
    return finder.network.lattice(meta).computed(core) if isinstance(finder, NetworkFinder) else 1.0


def _clipped(tile: Shape, shape: Shape) -> Shape:
    if min(tile) < 1:
        raise UsageError(
            f"tile {','.join(map(str, tile))} is not a box: every side must be at least 1 (frequency,l,m)."
        )
    return Box.of_shape(tile).clip(Box.of_shape(shape)).shape


def _fitting(grid: Grid, needs: TileBytes, room: _Room) -> tuple[int, int]:
    """Return the bytes of one tile in work, and of all on the fullest GPU; refuse what fits neither."""
    read, force, device = read_shape(grid.core, grid.halo, grid.shape), needs.force, needs.force.device
    unit, on_device = needs.host(read), needs.on_device(read)
    if not device.holds(on_device):
        raise DeviceMemoryError(
            f"tiles of {sides(grid.core)} with {force} need {size(on_device)} of device memory and "
            f"{size(device.memory or 0)} are there. Use a smaller --tile, fewer --workers or another --device."
        )
    projected = room.libraries + force.sharing * unit
    if projected > room.memory:
        raise MemoryBudgetError(
            f"tiles of {sides(grid.core)} with {force} need {size(projected)} and {size(room.memory)} are "
            f"allowed ({size(unit)} for each tile in work, {size(room.libraries)} for the program). "
            f"Use a smaller --tile, fewer --workers or --memory {mib(projected)}MiB."
        )
    return unit, on_device


def _kept(
    grid: Grid, chunks: Shape | None, needs: TileBytes, room: _Room, unit: int
) -> tuple[ShelfPlan, int]:
    """Return the shelves for the chunks that tiles share, and the bytes that each worker keeps of its windows."""
    force = needs.force
    left = room.left - force.sharing * unit
    shelf = shelf_for(
        grid, chunks, force.executor, force.workers, left, is_given=room.is_given, remote=force.remote
    )
    if chunks is None:
        return shelf, 0
    return shelf, min(RECENT_BYTES, (room.left - shelf.all_processes) // force.sharing - needs.smallest)


def _bytes_read(grid: Grid, finder: SmoothAndClip | NetworkFinder, meta: CubeMeta, cost: ReadCost) -> int:
    """Return the bytes of voxels that all stages read before the sources are known."""
    lattice = NoiseLattice(meta.shape)
    scales = finder if isinstance(finder, SmoothAndClip) else finder.scales
    samples = (SampleBlocks.in_cells(meta.shape, scales.halo(meta)), SampleBlocks(meta.shape, NO_HALO))
    calibrating = sum(len(blocks) * blocks[0].read.size for blocks in samples)  # scales, and correlation
    search = sum_read(grid) + lattice.n_read + calibrating
    return cost.n_bytes(search, lattice.n_read, prod(meta.shape))
