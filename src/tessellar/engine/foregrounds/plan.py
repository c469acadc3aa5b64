"""What a separation of foregrounds will do and need, known before it begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from tessellar.engine.amounts import length, mib, sides, size
from tessellar.engine.foregrounds.lattice import ROWS, block_width
from tessellar.engine.foregrounds.outputs import pencil_shard
from tessellar.engine.worker import AHEAD_BYTES
from tessellar.engine.workforce import Workforce
from tessellar.errors import MemoryBudgetError
from tessellar.tiling.box import Shape
from tessellar.tiling.grid import Grid

_BLOCK_BYTES = 28  # of a voxel of the first pass: read, decoded, filled, centred
_COVARIANCES = 6  # of the driver: sums, covariance, eigenvectors and what solves for them
_PIECE_COPIES = 6  # of the second pass: read, decoded, residual, and three while it is encoded
_VOXELS_PER_SECOND = 25e6  # of one core and one pass, for the estimate of the time
_FLOPS = 30e9  # of one core, double precision


@dataclass(frozen=True, slots=True)
class ForegroundPlan:
    """The passes, the bytes and the memory of a separation.

    Attributes
    ----------
    shape
        Of the cube, ``(frequency, l, m)``.
    shard
        Pixels that are cleaned and written together, with all channels.
    executor, workers
        Who works.
    passes
        How often the cube is read.
    unit_bytes, driver_bytes
        Memory of one unit of work, and of the covariance and the maps in this process.
    projected_bytes, budget_bytes
        Memory of the whole run, and what it may use.
    written_bytes
        What is written to the disk, at most: the result, and cubes that are needed until the end of the run.
    remote
        Whether the workers are those of a running cluster; then the memory is that of one worker.
    """

    shape: Shape
    shard: Shape
    executor: str
    workers: int
    passes: int
    unit_bytes: int
    driver_bytes: int
    projected_bytes: int
    budget_bytes: int
    written_bytes: int
    remote: bool = False

    @property
    def pieces(self) -> Grid:
        """The pieces that are cleaned, a lazy sequence."""
        return Grid(self.shape, self.shard)

    @property
    def bytes_read(self) -> int:
        """Bytes of voxels that are read over all passes."""
        return 4 * self.passes * prod(self.shape)

    @property
    def seconds(self) -> float:
        """A rough estimate of the time, from nominal rates of one core."""
        n_voxels = prod(self.shape)
        products = n_voxels * self.shape[0] / _FLOPS
        return (self.passes * n_voxels / _VOXELS_PER_SECOND + products) / self.workers

    def __str__(self) -> str:
        rows = [
            (
                "cube",
                f"{sides(self.shape)} voxels (frequency x l x m), {size(4 * prod(self.shape))} as float32",
            ),
            ("pieces", f"{len(self.pieces):,} of {sides(self.pieces[0].core.shape)}: whole spectra"),
            ("read", f"{size(self.bytes_read)} of voxels in {self.passes} passes"),
            ("written", f"at most {size(self.written_bytes)}, before compression"),
            ("memory", f"{size(self.projected_bytes)} projected, {size(self.budget_bytes)} allowed"),
            ("workers", f"{self.workers} ({self.executor}), {size(self.unit_bytes)} for each unit in work"),
            ("time", f"about {length(self.seconds)}, from nominal rates"),
        ]
        return "\n".join(f"{name:8} {text}" for name, text in rows)


def make_plan(
    shape: Shape,
    *,
    tile: Shape | None,
    memory: int,
    executor: str,
    workers: int,
    remote: bool = False,
    driver_bytes: int = 0,
    extra_passes: int = 0,
    cubes_written: int = 1,
    planes: Sequence[int] = (),
) -> ForegroundPlan:
    """Return the plan of a separation, or refuse it.

    Parameters
    ----------
    shape
        Of the cube.
    tile
        What ``--tile`` says; of it the pixels count.
    memory
        Bytes that the run may use; with ``remote``, that each worker may use.
    executor, workers, remote
        Who works, and whether on machines of their own.
    driver_bytes
        What the recipe and what follows hold in this process.
    extra_passes
        Over the one that cleans the cube.
    cubes_written
        How many cubes are on the disk at the same time, at most.
    planes
        Bytes of the units of other stages.

    Raises
    ------
    MemoryBudgetError
        The run does not fit the memory; the message names what does.
    """
    n_channels = shape[0]
    shard = pencil_shard(shape, tile)
    piece = prod(min(s, n) for s, n in zip(shard, shape, strict=True))
    first = _BLOCK_BYTES * n_channels * min(block_width(n_channels), shape[1]) * ROWS + 24 * n_channels**2
    waiting = 0 if executor == "serial" else 2 * max(4 * piece, AHEAD_BYTES)
    second = 4 * _PIECE_COPIES * piece + waiting
    unit = max(first, second, *planes) if planes else max(first, second)
    driver = 8 * _COVARIANCES * n_channels**2 + driver_bytes
    force = Workforce(executor, workers, remote)
    libraries = force.library_bytes()
    projected = libraries + driver + force.sharing * unit
    if projected > memory:
        raise MemoryBudgetError(
            f"Separating {sides(shape)} voxels with {workers} workers needs {size(projected)} and {size(memory)} "
            f"are allowed ({size(unit)} for each unit in work, {size(driver)} for covariance and maps, "
            f"{size(libraries)} for the program). Use fewer --workers, a smaller --tile or "
            f"--memory {mib(projected)}MiB."
        )
    return ForegroundPlan(
        shape,
        shard,
        executor,
        workers,
        1 + extra_passes,
        unit,
        driver,
        projected,
        memory,
        4 * prod(shape) * cubes_written,
        remote,
    )
