"""What denoising a cube will do and need, known before it begins."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from tessellar.engine.amounts import length, mib, sides, size
from tessellar.engine.denoise.blocks import MOST_CALIBRATING, MOST_JUDGING, blocks_alone, blocks_around
from tessellar.engine.devices import ON_CPU, Device
from tessellar.engine.find.plan import VOXELS_PER_SECOND
from tessellar.engine.find.tile_bytes import ROOMY_UNIT_BYTES
from tessellar.engine.shelf_plan import shelf_for
from tessellar.engine.worker import AHEAD_BYTES
from tessellar.engine.workforce import Workforce
from tessellar.errors import DeviceMemoryError, MemoryBudgetError, UsageError
from tessellar.io.zarr_layout import CHUNK
from tessellar.kernels.denoise.dense import DenseKernel
from tessellar.kernels.network.unet import UNet
from tessellar.kernels.noise_lattice import NoiseLattice
from tessellar.model import Source
from tessellar.tiling.box import Shape
from tessellar.tiling.grid import Grid
from tessellar.tiling.plan import choose_tile, read_shape, sum_read

_READ_BYTES = 16  # of a voxel that is read: itself, decoded, the next piece's, its noise
_WRITTEN_BYTES = 16  # of a voxel of each output: itself, and three while it is encoded


@dataclass(frozen=True, slots=True)
class DenoisePlan:
    """The pieces, the bytes and the memory of a run that denoises.

    Attributes
    ----------
    grid
        The pieces, lazily: what is written together, and what is read around it.
    executor, workers
        Who works.
    unit_bytes
        Memory of one piece in work.
    projected_bytes, budget_bytes
        Memory of the whole run, and what it may use.
    device_bytes
        Memory of the pieces in work on each GPU; 0 on the CPU.
    bytes_sampled
        Bytes of voxels that are read to calibrate and to judge.
    cubes_written
        How many cubes are on the disk at the same time, at most.
    remote
        Whether the workers are those of a running cluster; then the memory is that of one worker.
    device
        Where the workers compute.
    shelf_bytes
        Decoded voxels that each process keeps for neighbouring pieces.
    """

    grid: Grid
    executor: str
    workers: int
    unit_bytes: int
    projected_bytes: int
    budget_bytes: int
    device_bytes: int
    bytes_sampled: int
    cubes_written: int = 1
    remote: bool = False
    device: Device = ON_CPU
    shelf_bytes: int = 0

    @property
    def halo_overhead(self) -> float:
        """Voxels read for each voxel of the cube while denoising."""
        return sum_read(self.grid) / prod(self.grid.shape)

    @property
    def seconds(self) -> float:
        """A rough estimate of the time, from a nominal rate of one core."""
        return (sum_read(self.grid) + self.bytes_sampled / 4) / (VOXELS_PER_SECOND * self.workers)

    def __str__(self) -> str:
        g, each = self.grid, " for each worker" if self.remote else ""
        written = 4 * prod(g.shape) * self.cubes_written
        rows = [
            ("cube", f"{sides(g.shape)} voxels (frequency x l x m), {size(4 * prod(g.shape))} as float32"),
            ("pieces", f"{len(g):,} of {sides(g[0].core.shape)}"),
            (
                "halo",
                f"{sides(g.halo.before)} on each side; {self.halo_overhead:.2f} voxels read for each one owned",
            ),
            ("read", f"{size(4 * sum_read(g) + self.bytes_sampled)} of voxels over all stages"),
            ("written", f"at most {size(written)}, before compression"),
            ("memory", f"{size(self.projected_bytes)} projected, {size(self.budget_bytes)} allowed{each}"),
            ("device", self.device.in_words(self.device_bytes)),
            ("workers", f"{self.workers} ({self.executor}), {size(self.unit_bytes)} for each piece in work"),
            ("time", f"about {length(self.seconds)} at {VOXELS_PER_SECOND / 1e6:.0f} Mvoxel/s a worker"),
        ]
        return "\n".join(f"{name:8} {text}" for name, text in rows)


def make_plan(
    source: Source,
    kernel: DenseKernel,
    *,
    tile: Shape | None,
    memory: int,
    memory_is_given: bool,
    executor: str,
    workers: int,
    remote: bool = False,
    device: Device = ON_CPU,
    outputs: int = 1,
    by_way: int = 0,
) -> DenoisePlan:
    """Return the plan of a run that denoises, or refuse it.

    Parameters
    ----------
    source
        The cube.
    kernel
        The recipe.
    tile
        What is written together ``(frequency, l, m)``, made up to whole chunks; None to choose.
    memory
        Bytes that the run may use; with ``remote``, that each worker may use.
    memory_is_given
        Whether somebody asked for that much; otherwise pieces stay moderate.
    executor, workers, remote
        Who works, and whether on machines of their own.
    device
        Where they compute.
    outputs
        How many cubes are written.
    by_way
        How many of them are written to a store first, and copied from there.

    Raises
    ------
    MemoryBudgetError
        The run does not fit the memory; the message names what does.
    UsageError
        The tile is not a box of voxels.
    """
    force = Workforce(executor, workers, remote, device)
    meta, cost = source.meta, _Cost(source, kernel, force, force.library_bytes())
    if tile is None:
        room = memory - cost.libraries
        core = cost.choose(room if memory_is_given else min(room, cost.roomy), memory)
    else:
        core = _whole_chunks(tile, meta.shape)
    grid = Grid(meta.shape, core, kernel.halo(meta))
    read = read_shape(core, grid.halo, meta.shape)
    unit, on_device = cost.unit_bytes(read), cost.bytes_on_device(read)
    if not device.holds(on_device):
        raise DeviceMemoryError(
            f"pieces of {sides(core)} with {force} need {size(on_device)} of device memory and "
            f"{size(device.memory or 0)} are there. Use a smaller --tile, fewer --workers or another --device."
        )
    projected = cost.libraries + force.sharing * unit
    if projected > memory:
        raise MemoryBudgetError(
            f"pieces of {sides(core)} with {force} need {size(projected)} and {size(memory)} are "
            f"allowed ({size(unit)} for each piece in work, {size(cost.libraries)} for the program). "
            f"Use a smaller --tile, fewer --workers or --memory {mib(projected)}MiB."
        )
    left = memory - projected
    shelf = shelf_for(grid, source.chunks, executor, workers, left, is_given=memory_is_given, remote=remote)
    return DenoisePlan(
        grid,
        executor,
        workers,
        unit,
        projected + shelf.all_processes,
        memory,
        on_device,
        cost.bytes_sampled,
        outputs + by_way,
        remote,
        device,
        shelf.each,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Cost:
    """What the workers of a run hold."""

    source: Source
    kernel: DenseKernel
    force: Workforce
    libraries: int

    def bytes_on_device(self, shape: Shape) -> int:
        """Return the bytes on each GPU for pieces that read so many voxels, or for sampled blocks if larger."""
        return self.force.bytes_on_device(self.force.device.use_of(self.kernel)(self._larger(shape)).device)

    def _larger(self, shape: Shape) -> Shape:
        return max(
            shape, blocks_around(self.source.meta, self.kernel, MOST_CALIBRATING)[0].read.shape, key=prod
        )

    @property
    def bytes_sampled(self) -> int:
        """Return at most so many bytes: noise before and after, bands, correlation, comparison, and noise alone."""
        meta = self.source.meta
        around, alone = blocks_around(meta, self.kernel, MOST_CALIBRATING), blocks_alone(meta)
        blocks = (len(around) + min(len(around), MOST_JUDGING)) * around[0].read.size
        return 4 * (2 * NoiseLattice(meta.shape).n_read + blocks + 3 * len(alone) * alone[0].read.size)

    def unit_bytes(self, shape: Shape) -> int:
        """Return the bytes that a piece needs which reads so many voxels; a sampled block counts where it is larger."""
        kernel = self.force.device.use_of(self.kernel)(self._larger(shape)).host
        ahead = 0 if self.force.executor == "serial" else AHEAD_BYTES
        return (_READ_BYTES + _WRITTEN_BYTES * len(self.kernel.outputs)) * prod(shape) + kernel + ahead

    @property
    def roomy(self) -> int:
        """Bytes of pieces beyond which larger ones save little; those of a network hold a patch, and the network."""
        meta, unit = self.source.meta, ROOMY_UNIT_BYTES
        if isinstance(self.kernel, UNet):
            whole = read_shape(self.kernel.lattice(meta).answer_shape, self.kernel.halo(meta), meta.shape)
            unit = max(unit + self.kernel.fixed_bytes, self.unit_bytes(whole))
        return self.force.sharing * unit

    def _computed(self, core: Shape) -> float:
        """Return how many voxels the kernel computes for each one of a core."""
        network = self.kernel if isinstance(self.kernel, UNet) else None
        return 1.0 if network is None else network.lattice(self.source.meta).computed(core)

    def choose(self, room: int, memory: int) -> Shape:
        """Return a piece for the room that the program leaves of the memory."""
        meta = self.source.meta
        try:
            chosen = choose_tile(
                meta.shape,
                self.kernel.halo(meta),
                unit_bytes=self.unit_bytes,
                budget=room,
                slots=self.force.workers,
                sharing=self.force.sharing,
                chunks=CHUNK,
                fits=lambda shape: self.force.device.holds(self.bytes_on_device(shape)),
                computed=self._computed,
            )
        except DeviceMemoryError:
            raise
        except MemoryBudgetError as error:
            raise MemoryBudgetError(
                f"{size(memory)} of memory are not enough: the program takes {size(self.libraries)}, and {error}"
            ) from None
        return _whole_chunks(chosen, meta.shape)


def _whole_chunks(tile: Shape, shape: Shape) -> Shape:
    if min(tile) < 1:
        raise UsageError(
            f"tile {','.join(map(str, tile))} is not a box: every side must be at least 1 (frequency,l,m)."
        )
    z, x, y = (-(-min(t, n) // c) * c for t, n, c in zip(tile, shape, CHUNK, strict=True))
    return (z, x, y)
