"""Growing a source's mask ring by ring, first along frequency and then on the sky, while its flux still gains.

Thresholds cut off the faint rim of a source; growing the mask wins it back (Westmeier et al. 2021, MNRAS 506, 3962).
A voxel outside of all masks belongs to the source whose mask is nearest, of equally near ones to that of the smallest
id. So rings of different sources never overlap, a ring does not depend on how far another source grows, and a voxel
is decided by the masks within the largest radius around it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, isqrt

import numpy as np
import numpy.typing as npt

from tessellar.compiled import compiled, compiled_part
from tessellar.errors import UsageError
from tessellar.kernels.runs import RunTable
from tessellar.lanes.memory import copy_row
from tessellar.model import ByteArray, DoubleArray, FloatArray, IntArray
from tessellar.tiling.box import Halo

Labels = npt.NDArray[np.int32]
MOST_ITERATIONS = 20
_FAR = np.int32(1 << 30)


@dataclass(frozen=True, slots=True)
class Dilation:
    """How masks grow, in SoFiA's words.

    Parameters
    ----------
    iterations_xy
        Most rings of one pixel on the sky, 0 to 20.
    iterations_z
        Most channels at either end, 0 to 20.
    threshold
        A ring is added while it raises the flux by more than this part; below 0, all rings are.

    Raises
    ------
    UsageError
        A parameter is out of range.
    """

    iterations_xy: int = 10
    iterations_z: int = 5
    threshold: float = 0.001

    def __post_init__(self) -> None:
        object.__setattr__(self, "iterations_xy", int(self.iterations_xy))
        object.__setattr__(self, "iterations_z", int(self.iterations_z))
        object.__setattr__(self, "threshold", float(self.threshold))
        problems = [
            f"{name} is {value}; it must lie between 0 and {MOST_ITERATIONS}"
            for name, value in (("iterations_xy", self.iterations_xy), ("iterations_z", self.iterations_z))
            if not 0 <= value <= MOST_ITERATIONS
        ]
        if not isfinite(self.threshold):
            problems.append(f"threshold is {self.threshold}; it must be a number")
        if problems:
            raise UsageError("Masks cannot be grown so: dilation " + "; ".join(problems) + ".")

    @property
    def reach(self) -> Halo:
        """How far from a voxel the masks may be that decide about it."""
        return Halo.symmetric((self.iterations_z, self.iterations_xy, self.iterations_xy))

    def steps(self, flux: DoubleArray) -> IntArray:
        """Return how many rings each source gains, int64 array (n).

        Parameters
        ----------
        flux
            float64 array (n, 1 + rings): flux of the mask, then of every ring; of positive sign.
        """
        before = flux.cumsum(axis=1)[:, :-1]
        gains = np.ones_like(before, np.bool_)
        if self.threshold >= 0:
            gains = (before > 0) & (flux[:, 1:] > self.threshold * before)
        return np.asarray(np.cumprod(gains, axis=1, dtype=np.int64).sum(axis=1))


@compiled
def nearest_in_frequency(masks: Labels, reach: int, owner: Labels, ring: ByteArray) -> None:
    """Find for every voxel the mask that is nearest in its own pixel of the sky.

    Parameters
    ----------
    masks
        int32 array (frequency, l, m): number of the source, from 1 by ascending id; 0 outside.
    reach
        Channels that are looked at to either side.
    owner, ring
        Written: whose voxel it would be, 0 for nobody's; and how many channels away the mask is.
    """
    nz, nx, ny = masks.shape
    _copy(masks, owner)
    ring[:] = 0
    for distance in range(1, reach + 1):
        for z in range(nz):
            for x in range(nx):
                for y in range(ny):
                    if owner[z, x, y] != 0:
                        continue
                    below = masks[z - distance, x, y] if z >= distance else np.int32(0)
                    above = masks[z + distance, x, y] if z + distance < nz else np.int32(0)
                    first = min(below, above) if below != 0 and above != 0 else max(below, above)
                    if first != 0:
                        owner[z, x, y] = first
                        ring[z, x, y] = distance


@compiled_part
def _copy(masks: Labels, owner: Labels) -> None:
    for z in range(masks.shape[0]):
        for x in range(masks.shape[1]):
            copy_row(masks[z, x], owner[z, x])


@compiled
def nearest_on_sky(masks: Labels, reach: int, owner: Labels, square: Labels) -> None:
    """Find for every voxel the mask that is nearest in its own channel.

    Parameters
    ----------
    masks, owner
        As for `nearest_in_frequency`.
    reach
        Pixels that are looked at.
    square
        Written: squared distance of the mask, pixels.
    """
    nz, nx, ny = masks.shape
    _copy(masks, owner)
    square[:] = _FAR
    half = np.empty(reach + 1, np.int64)
    for d in range(reach + 1):
        half[d] = np.int64(np.sqrt(np.float64(reach * reach - d * d)))
    for z in range(nz):
        for x in range(nx):
            for y in range(ny):
                label = masks[z, x, y]
                if label == 0:
                    continue
                square[z, x, y] = 0
                if _inside(masks, z, x, y):
                    continue
                for a in range(max(x - reach, 0), min(x + reach + 1, nx)):
                    width = half[abs(a - x)]
                    for b in range(max(y - width, 0), min(y + width + 1, ny)):
                        if masks[z, a, b] != 0:
                            continue
                        d = (a - x) * (a - x) + (b - y) * (b - y)
                        if d < square[z, a, b] or (d == square[z, a, b] and label < owner[z, a, b]):
                            square[z, a, b] = d
                            owner[z, a, b] = label


@compiled_part
def _inside(masks: Labels, z: int, x: int, y: int) -> bool:
    """Return whether the four neighbours of a voxel in its channel belong to the same mask: no ring begins there."""
    label = masks[z, x, y]
    return bool(
        (x == 0 or masks[z, x - 1, y] == label)
        and (x + 1 == masks.shape[1] or masks[z, x + 1, y] == label)
        and (y == 0 or masks[z, x, y - 1] == label)
        and (y + 1 == masks.shape[2] or masks[z, x, y + 1] == label)
    )


def rings_of(square: Labels, reach: int) -> ByteArray:
    """Return the ring of one pixel in which a squared distance lies, uint8 array; 255 beyond the reach."""
    squares = np.arange(reach * reach + 2)
    table = np.array([0 if n == 0 else isqrt(n - 1) + 1 for n in squares.tolist()], np.uint8)
    table[-1] = 255
    return np.asarray(table[np.minimum(square, reach * reach + 1)])


@compiled
def add_rings(
    voxels: FloatArray,
    weight: DoubleArray,
    owner: Labels,
    ring: ByteArray,
    core: IntArray,
    sign: float,
    flux: DoubleArray,
) -> None:
    """Add the voxels of a core to the flux of their rings, in the order of the cube; blank ones do not count.

    Parameters
    ----------
    voxels, owner, ring
        Arrays (frequency, l, m) of the same box.
    weight
        What a voxel of each channel counts, float64 array (frequency).
    core
        int64 array (3, 2): the core within the box.
    sign
        +1 or -1.
    flux
        float64 array (sources + 1, rings + 1), added to; row 0 stays as it is.
    """
    for z in range(core[0, 0], core[0, 1]):
        for x in range(core[1, 0], core[1, 1]):
            for y in range(core[2, 0], core[2, 1]):
                label, k = owner[z, x, y], ring[z, x, y]
                value = np.float64(voxels[z, x, y])
                if label != 0 and k < flux.shape[1] and value - value == 0.0:
                    flux[label, k] += sign * value * weight[z]


@compiled
def touching(labels: Labels, core: IntArray, n: int) -> npt.NDArray[np.bool_]:
    """Return which sources have a voxel in the core with another source's voxel beside it, bool array (n + 1)."""
    nz, nx, ny = labels.shape
    touches = np.zeros(n + 1, np.bool_)
    for z in range(core[0, 0], core[0, 1]):
        for x in range(core[1, 0], core[1, 1]):
            for y in range(core[2, 0], core[2, 1]):
                label = labels[z, x, y]
                if label == 0 or touches[label]:
                    continue
                touches[label] = (
                    (z > 0 and _other(labels[z - 1, x, y], label))
                    or (z + 1 < nz and _other(labels[z + 1, x, y], label))
                    or (x > 0 and _other(labels[z, x - 1, y], label))
                    or (x + 1 < nx and _other(labels[z, x + 1, y], label))
                    or (y > 0 and _other(labels[z, x, y - 1], label))
                    or (y + 1 < ny and _other(labels[z, x, y + 1], label))
                )
    return touches


@compiled_part
def _other(neighbour: int, label: int) -> bool:
    return bool(neighbour != 0 and neighbour != label)


def labelled_runs(labels: Labels, origin: tuple[int, int, int]) -> tuple[RunTable, IntArray]:
    """Return the runs of equal labels, sorted, in cube coordinates, and their labels, int64 array (n)."""
    nothing = np.empty((0, 4), np.int32), np.empty(0, np.int64)
    n = _fill_labelled(labels, *origin, *nothing)
    runs, label = np.empty((n, 4), np.int32), np.empty(n, np.int64)
    _fill_labelled(labels, *origin, runs, label)
    return runs, label


@compiled
def _fill_labelled(labels: Labels, z0: int, x0: int, y0: int, runs: RunTable, label: IntArray) -> int:
    """Write the runs of labels as far as there is room for them; return how many there are."""
    n = 0
    for z in range(labels.shape[0]):
        for x in range(labels.shape[1]):
            row = labels[z, x]
            begin = 0
            for y in range(1, row.size + 1):
                if y < row.size and row[y] == row[begin]:
                    continue
                if row[begin] != 0:
                    if n < label.size:
                        runs[n, 0], runs[n, 1], runs[n, 2], runs[n, 3] = z0 + z, x0 + x, y0 + begin, y0 + y
                        label[n] = row[begin]
                    n += 1
                begin = y
    return n
