"""Convolutions of 3 x 3 x 3 voxels with 8 products for each voxel and pair of maps in place of 27.

Blocks of 2 x 2 x 2 voxels are made together from 4 x 4 x 4 of the maps before: both are changed to a basis in which a
convolution is a product, after Winograd (1980, Arithmetic Complexity of Computations) as Lavin & Gray (2016, CVPR,
4013) have it. All sums have one order, so a voxel has the same bits on any machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tessellar.compiled import compiled, compiled_part
from tessellar.kernels.network.products import padded, sum_products
from tessellar.lanes.arithmetic import spread
from tessellar.lanes.comparisons import above, chosen
from tessellar.lanes.memory import load, store
from tessellar.lanes.order import every_second, store_in_turns
from tessellar.lanes.registers import LANES
from tessellar.lanes.room import roomy
from tessellar.model import FloatArray

_TOGETHER = 4000  # blocks times maps that are in work together, about: they lie in the second-level cache
_TO_PRODUCTS = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])


@dataclass(frozen=True, slots=True, eq=False)
class Convolution:
    """The weights of a convolution of 3 x 3 x 3 voxels, ready to be used.

    Attributes
    ----------
    products
        float32 array (basis on the sky, basis along frequency, map, map of the result or more).
    bias
        float32 array (map of the result).
    slope
        Of the rectifier below zero.
    """

    products: FloatArray
    bias: FloatArray
    slope: float

    @classmethod
    def of(cls, weight: FloatArray, bias: FloatArray, slope: float) -> Convolution:
        """Return a convolution with weights (out, in, frequency, l, m)."""
        outs, ins = weight.shape[:2]
        g = _TO_PRODUCTS
        changed = np.einsum("cz,ax,by,oizxy->abcio", g, g, g, weight.astype(np.float64))
        products = np.zeros((16, 4, ins, padded(outs)), np.float32)
        products[..., :outs] = changed.reshape(16, 4, ins, outs)
        return cls(products, bias, slope)

    def __call__(self, x: FloatArray) -> FloatArray:
        """Return the rectified convolution, float32 array (frequency, l, map, m), two shorter along each axis."""
        z, x_, maps, y = x.shape
        out = roomy((z - 2, x_ - 2, len(self.bias), y - 2))
        together = _lines_together((x_ - 1) // 2, (y - 1) // 2, max(maps, len(self.bias)))
        _convolve(x, self.products, self.bias, np.float32(self.slope), together, out)
        return out


def _lines_together(lines: int, columns: int, maps: int) -> int:
    """Return how many lines of blocks are in work together, so that few lanes are without a block."""

    def registers(together: int) -> int:
        full, rest = divmod(lines, together)
        return full * -(-together * columns // LANES) - (-rest * columns // LANES)

    most = max(1, min(lines, _TOGETHER // (maps * columns)))
    return min(range(most, 0, -1), key=registers)


@compiled_part
def _whole(places: int) -> int:
    """Return how many places the registers have that hold so many."""
    return -(-places // LANES) * LANES


@compiled
def _convolve(
    x: FloatArray, products: FloatArray, bias: FloatArray, slope: np.float32, together: int, out: FloatArray
) -> None:
    nz, nx, n_maps, ny = x.shape
    n_out, columns, lines = out.shape[2], (ny - 1) // 2, (nx - 1) // 2
    spare = _whole(together * columns) + LANES  # the last lanes of a line reach beyond it
    # one row more than there are maps: planes of a multiple of 4 KiB would push each other out of the first cache
    seen = np.zeros((4, 16, n_maps + 1, spare), np.float32)
    mixed = np.zeros((4, n_maps, spare), np.float32)
    found = np.zeros((4, products.shape[3], spare), np.float32)
    sums = np.zeros((2, 16, products.shape[3] + 1, spare), np.float32)
    ends = np.empty((2, 2 * LANES), np.float32)
    for first in range(0, lines, together):
        n_lines = min(together, lines - first)
        places = _whole(n_lines * columns)
        for z in range(0, nz - 2, 2):
            for channel in range(z + 2 if z else 0, z + 4):
                for line in range(n_lines):
                    for i in range(n_maps):
                        _change(x, i, channel, 2 * (first + line), seen, line * columns, columns)
            for a in range(16):
                _mix(seen, a, z, places, mixed)
                for c in range(4):
                    sum_products(products[a, c], mixed[c], places, found[c])
                _mix_back(found, n_out, places, sums, a)
            for more in (1, 0):  # the first last: an odd number of channels ends with a pair that is one
                for line in range(n_lines):
                    for i in range(n_out):
                        where = (i, min(z + more, out.shape[0] - 1), 2 * (first + line))
                        _change_back(sums[more], line * columns, bias[i], slope, out, where, ends)


@compiled_part
def _mix(seen: FloatArray, a: int, z: int, places: int, mixed: FloatArray) -> None:
    """Change four channels to the basis of products."""
    for i in range(mixed.shape[1]):
        for t in range(0, places, LANES):
            one, two = load(seen, (z % 4, a, i, t)), load(seen, ((z + 1) % 4, a, i, t))
            three, four = load(seen, ((z + 2) % 4, a, i, t)), load(seen, ((z + 3) % 4, a, i, t))
            store(mixed, (0, i, t), one - three)
            store(mixed, (1, i, t), two + three)
            store(mixed, (2, i, t), three - two)
            store(mixed, (3, i, t), two - four)


@compiled_part
def _mix_back(found: FloatArray, n_out: int, places: int, sums: FloatArray, n: int) -> None:
    """Change products back to two channels."""
    for i in range(n_out):
        for t in range(0, places, LANES):
            a, b = load(found, (0, i, t)), load(found, (1, i, t))
            c, d = load(found, (2, i, t)), load(found, (3, i, t))
            store(sums, (0, n, i, t), a + b + c)
            store(sums, (1, n, i, t), b - c - d)


@compiled_part
def _change(
    x: FloatArray, i: int, channel: int, line: int, seen: FloatArray, place: int, columns: int
) -> None:
    """Change a line of blocks of 4 x 4 voxels to the basis of products."""
    last, slot, z = min(line + 3, x.shape[1] - 1), channel % 4, min(channel, x.shape[0] - 1)
    for t in range(0, columns, LANES):
        a = _along(x, i, z, line, 2 * t)
        b = _along(x, i, z, line + 1, 2 * t)
        c = _along(x, i, z, line + 2, 2 * t)
        d = _along(x, i, z, last, 2 * t)
        _across(a[0], b[0], c[0], d[0], seen, slot, 0, i, place + t)
        _across(a[1], b[1], c[1], d[1], seen, slot, 1, i, place + t)
        _across(a[2], b[2], c[2], d[2], seen, slot, 2, i, place + t)
        _across(a[3], b[3], c[3], d[3], seen, slot, 3, i, place + t)


@compiled_part
def _along(x: FloatArray, i: int, z: int, line: int, y: int) -> Any:
    a, b = every_second(x, (z, line, i, y)), every_second(x, (z, line, i, y + 1))
    c, d = every_second(x, (z, line, i, y + 2)), every_second(x, (z, line, i, y + 3))
    return a - c, b + c, c - b, b - d


@compiled_part
def _across(a: Any, b: Any, c: Any, d: Any, seen: FloatArray, slot: int, n: int, i: int, t: int) -> None:
    store(seen, (slot, n, i, t), a - c)
    store(seen, (slot, n + 4, i, t), b + c)
    store(seen, (slot, n + 8, i, t), c - b)
    store(seen, (slot, n + 12, i, t), b - d)


@compiled_part
def _change_back(
    sums: FloatArray,
    place: int,
    bias: np.float32,
    slope: np.float32,
    out: FloatArray,
    where: tuple[int, int, int],
    ends: FloatArray,
) -> None:
    """Change a line of products back to two lines of voxels, and rectify them."""
    _, lines, _, n = out.shape
    i, z, line = where
    other = min(line + 1, lines - 1)
    level, fall = spread(bias), spread(slope)
    for y in range(0, n, 2 * LANES):
        t = place + y // 2
        a, b = _back(sums, 0, i, t)
        c, d = _back(sums, 4, i, t)
        e, f = _back(sums, 8, i, t)
        g, h = _back(sums, 12, i, t)
        p, q = a + c + e + level, b + d + f + level
        r, s = c - e - g + level, d - f - h + level
        p, q, r, s = _rectified(p, fall), _rectified(q, fall), _rectified(r, fall), _rectified(s, fall)
        if y + 2 * LANES <= n:
            store_in_turns(out, (z, other, i, y), r, s)
            store_in_turns(out, (z, line, i, y), p, q)  # the last, where both are the same line
        else:
            store_in_turns(ends, (0, 0), p, q)
            store_in_turns(ends, (1, 0), r, s)
            for k in range(n - y):
                out[z, other, i, y + k] = ends[1, k]
                out[z, line, i, y + k] = ends[0, k]


@compiled_part
def _back(sums: FloatArray, n: int, i: int, t: int) -> Any:
    a, b = load(sums, (n, i, t)), load(sums, (n + 1, i, t))
    c, d = load(sums, (n + 2, i, t)), load(sums, (n + 3, i, t))
    return a + b + c, b - c - d


@compiled_part
def _rectified(a: Any, slope: Any) -> Any:
    """Return lanes, and their products with a slope where they are not above zero."""
    return chosen(above(a, spread(np.float32(0.0))), a, a * slope)
