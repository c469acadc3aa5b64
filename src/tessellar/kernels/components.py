"""What a tile knows of its detections: complete components, open ones, and the runs that may continue next door.

Everything is an integer and adds exactly. A component is open when one of its runs lies within the linking radius of
a face that the tile shares with another; an open component may grow, so only complete ones are cut by size and fill
here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tessellar.compiled import compiled
from tessellar.errors import UsageError
from tessellar.kernels.detect import NEGATIVE, POSITIVE
from tessellar.kernels.detected import DetectedVoxels, runs_of
from tessellar.kernels.runs import Link, RunTable, label_runs
from tessellar.model import ByteArray, IntArray, Payload
from tessellar.tiling.box import Box, Shape

FIRST, N_PIX, Z_MIN, Z_MAX, X_MIN, X_MAX, Y_MIN, Y_MAX = range(
    8
)  # columns of a component table, bounds inclusive
SIGNS = (POSITIVE, NEGATIVE)
_LARGEST = {"max_size_xy": "min_size_xy", "max_size_z": "min_size_z", "max_pixels": "min_pixels"}


@dataclass(frozen=True, slots=True)
class Linker:
    """Which detected voxels make one source, and which sources are too small, too large or too sparse to be one.

    Parameters
    ----------
    radius_xy, radius_z
        SoFiA's linking radii, pixels and channels.
    min_size_xy, min_size_z
        Smallest extent along each sky axis, pixels, and along frequency, channels; 0 accepts any.
    min_pixels
        Smallest number of voxels.
    shape
        ``"ellipsoid"`` (SoFiA: radius 1 is 6-connectivity) or ``"box"`` (radius 1 is 26-connectivity).
    max_size_xy, max_size_z
        Largest extent along each sky axis, pixels, and along frequency, channels; 0 accepts any.
    max_pixels
        Largest number of voxels; 0 accepts any.
    min_fill, max_fill
        Least and largest part of its bounding box that a source fills, 0 to 1; 0 accepts any.
    keep_negative
        Whether detections of negative flux are rows of the catalogue too.
    """

    radius_xy: int = 1
    radius_z: int = 1
    min_size_xy: int = 5
    min_size_z: int = 5
    min_pixels: int = 1
    shape: str = "ellipsoid"
    max_size_xy: int = 0
    max_size_z: int = 0
    max_pixels: int = 0
    min_fill: float = 0.0
    max_fill: float = 0.0
    keep_negative: bool = False

    def __post_init__(self) -> None:
        for name in ("radius_xy", "radius_z", "min_size_xy", "min_size_z", "min_pixels", *_LARGEST):
            object.__setattr__(self, name, int(getattr(self, name)))
        for name in ("min_fill", "max_fill"):
            object.__setattr__(self, name, float(getattr(self, name)))
        problems = [
            *(
                f"linker {name} is {value}; it must be between {low} and 1000"
                for name, value, low in (
                    ("radius_xy", self.radius_xy, 1),
                    ("radius_z", self.radius_z, 1),
                    ("min_size_xy", self.min_size_xy, 0),
                    ("min_size_z", self.min_size_z, 0),
                )
                if not low <= value <= 1000
            ),
            *(
                [f"linker min_pixels is {self.min_pixels}; it must be positive"]
                if self.min_pixels < 1
                else []
            ),
            *(
                [f"linker shape is {self.shape!r}; choose ellipsoid or box"]
                if self.shape not in ("ellipsoid", "box")
                else []
            ),
            *self._problems_of_limits(),
        ]
        if problems:
            raise UsageError("; ".join(problems) + ".")

    def _problems_of_limits(self) -> Iterator[str]:
        for name, least in _LARGEST.items():
            largest, smallest = getattr(self, name), getattr(self, least)
            if largest < 0 or 0 < largest < smallest:
                yield f"linker {name} is {largest}; it must be 0 for no limit, or at least {least}, {smallest}"
        for name in ("min_fill", "max_fill"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                yield f"linker {name} is {getattr(self, name):g}; it must lie between 0 and 1"
        if 0.0 < self.max_fill < self.min_fill:
            yield f"linker max_fill is {self.max_fill:g}, below min_fill, {self.min_fill:g}"

    @property
    def link(self) -> Link:
        """The neighbourhood of a voxel."""
        return Link(self.radius_xy, self.radius_z, self.shape)

    def accepts(self, components: IntArray) -> npt.NDArray[np.bool_]:
        """Return which whole components pass the cuts of size and fill, bool array (n)."""
        c = components
        extent_z = c[:, Z_MAX] - c[:, Z_MIN] + 1
        extent_x = c[:, X_MAX] - c[:, X_MIN] + 1
        extent_y = c[:, Y_MAX] - c[:, Y_MIN] + 1
        return np.asarray(
            (extent_z >= self.min_size_z)
            & (extent_x >= self.min_size_xy)
            & (extent_y >= self.min_size_xy)
            & (c[:, N_PIX] >= self.min_pixels)
            & (np.maximum(extent_x, extent_y) <= (self.max_size_xy or np.inf))
            & (extent_z <= (self.max_size_z or np.inf))
            & (c[:, N_PIX] <= (self.max_pixels or np.inf))
            & (c[:, N_PIX] >= self.min_fill * (extent_z * extent_x * extent_y))
            & (c[:, N_PIX] <= (self.max_fill or 1.0) * (extent_z * extent_x * extent_y))
        )


@compiled
def sum_components(runs: RunTable, labels: IntArray, n: int, shape: Shape) -> IntArray:
    """Return the component table of labelled runs, int64 array (n, 8)."""
    out = np.empty((n, 8), np.int64)
    big = np.int64(1) << 62
    for i in range(n):
        out[i, FIRST], out[i, N_PIX] = big, 0
        out[i, Z_MIN], out[i, X_MIN], out[i, Y_MIN] = big, big, big
        out[i, Z_MAX], out[i, X_MAX], out[i, Y_MAX] = -1, -1, -1
    for r in range(runs.shape[0]):
        row = out[labels[r]]
        z, x, y, stop = np.int64(runs[r, 0]), np.int64(runs[r, 1]), np.int64(runs[r, 2]), np.int64(runs[r, 3])
        row[FIRST] = min(row[FIRST], (z * shape[1] + x) * shape[2] + y)
        row[N_PIX] += stop - y
        row[Z_MIN], row[Z_MAX] = min(row[Z_MIN], z), max(row[Z_MAX], z)
        row[X_MIN], row[X_MAX] = min(row[X_MIN], x), max(row[X_MAX], x)
        row[Y_MIN], row[Y_MAX] = min(row[Y_MIN], y), max(row[Y_MAX], stop - 1)
    return out


def seam_runs(runs: RunTable, core: Box, shape: Shape, linker: Linker) -> npt.NDArray[np.bool_]:
    """Return which runs come within the linking radius of a face shared with another tile, bool array (n)."""
    reach = (linker.radius_z, linker.radius_xy, linker.radius_xy)
    first = (runs[:, 0], runs[:, 1], runs[:, 2])
    last = (runs[:, 0], runs[:, 1], runs[:, 3] - 1)
    seam = np.zeros(len(runs), np.bool_)
    for axis in range(3):
        if core.start[axis] > 0:
            seam |= first[axis] < core.start[axis] + reach[axis]
        if core.stop[axis] < shape[axis]:
            seam |= last[axis] >= core.stop[axis] - reach[axis]
    return seam


def tile_components(mask: ByteArray | DetectedVoxels, core: Box, shape: Shape, linker: Linker) -> Payload:
    """Return what a tile hands on of its mask: per sign ``s`` the arrays

    ``runs{s}`` int32 (n, 4), ``labels{s}`` int64 (n), ``seam{s}`` bool (n), ``components{s}`` int64 (m, 8) and
    ``open{s}`` bool (m), without the complete components that the linker does not accept.
    """
    payload: Payload = {}
    for sign in SIGNS:
        runs = runs_of(mask, sign, core.start)
        labels, n = label_runs(runs, linker.link)
        components = sum_components(runs, labels, n, shape)
        seam = seam_runs(runs, core, shape, linker)
        is_open = np.zeros(n, np.bool_)
        is_open[labels[seam]] = True
        keep = is_open | linker.accepts(components)
        kept_runs = keep[labels]
        new_label = np.cumsum(keep) - 1
        payload |= {
            f"runs{sign}": runs[kept_runs],
            f"labels{sign}": new_label[labels[kept_runs]],
            f"seam{sign}": seam[kept_runs],
            f"components{sign}": components[keep],
            f"open{sign}": is_open[keep],
        }
    return payload
