"""The boxes in which a cube is written: a grid seen as a sequence of boxes, computed when asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tessellar.errors import UsageError
from tessellar.model import FloatArray
from tessellar.tiling.box import Box
from tessellar.tiling.grid import Grid


@dataclass(frozen=True, slots=True)
class Pieces(Sequence[Box]):
    """The cores of a grid, in order; a lazy sequence."""

    grid: Grid

    def __len__(self) -> int:
        return len(self.grid)

    def __getitem__(self, index: int) -> Box:  # type: ignore[override]  # a lazy sequence has no slices
        """Return piece ``index``."""
        return self.grid[index].core

    def __iter__(self) -> Iterator[Box]:
        return (tile.core for tile in self.grid)

    def check(self, index: int, voxels: FloatArray) -> Box:
        """Return piece ``index`` after making sure that ``voxels`` fill it.

        Raises
        ------
        UsageError
            The array has another shape.
        """
        box = self[index]
        if voxels.shape != box.shape:
            raise UsageError(f"piece {index} ({box}) needs voxels of shape {box.shape}, got {voxels.shape}.")
        return box
