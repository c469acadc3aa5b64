"""The scaling model: what the finder would take for a cube that nobody has searched yet, stage by stage."""

from __future__ import annotations

from dataclasses import replace
from math import ceil, prod

from benchmarks.jobs import FLOAT, Cluster, Job, Prediction, StageCost
from benchmarks.rates import Rates
from tessellar.engine.find.measure import SOURCES_PER_UNIT
from tessellar.engine.find.plan import FindPlan
from tessellar.engine.find.planning import make_plan
from tessellar.engine.lease import Agenda
from tessellar.engine.run import TARGET_SECONDS
from tessellar.kernels.noise_lattice import NoiseLattice
from tessellar.kernels.scale_noise import SampleBlocks
from tessellar.kernels.smooth_clip import SmoothAndClip
from tessellar.model import CubeMeta, FloatArray, SpectralAxis
from tessellar.tiling.box import Box, Shape
from tessellar.tiling.grid import Grid

_VOXEL: Shape = (1, 1, 1)
_RUN_BYTES = 16
_SORTING_PASSES = 4  # over what was detected, to lay the runs of each source side by side, twice


def predict(job: Job, cluster: Cluster, rates: Rates) -> Prediction:
    """Return what finding the sources of a cube would take."""
    plan = plan_of(job, cluster)
    model = _Model(job, cluster, rates, plan.grid)
    stages = (model.noise(), model.scales(), model.detect(), model.measure())
    return Prediction(job, cluster, plan, stages, model.alone(), model.n_sources * rates.driver_bytes)


def plan_of(job: Job, cluster: Cluster) -> FindPlan:
    """Return the plan that the engine makes for a cube of that shape."""
    memory = cluster.memory_bytes // cluster.cores if cluster.remote else cluster.memory_bytes
    return make_plan(
        _Unread(job),
        SmoothAndClip(),
        tile=None,
        memory=memory,
        memory_is_given=False,
        executor=cluster.executor,
        workers=cluster.workers,
        remote=cluster.remote,
    )


def touched(grid: Grid, blocks: Shape) -> int:
    """Return how many voxels lie in the blocks that the tiles of a grid touch, each tile for itself."""
    total = 1
    for n, core, before, after, block in zip(
        grid.shape, grid.core, grid.halo.before, grid.halo.after, blocks, strict=True
    ):
        spans = ((max(0, a - before), min(n, a + core + after)) for a in range(0, n, core))
        total *= sum(_aligned(start, stop, block) for start, stop in spans)
    return total


class _Unread:
    """A source with a shape and no voxels, for the planner."""

    def __init__(self, job: Job) -> None:
        self.meta = CubeMeta(job.name, job.shape, "Jy / beam", SpectralAxis("channel", "", ()))
        self.chunks = job.storage.chunks
        self.identity = job.name
        self.stored_bytes = round(job.storage.voxel_bytes * job.n_voxels)

    def read(self, box: Box) -> FloatArray:
        """There is nothing to read."""
        raise NotImplementedError(str(box))


class _Model:
    """The formulas, for one cube, one cluster and one plan."""

    def __init__(self, job: Job, cluster: Cluster, rates: Rates, grid: Grid) -> None:
        self._job = job
        self._cluster = cluster
        self._rates = rates
        self._grid = grid
        density = job.sources_per_voxel or rates.sources_per_voxel
        self.n_sources = job.n_voxels * density
        self._payload = rates.payload_bytes * density / rates.sources_per_voxel  # bytes a voxel
        self._decoded = job.storage.chunks or _VOXEL
        self._read = rates.fits_read if job.storage.chunks is None else rates.zarr_read

    def noise(self) -> StageCost:
        """Return the cost of sampling the noise, and of starting the workers, which fall into the first stage."""
        lattice = NoiseLattice(self._job.shape)
        units = range(len(lattice))
        strips = [strip for unit in units for strip, _ in lattice.strips(unit)]
        sampled = sum(lattice.sample(unit, cell).size for unit in units for cell in lattice.unit_cells(unit))
        cost = self._boxes("noise", len(lattice), strips, sampled / self._rates.noise, overlap=False)
        if self._cluster.executor in ("serial", "threads"):
            return cost
        return replace(cost, seconds=cost.seconds + self._rates.hire_seconds)

    def scales(self) -> StageCost:
        """Return the cost of the noise of the scales: the same number of blocks for every large cube."""
        blocks = SampleBlocks.in_cells(self._job.shape, self._grid.halo)
        tiles = [blocks[number] for number in range(len(blocks))]
        kernel = sum(tile.core.size for tile in tiles) / self._rates.scales
        return self._boxes("scales", len(tiles), [tile.read for tile in tiles], kernel, overlap=True)

    def detect(self) -> StageCost:
        """Return the cost of the masks of all tiles, halos included, and of the rows of sources that lie in one."""
        rates, n, tiles = self._rates, self._job.n_voxels, len(self._grid)
        kernel = n / rates.mask + n / rates.components + tiles * rates.unit_seconds
        kernel += (1.0 - self._crossing()) * self.n_sources * rates.source_seconds
        core_seconds = kernel + FLOAT * touched(self._grid, self._decoded) / self._read
        stored = self._stored(touched(self._grid, self._job.storage.blocks))
        return self._stage("detect", tiles, core_seconds, stored, overlap=True)

    def measure(self) -> StageCost:
        """Return the cost of the catalogue rows that no tile has made, and of reading what is known of the others."""
        side = self._rates.source_voxels ** (1 / 3)
        runs = self._runs_bytes()
        decode = FLOAT * _around(side, self._decoded) / self._read
        crossing = self._crossing()
        each = crossing * (self._rates.source_seconds + decode) + runs / (2 * self._rates.stitch)
        stored = crossing * self._stored(_around(side, self._job.storage.blocks)) + runs
        units = max(1, ceil(self.n_sources / SOURCES_PER_UNIT))
        return self._stage("measure", units, self.n_sources * each, self.n_sources * stored, overlap=False)

    def alone(self) -> dict[str, float]:
        """Return what the driver does while nobody else works, seconds."""
        rates, n = self._rates, self.n_sources
        *_, second, longest = sorted(self._job.shape)
        pairs = n * n * 4 * rates.source_voxels ** (2 / 3) / (second * longest)
        payload = self._payload * self._job.n_voxels
        return {
            "start": rates.start_seconds,
            "stitch": (1 + _SORTING_PASSES) * payload / rates.stitch
            + 2 * len(self._grid) * rates.merge_seconds,
            "tables": n * rates.table_seconds + pairs * rates.pair_seconds,
        }

    def _crossing(self) -> float:
        """Return the share of sources that do not lie in one tile."""
        side, inside = self._rates.source_voxels ** (1 / 3), 1.0
        for core, count in zip(self._grid.core, self._grid.counts, strict=True):
            inside *= max(0.0, 1.0 - side / core) if count > 1 else 1.0
        return 1.0 - inside

    def _runs_bytes(self) -> float:
        """Return what is read of the detect stage's results for each source: a run of voxels for each of its rows."""
        return float(_RUN_BYTES * self._rates.source_voxels ** (2 / 3))

    def _boxes(self, name: str, units: int, boxes: list[Box], kernel: float, *, overlap: bool) -> StageCost:
        decoded = sum(_touched(box, self._decoded) for box in boxes)
        stored = self._stored(sum(_touched(box, self._job.storage.blocks) for box in boxes))
        return self._stage(name, units, kernel + FLOAT * decoded / self._read, stored, overlap=overlap)

    def _stored(self, n_voxels: float) -> float:
        return self._job.storage.voxel_bytes * n_voxels

    def _stage(
        self, name: str, units: int, core_seconds: float, stored: float, *, overlap: bool
    ) -> StageCost:
        cluster, each = self._cluster, core_seconds / units
        busy = min(units, cluster.workers)
        compute = each * max(units / busy, ceil(units / busy) - 0.5 * (units > busy))
        bandwidth = min(ceil(busy / cluster.cores) * cluster.node_bandwidth, cluster.shared_bandwidth)
        storage = stored / bandwidth
        driver = n_leases(units, each, cluster.workers) * self._rates.lease_seconds
        work = max(compute, storage) if overlap else compute + storage
        seconds = self._rates.setup_seconds + max(work, driver)
        return StageCost(name, units, core_seconds, stored, compute, storage, driver, seconds)


def n_leases(units: int, unit_seconds: float, slots: int) -> int:
    """Return how many leases the engine cuts a stage into, by letting it do so."""
    agenda = Agenda("", [(0, units)], slots, TARGET_SECONDS)
    count = 0
    while agenda.next() is not None:
        count += 1
        if count >= 2 * slots:  # so many are out before the first is back
            agenda.learn(1, unit_seconds)
    return count


def _aligned(start: int, stop: int, block: int) -> int:
    return -(-stop // block) * block - start // block * block


def _touched(box: Box, blocks: Shape) -> int:
    return prod(_aligned(*span) for span in zip(box.start, box.stop, blocks, strict=True))


def _around(side: float, blocks: Shape) -> float:
    """Return how many voxels lie in the blocks that a cube of that side touches, wherever it lies, on average."""
    return prod(side + block - 1 for block in blocks)
