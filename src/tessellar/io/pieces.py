"""The boxes in which a cube is written: a grid seen as a sequence of boxes, computed when asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tessellar.errors import OutputError, UsageError
from tessellar.io.naming import shown
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

    def check_whole(self, path: Path, digests: Iterable[bytes]) -> list[bytes]:
        """Return the digests of an output's pieces after making sure that there is one for each.

        Raises
        ------
        OutputError
            Some are missing.
        """
        known = list(digests)
        if len(known) != len(self):
            found = f"{len(known)} of {len(self)} pieces are written"
            raise OutputError(f"{shown(path)} is not complete: {found}. Run the same command again.")
        return known
