"""What a run of the finder will do and need, known before it begins."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from tessellar.engine.amounts import length, sides, size
from tessellar.engine.devices import ON_CPU, Device
from tessellar.engine.find.refine_cost import NO_REFINING, RefineCost
from tessellar.engine.precondition.cost import NO_COST, ReadCost
from tessellar.engine.shelf_plan import useful_bytes
from tessellar.tiling.box import Shape
from tessellar.tiling.grid import Grid
from tessellar.tiling.plan import read_overhead, sum_read

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
