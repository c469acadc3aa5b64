"""Which hill every voxel of a source lies on: voxels are flooded from the brightest down, and hills meet at saddles.

Only the voxels of the source are looked at, kept as a list in the order of the cube. Equal values come in the order
of the cube too, so the parts of a source are a function of its voxels alone.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tessellar.compiled import compiled, compiled_part
from tessellar.kernels.runs import RunTable
from tessellar.model import FloatArray, IntArray

Numbers = npt.NDArray[np.int32]
_NONE = np.int32(-1)


@compiled
def hills(
    place: IntArray,
    value: FloatArray,
    order: IntArray,
    sky: tuple[int, int],
    reach_z: int,
    reach_xy: int,
    prominence: float,
    contrast: float,
    fewest: int,
) -> Numbers:
    """Return the hill of every voxel of a source, int32 array (n): the number of one of its voxels stands for a hill.

    Parameters
    ----------
    place
        int64 array (n): index of each voxel in the cube, ascending.
    value
        float32 array (n), in units of its noise.
    order
        int64 array (n): the voxels by descending value.
    sky
        Length of the cube along l and m.
    reach_z, reach_xy
        Voxels no farther apart than this along every axis are neighbours.
    prominence, contrast, fewest
        A hill stands by itself where it meets another if it rises this far above the saddle, if the saddle is no
        higher than this part of its top, and if this many of its voxels lie above the saddle.
    """
    n = place.size
    rank = np.full(n, n, np.int32)  # when a voxel is flooded; n before that
    land, hill = (
        np.full(n, _NONE, np.int32),
        np.full(n, _NONE, np.int32),
    )  # forests: what met, what is one hill
    slope = np.empty(n, np.int32)  # the summit from which a voxel was reached
    top, size, count = np.empty(n, np.int32), np.empty(n, np.int32), np.empty(n, np.int32)
    beside = np.empty((2 * reach_z + 1) * (2 * reach_xy + 1) ** 2, np.int32)
    for step in range(n):
        v = order[step]
        found = _flooded_beside(place, rank, v, n, sky, reach_z, reach_xy, beside)
        rank[v] = step
        if found == 0:
            land[v], hill[v], slope[v] = v, v, v
            top[v], size[v], count[v] = v, 1, 1
            continue
        first = 0
        for i in range(1, found):
            first = i if rank[beside[i]] < rank[beside[first]] else first
        slope[v], land[v] = slope[beside[first]], _root(land, beside[first])
        for i in range(found):
            a, b = _root(land, v), _root(land, beside[i])
            if a == b:
                continue
            touch_a, touch_b = v, np.int64(beside[i])
            if rank[top[b]] < rank[top[a]]:
                a, b, touch_a, touch_b = b, a, touch_b, touch_a
            peak, saddle = value[top[b]], value[v]
            stands = peak - saddle >= prominence and saddle <= contrast * peak and size[b] >= fewest
            if count[b] == 1 and not stands:
                hill[_root(hill, slope[top[b]])] = _root(hill, slope[touch_a])
            elif count[a] == 1 and size[a] < fewest:
                hill[_root(hill, slope[top[a]])] = _root(hill, slope[touch_b])
            else:
                count[a] += 1
            count[a] += count[b] - 1
            size[a] += size[b]
            land[b] = a
        size[_root(land, v)] += 1
    for v in range(n):
        slope[v] = _root(hill, slope[v])
    return slope


@compiled_part
def _root(parent: Numbers, start: int) -> int:
    node = start
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


@compiled_part
def _flooded_beside(
    place: IntArray,
    rank: Numbers,
    v: int,
    n: int,
    sky: tuple[int, int],
    reach_z: int,
    reach_xy: int,
    beside: Numbers,
) -> int:
    """Write the neighbours of a voxel that are flooded already, in the order of the cube; return how many there are."""
    nx, ny = sky
    found = 0
    row, y = place[v] // ny, place[v] % ny
    x = row % nx
    for dz in range(-reach_z, reach_z + 1):
        for dx in range(-reach_xy, reach_xy + 1):
            if x + dx < 0 or x + dx >= nx:
                continue
            start = (row + dz * nx + dx) * ny
            i = np.searchsorted(place, start + max(y - reach_xy, 0))
            stop = start + min(y + reach_xy, ny - 1)
            while i < n and place[i] <= stop:
                if rank[i] < n:
                    beside[found] = i
                    found += 1
                i += 1
    return found


def parts_as_runs(place: IntArray, part: Numbers, sky: tuple[int, int]) -> tuple[RunTable, IntArray]:
    """Return the parts of a source as sorted runs, int32 array (runs, 4), and the part of each run, int64 array.

    Parameters
    ----------
    place
        int64 array (n): index of each voxel in the cube, ascending.
    part
        int32 array (n).
    sky
        Length of the cube along l and m.
    """
    y = place % sky[1]
    begins = np.ones(len(place), np.bool_)
    begins[1:] = (np.diff(place) != 1) | (np.diff(part) != 0) | (y[1:] == 0)
    first = np.flatnonzero(begins)
    length = np.diff(np.append(first, len(place)))
    row = place[first] // sky[1]
    runs = np.stack([row // sky[0], row % sky[0], y[first], y[first] + length], axis=1).astype(np.int32)
    return runs, part[first].astype(np.int64)
