"""Which pixels of the sky are looked at together: whole rows, the same however a cube is tiled or stored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tessellar.tiling.box import Box, Shape

ROWS = 32  # along m; a multiple of a Zarr chunk's width, so that no chunk is decoded twice
PARTIAL_BYTES = 256 * 2**20  # that all units of a stage may leave on disk
BLOCK_VOXELS = 2**22  # that are in work at the same time
MAX_BLOCK = 256  # pixels along l
MAX_UNITS = 1024


@dataclass(frozen=True, slots=True)
class SkyRows:
    """The units of a stage that needs the whole spectrum of each pixel: rows along m, all pixels along l.

    A function of the cube's shape and of what a unit gives back, never of tile, storage or workers: sums over pixels
    are then made in one order, and have the same bits everywhere.

    Attributes
    ----------
    shape
        Of the cube, ``(frequency, l, m)``.
    rows
        Of a unit, but for the last.
    """

    shape: Shape
    rows: int = ROWS

    @classmethod
    def for_partials(cls, shape: Shape, unit_bytes: int) -> SkyRows:
        """Return units that leave at most `PARTIAL_BYTES` on disk, where each leaves ``unit_bytes``."""
        most = max(1, min(MAX_UNITS, PARTIAL_BYTES // max(1, unit_bytes)))
        strips = -(-shape[2] // ROWS)
        return cls(shape, ROWS * -(-strips // most))

    def __len__(self) -> int:
        return -(-self.shape[2] // self.rows)

    def box(self, unit: int) -> Box:
        """Return the pixels of a unit, with all channels."""
        n_channels, nx, ny = self.shape
        return Box((0, 0, unit * self.rows), (n_channels, nx, min((unit + 1) * self.rows, ny)))

    def blocks(self, unit: int) -> Iterator[Box]:
        """Yield the parts of a unit that are read one after the other, in the order of their sums."""
        whole, wide = self.box(unit), block_width(self.shape[0])
        for y in range(whole.start[2], whole.stop[2], ROWS):
            for x in range(0, whole.stop[1], wide):
                yield Box((0, x, y), (whole.stop[0], x + wide, y + ROWS)).clip(whole)


def block_width(n_channels: int) -> int:
    """Return the pixels along l of a block of `ROWS` rows: as many as the memory of a block allows."""
    pixels = BLOCK_VOXELS // (n_channels * ROWS)
    return max(ROWS, min(MAX_BLOCK, pixels // ROWS * ROWS))
