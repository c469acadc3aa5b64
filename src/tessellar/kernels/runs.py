"""Detected voxels as runs along the last axis, and the rule by which two runs belong to one source.

A mask of a few detected voxels in a thousand is kept as a sorted table of runs, int32 array (n, 4) of
``z, x, y_start, y_stop``: everything after detection touches detected voxels only.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt

import numpy as np
import numpy.typing as npt

from tessellar.compiled import compiled, compiled_part
from tessellar.model import ByteArray, IntArray

RunTable = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Link:
    """Which voxels are neighbours.

    Parameters
    ----------
    radius_xy, radius_z
        Linking radii in pixels and channels, at least 1.
    shape
        ``"ellipsoid"``: two voxels are linked when ``(dx/rx)² + (dy/ry)² + (dz/rz)² <= 1``, SoFiA's rule, so that
        radius 1 is 6-connectivity; ``"box"``: when no offset exceeds its radius, so that radius 1 is
        26-connectivity.
    """

    radius_xy: int = 1
    radius_z: int = 1
    shape: str = "ellipsoid"

    def offsets(self) -> IntArray:
        """Return the row offsets that are looked at: int64 array (n, 3) of ``dz, dx, largest |dy|``.

        One of each pair of opposite offsets is enough; rows run in ascending order.
        """
        rows = [
            (dz, dx, self._reach(dz, dx))
            for dz in range(self.radius_z + 1)
            for dx in range(-self.radius_xy, self.radius_xy + 1)
            if (dz, dx) >= (0, 0) and self._reach(dz, dx) >= 0
        ]
        return np.array(rows, dtype=np.int64)

    def _reach(self, dz: int, dx: int) -> int:
        if self.shape == "box":
            return self.radius_xy
        rz, rx = self.radius_z, self.radius_xy
        # ry² (1 - (dz/rz)² - (dx/rx)²), all in integers so that no rounding decides about a link
        numerator = rz * rz * rx * rx - dz * dz * rx * rx - dx * dx * rz * rz
        return isqrt(numerator // (rz * rz)) if numerator >= 0 else -1


@compiled
def count_runs(mask: ByteArray, bit: int) -> int:
    """Return how many runs of voxels with this bit the mask holds."""
    n = 0
    for z in range(mask.shape[0]):
        for x in range(mask.shape[1]):
            row = mask[z, x]
            inside = False
            for y in range(row.size):
                hit = (row[y] & bit) != 0
                if hit and not inside:
                    n += 1
                inside = hit
    return n


@compiled
def fill_runs(mask: ByteArray, bit: int, z0: int, x0: int, y0: int, runs: RunTable) -> None:
    """Write the runs of a mask whose first voxel is ``(z0, x0, y0)`` in the cube, sorted."""
    n = -1
    for z in range(mask.shape[0]):
        for x in range(mask.shape[1]):
            row = mask[z, x]
            inside = False
            for y in range(row.size):
                hit = (row[y] & bit) != 0
                if hit and not inside:
                    n += 1
                    runs[n, 0] = z0 + z
                    runs[n, 1] = x0 + x
                    runs[n, 2] = y0 + y
                if hit:
                    runs[n, 3] = y0 + y + 1
                inside = hit


def extract_runs(mask: ByteArray, bit: int, origin: tuple[int, int, int]) -> RunTable:
    """Return the runs of voxels with this bit, int32 array (n, 4), sorted, in cube coordinates."""
    runs = np.empty((count_runs(mask, bit), 4), np.int32)
    fill_runs(mask, bit, *origin, runs)
    return runs


@compiled_part
def find_root(parent: IntArray, node: int) -> int:
    """Return the root of a node, shortening the path on the way."""
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


@compiled
def join(parent: IntArray, a: int, b: int) -> None:
    """Make two nodes one group; the smaller root stays, so the result does not depend on the order."""
    a = find_root(parent, a)
    b = find_root(parent, b)
    if a < b:
        parent[b] = a
    elif b < a:
        parent[a] = b


@compiled
def link_runs(runs: RunTable, node: IntArray, offsets: IntArray, parent: IntArray) -> None:
    """Join the groups of all neighbouring runs.

    Parameters
    ----------
    runs
        Sorted, disjoint runs.
    node
        int64 array (n): the group of each run, an index into ``parent``.
    offsets
        From `Link.offsets`.
    parent
        int64 array: the union-find forest, changed in place.
    """
    n = runs.shape[0]
    if n == 0:
        return
    first = np.empty(n + 1, np.int64)  # where each occupied row (z, x) begins in the table
    rows = 0
    for i in range(n):
        if i == 0 or runs[i, 0] != runs[i - 1, 0] or runs[i, 1] != runs[i - 1, 1]:
            first[rows] = i
            rows += 1
    first[rows] = n
    for k in range(offsets.shape[0]):
        dz, dx, reach = offsets[k, 0], offsets[k, 1], offsets[k, 2]
        other = 0
        for row in range(rows):
            z, x = runs[first[row], 0] + dz, runs[first[row], 1] + dx
            while other < rows and (
                runs[first[other], 0] < z or (runs[first[other], 0] == z and runs[first[other], 1] < x)
            ):
                other += 1
            if other == rows:
                break
            if runs[first[other], 0] == z and runs[first[other], 1] == x:
                _link_rows(
                    runs, node, parent, first[row], first[row + 1], first[other], first[other + 1], reach
                )


@compiled_part
def _link_rows(
    runs: RunTable, node: IntArray, parent: IntArray, a: int, a_stop: int, b: int, b_stop: int, reach: int
) -> None:
    """Join the runs of two rows (or of one with itself) whose voxels come within ``reach`` of each other."""
    same = a == b
    for i in range(a, a_stop):
        while b < b_stop and runs[b, 3] - 1 + reach < runs[i, 2]:
            b += 1
        j = max(b, i + 1) if same else b
        while j < b_stop and runs[j, 2] - reach <= runs[i, 3] - 1:
            join(parent, node[i], node[j])
            j += 1


@compiled
def number_groups(parent: IntArray) -> int:
    """Replace every entry of a forest by its group's number, in order of first appearance; return the count."""
    for i in range(parent.size):
        parent[i] = find_root(parent, i)
    count = 0
    for i in range(parent.size):
        if parent[i] == i:  # roots precede their members, since the smaller root always stays
            parent[i] = count
            count += 1
        else:
            parent[i] = parent[parent[i]]
    return count


def label_runs(runs: RunTable, link: Link) -> tuple[IntArray, int]:
    """Return the group number of every run, int64 array (n), and the number of groups."""
    labels = np.arange(len(runs), dtype=np.int64)
    link_runs(runs, np.arange(len(runs), dtype=np.int64), link.offsets(), labels)
    return labels, int(number_groups(labels))


def merge_touching(runs: RunTable) -> RunTable:
    """Return runs in the order of the cube, joined where one begins at the voxel where another ends."""
    merged = np.empty_like(runs)
    count = _join_touching(runs, merged)
    if count < 0:
        runs = runs[np.lexsort((runs[:, 2], runs[:, 1], runs[:, 0]))]
        count = _join_touching(runs, merged)
    return merged[:count]


@compiled
def _join_touching(runs: RunTable, merged: RunTable) -> int:
    """Write down the runs, touching ones as one; return how many are left, or -1 if they are not in order."""
    n = 0
    for i in range(runs.shape[0]):
        z, x, start, stop = runs[i, 0], runs[i, 1], runs[i, 2], runs[i, 3]
        if n > 0:
            same = z == merged[n - 1, 0] and x == merged[n - 1, 1]
            if same and start == merged[n - 1, 3]:
                merged[n - 1, 3] = stop
                continue
            after = start > merged[n - 1, 2] if same else x > merged[n - 1, 1]
            if z < merged[n - 1, 0] or (z == merged[n - 1, 0] and not after):
                return -1
        merged[n, 0], merged[n, 1], merged[n, 2], merged[n, 3] = z, x, start, stop
        n += 1
    return n


def run_voxels(runs: RunTable) -> tuple[IntArray, IntArray, IntArray]:
    """Return the coordinates ``z, x, y`` of every voxel of some runs, int64 arrays, in the order of the runs."""
    lengths = (runs[:, 3] - runs[:, 2]).astype(np.int64)
    row = np.repeat(np.arange(len(runs)), lengths)
    step = np.arange(len(row)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    z, x, first = (runs[row, column].astype(np.int64) for column in range(3))
    return z, x, first + step
