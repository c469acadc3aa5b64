"""What a tile of the finder holds while it is in work, in the memory and on a GPU."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from tessellar.engine.find.measuring import WINDOW_VOXELS
from tessellar.engine.find.refine_cost import RefineCost
from tessellar.engine.precondition.cost import ReadCost
from tessellar.engine.worker import AHEAD_BYTES
from tessellar.engine.workforce import Workforce
from tessellar.kernels.look.frame import PATCH
from tessellar.kernels.look.second_look import SecondLook
from tessellar.kernels.network.finder import NetworkFinder
from tessellar.kernels.smooth_clip import SmoothAndClip
from tessellar.model import CubeMeta, MemoryUse
from tessellar.tiling.box import Shape
from tessellar.tiling.plan import read_shape

MEASURE_BYTES = (
    128  # of a voxel of a window of the measure stage: read, converted, its runs spread out, its sky
)
BYTES_PER_READ_VOXEL = 8  # the voxels, and once more while they are decoded or brought into axis order
BYTES_AHEAD_PER_VOXEL = 4  # the tile in the kernel's hands, while the next one is read
DETECTION_SHARE = 0.03  # of a tile's voxels in runs and components
RUN_BYTES = 24
ROOMY_UNIT_BYTES = 384 * 2**20  # larger tiles than this save little reading
_NOTHING = MemoryUse(0)


@dataclass(frozen=True, slots=True, eq=False)
class TileBytes:
    """The bytes of a tile in work, by the shape that it reads.

    Attributes
    ----------
    finder
        The recipe.
    force
        Who works, and where.
    read_voxel
        Bytes of each voxel that is read, beside what the kernel takes.
    looking
        What looking at one candidate takes.
    smallest
        Bytes of the largest piece of the other stages: no tile in work counts for less.
    """

    finder: SmoothAndClip | NetworkFinder
    force: Workforce
    read_voxel: int
    looking: MemoryUse
    smallest: int

    @classmethod
    def of(
        cls,
        finder: SmoothAndClip | NetworkFinder,
        force: Workforce,
        cost: ReadCost,
        refining: RefineCost,
        look: SecondLook | None,
    ) -> TileBytes:
        """Return the bytes for what preconditioning, refining and a network that looks at candidates add."""
        looking = _NOTHING if look is None else force.device.use_of(look)(PATCH)
        window = (MEASURE_BYTES + cost.bytes_per_voxel) * WINDOW_VOXELS
        smallest = max(window, cost.unit_bytes, refining.unit_bytes, looking.host)
        return cls(finder, force, BYTES_PER_READ_VOXEL + cost.bytes_per_voxel, looking, smallest)

    def host(self, shape: Shape) -> int:
        """Return the bytes of memory of one tile in work."""
        voxels = prod(shape)
        runs = int(DETECTION_SHARE * voxels) * RUN_BYTES
        kernel = self.force.device.use_of(self.finder)(shape).host
        return max(self.read_voxel * voxels + self._ahead(voxels) + kernel + runs, self.smallest)

    def on_device(self, shape: Shape) -> int:
        """Return the bytes of the tiles in work on the fullest GPU."""
        kernel = self.force.device.use_of(self.finder)(shape).device
        return self.force.bytes_on_device(max(kernel, self.looking.device))

    def roomy(self, meta: CubeMeta) -> int:
        """Return the bytes of a tile in work beyond which larger ones save little reading."""
        roomy = ROOMY_UNIT_BYTES + max(self.finder.fixed_bytes, self.looking.host)
        if not isinstance(self.finder, NetworkFinder):
            return roomy
        patch = self.finder.network.lattice(
            meta
        ).answer_shape  # a tile smaller than a patch costs as much as one
        return max(roomy, self.host(read_shape(patch, self.finder.halo(meta), meta.shape)))

    def _ahead(self, voxels: int) -> int:
        """Return the bytes of what is read ahead, which the serial executor does not."""
        return 0 if self.force.executor == "serial" else max(BYTES_AHEAD_PER_VOXEL * voxels, AHEAD_BYTES)
