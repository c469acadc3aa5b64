"""What separating sources and growing masks costs at most, known before it begins: as if sources were everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from tessellar.engine.amounts import length, size
from tessellar.engine.find.deblend import WINDOW
from tessellar.engine.find.dilate import BLOCK
from tessellar.kernels.deblend import MOST_VOXELS, Deblending
from tessellar.kernels.dilate import Dilation
from tessellar.tiling.box import Halo, Shape
from tessellar.tiling.grid import Grid
from tessellar.tiling.plan import sum_read

PASSES = 3  # over a block of masks that grow
BYTES_OF_GROWING = (
    40  # of a voxel in and around a block: it, its mask, the nearest one, how far that is, copies
)
BYTES_OF_PARTING = 96  # of a voxel of a source: where it is, its height, its place among the others, its hill
_ONE_AROUND = Halo.symmetric((1, 1, 1))


@dataclass(frozen=True, slots=True)
class RefineCost:
    """What the stages between detecting and measuring read and hold at most.

    Attributes
    ----------
    parting, growing
        Voxels that are read to separate sources, and to grow masks.
    unit_bytes
        Bytes that one piece of either holds.
    """

    parting: int = 0
    growing: int = 0
    unit_bytes: int = 0

    @classmethod
    def of(
        cls, shape: Shape, halo: Halo, deblending: Deblending | None, dilation: Dilation | None
    ) -> RefineCost:
        """Return the cost for a cube.

        Parameters
        ----------
        shape
            Of the cube.
        halo
            What the finder sees around a voxel; hills are looked for on one of its scales.
        deblending, dilation
            How sources are separated and masks grow, None where they are not.
        """
        cost = cls()
        if deblending is not None:
            around = tuple(n + a + b for n, a, b in zip(WINDOW, halo.before, halo.after, strict=True))
            held = BYTES_OF_PARTING * MOST_VOXELS + 8 * prod(around)
            cost = cls(sum_read(Grid(shape, WINDOW, halo)), 0, held)
        if dilation is not None:
            reach = dilation.reach
            around = tuple(n + a + b + 2 for n, a, b in zip(BLOCK, reach.before, reach.after, strict=True))
            held = max(BYTES_OF_GROWING * prod(around), cost.unit_bytes)
            cost = cls(cost.parting, PASSES * sum_read(Grid(shape, BLOCK, _ONE_AROUND)), held)
        return cost

    def words(self, rate: float) -> Iterator[str]:
        """Yield what is read at most in addition, in words; ``rate`` is how many voxels are looked at in a second."""
        for voxels, purpose in ((self.parting, "to separate sources"), (self.growing, "to grow masks")):
            if voxels:
                yield f"at most {size(4 * voxels)} more {purpose}, in {length(voxels / rate)}: what is near sources"


NO_REFINING = RefineCost()
