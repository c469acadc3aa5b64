"""The nouns of the scaling model: a cube on a disk, a cluster, and what a run of the one on the other would take."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, prod

from tessellar.engine.find.plan import FindPlan
from tessellar.io.zarr_layout import CHUNK
from tessellar.tiling.box import Shape

FLOAT = 4
PAGE: Shape = (1, 1024, 1)  # voxels of a FITS cube in a page of 4 KiB


@dataclass(frozen=True, slots=True)
class Storage:
    """How a cube lies on disk.

    Attributes
    ----------
    name
        ``FITS`` or ``Zarr``.
    chunks
        What is decoded as one piece, or None.
    blocks
        What is transferred as one piece, ``(frequency, l, m)``.
    voxel_bytes
        Stored bytes for each voxel.
    """

    name: str
    chunks: Shape | None
    blocks: Shape
    voxel_bytes: float = FLOAT


FITS = Storage("FITS", None, PAGE)
ZARR = Storage("Zarr", CHUNK, CHUNK)


@dataclass(frozen=True, slots=True)
class Cluster:
    """Who works, and what the files come through.

    Attributes
    ----------
    nodes, cores, memory_bytes
        Number of nodes, and what each has; a worker for every core.
    node_bandwidth, shared_bandwidth
        Bytes a second that one node takes in, and that the file system gives to all together.
    executor, remote
        As the planner is asked.
    """

    nodes: int
    cores: int
    memory_bytes: int
    node_bandwidth: float = inf
    shared_bandwidth: float = inf
    executor: str = "dask"
    remote: bool = True

    @property
    def workers(self) -> int:
        """All of them."""
        return self.nodes * self.cores


@dataclass(frozen=True, slots=True)
class Job:
    """A cube to be searched.

    Attributes
    ----------
    name, shape
        A word for it, and ``(frequency, l, m)``.
    storage
        How it lies on disk.
    sources_per_voxel
        How many sources are found; None for as many as in the cube of the calibration.
    """

    name: str
    shape: Shape
    storage: Storage = ZARR
    sources_per_voxel: float | None = None

    @property
    def n_voxels(self) -> int:
        """Voxels of the cube."""
        return prod(self.shape)


@dataclass(frozen=True, slots=True)
class StageCost:
    """What one stage takes.

    Attributes
    ----------
    name
        Of the stage.
    units
        Pieces of work.
    core_seconds
        Computing, decoding included, of all cores.
    bytes_read
        What comes from storage.
    compute, storage, driver
        Seconds that each would take if it were alone; ``driver`` hands out and records leases.
    seconds
        What the stage takes.
    """

    name: str
    units: int
    core_seconds: float
    bytes_read: float
    compute: float
    storage: float
    driver: float
    seconds: float

    @property
    def limit(self) -> str:
        """What the stage waits for."""
        times = {"cores": self.compute, "storage": self.storage, "driver": self.driver}
        return max(times, key=lambda name: times[name])


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a run would take.

    Attributes
    ----------
    job, cluster, plan
        What is run where, and the plan that the engine makes for it.
    stages
        Noise, scales, detect, measure.
    alone
        Seconds that the driver works while all workers are idle, by what it does.
    driver_bytes
        Memory of the driver for the catalogue.
    """

    job: Job
    cluster: Cluster
    plan: FindPlan
    stages: tuple[StageCost, ...]
    alone: dict[str, float]
    driver_bytes: float

    @property
    def seconds(self) -> float:
        """Wall time."""
        return sum(stage.seconds for stage in self.stages) + sum(self.alone.values())

    @property
    def node_hours(self) -> float:
        """All nodes for all of the time."""
        return self.cluster.nodes * self.seconds / 3600

    @property
    def core_hours(self) -> float:
        """All cores for all of the time."""
        return self.node_hours * self.cluster.cores

    @property
    def bytes_read(self) -> float:
        """What comes from storage in all stages."""
        return sum(stage.bytes_read for stage in self.stages)
