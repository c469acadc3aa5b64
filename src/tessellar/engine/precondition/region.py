"""A region of a cube as a cube of its own, read through the whole one: nothing outside it is ever read."""

from __future__ import annotations

from tessellar.engine.precondition.view import View
from tessellar.io.part import part_of
from tessellar.model import CubeMeta, FloatArray, IntArray, Payload, Source
from tessellar.tiling.box import Box, Shape

_POSITIONS = (
    ("z", "z_min", "z_max", "z_peak"),
    ("x", "x_min", "x_max", "x_peak"),
    ("y", "y_min", "y_max", "y_peak"),
)


class RegionSource(View):
    """A region of a cube; it pickles as small as the cube does.

    Parameters
    ----------
    source
        The whole cube.
    region
        A box inside it.
    """

    def __init__(self, source: Source, region: Box) -> None:
        self.source = source
        self.region = region
        self._meta = part_of(source.meta, region)

    def __reduce__(self) -> tuple[type[RegionSource], tuple[Source, Box]]:
        return (
            RegionSource,
            (self.source, self.region),
        )  # what is known of the cube is looked up again there

    @property
    def meta(self) -> CubeMeta:
        """What is known of the region; its coordinates are those of the same voxels in the whole cube."""
        return self._meta

    @property
    def identity(self) -> str:
        """That of the whole cube, and the region."""
        return f"{self.source.identity} region {self.region}"

    def read(self, box: Box) -> FloatArray:
        """Return the voxels of a box inside the region, float32 array (frequency, l, m), NaN = blank."""
        return self.source.read(box.shift(self.region.start))


def in_whole_cube(columns: Payload, region: Box, shape: Shape) -> Payload:
    """Return the columns of a catalogue of a region with positions and ids as they are in the whole cube.

    Parameters
    ----------
    columns
        Columns by name, one array each; those of a cube that was searched as a whole stay as they are.
    region
        Where the region lies in the whole cube.
    shape
        Shape of the whole cube.
    """
    if region == Box.of_shape(shape):
        return columns
    moved = dict(columns)
    for names, start in zip(_POSITIONS, region.start, strict=True):
        for name in names:
            if name in columns:
                moved[name] = columns[name] + start
    moved["id"] = _moved_id(columns["id"].astype("int64"), region, shape)
    return moved


def _moved_id(index: IntArray, region: Box, shape: Shape) -> IntArray:
    """Return voxel indices of a region as those of the whole cube."""
    _, nx, ny = region.shape
    z, x, y = index // (nx * ny), index // ny % nx, index % ny
    dz, dx, dy = region.start
    return ((z + dz) * shape[1] + x + dx) * shape[2] + y + dy
