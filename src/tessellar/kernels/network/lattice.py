"""Where the patches of a network lie: at multiples of a step from the first voxel of the cube, all of one shape."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from tessellar.tiling.box import Box, Halo, Shape


@dataclass(frozen=True, slots=True)
class PatchLattice:
    """The patches that answer for a cube.

    Attributes
    ----------
    answer_shape
        Voxels that one patch answers for, ``(frequency, l, m)``, multiples of the step.
    margin
        Voxels that it sees around them.
    step
        By which patches are aligned.
    """

    answer_shape: Shape
    margin: int
    step: int

    @classmethod
    def of_cube(cls, shape: Shape, side: int, margin: int, step: int) -> PatchLattice:
        """Return the lattice for a cube: patches that cut it evenly, none longer than ``side``."""
        z, x, y = (_even(n, side, step) for n in shape)
        return cls((z, x, y), margin, step)

    @property
    def patch_shape(self) -> Shape:
        """Shape of what the network is shown."""
        z, x, y = (n + 2 * self.margin for n in self.answer_shape)
        return (z, x, y)

    def computed(self, core: Shape) -> float:
        """Return how many voxels patches answer for, for each voxel of a core that begins at a patch."""
        ratio = 1.0
        for n, answer in zip(core, self.answer_shape, strict=True):
            ratio *= -(-n // answer) * answer / n
        return ratio

    def boxes(self, core: Box) -> Iterator[Box]:
        """Yield the boxes that patches answer for, until a core is covered."""
        rows = [
            range(start // self.step * self.step, stop, side)
            for start, stop, side in zip(core.start, core.stop, self.answer_shape, strict=True)
        ]
        for corner in product(*rows):
            yield Box.of_shape(self.answer_shape).shift(corner)

    def around(self, box: Box) -> Box:
        """Return what the patch sees that answers for a box; it may reach beyond the cube."""
        return box.grow(Halo.symmetric((self.margin,) * 3))


def _even(n: int, side: int, step: int) -> int:
    """Return the multiple of the step that covers ``n`` voxels with as few equal pieces as ``side`` does."""
    pieces = -(-n // side)
    return -(-n // (pieces * step)) * step
