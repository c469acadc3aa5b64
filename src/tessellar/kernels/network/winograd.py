"""Convolutions of 3 x 3 x 3 voxels with 12 products for each voxel and pair of maps in place of 27.

Blocks of 2 x 2 voxels of a channel are made together from 4 x 4 of the maps before: both are changed to a basis in
which a convolution is a product, after Winograd (1980, Arithmetic Complexity of Computations) as Lavin & Gray (2016,
CVPR, 4013) have it, along l and m; along frequency, three channels are summed. All sums have one order, so a voxel has
the same bits on any machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tessellar.compiled import compiled, compiled_part
from tessellar.kernels.lanes.arithmetic import spread
from tessellar.kernels.lanes.comparisons import above, chosen
from tessellar.kernels.lanes.memory import load, store
from tessellar.kernels.lanes.order import every_second, store_in_turns
from tessellar.kernels.lanes.registers import LANES
from tessellar.kernels.lanes.room import roomy
from tessellar.kernels.network.products import padded, sum_products
from tessellar.model import FloatArray

_TOGETHER = 2000  # blocks times maps that are in work together, about: they lie in the second-level cache
_TO_PRODUCTS = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])


@dataclass(frozen=True, slots=True, eq=False)
class Convolution:
    """The weights of a convolution of 3 x 3 x 3 voxels, ready to be used.

    Attributes
    ----------
    products
        float32 array (basis, frequency x map, map of the result or more).
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
        changed = np.einsum("ax,by,oizxy->abzio", g, g, weight.astype(np.float64)).reshape(16, 3 * ins, outs)
        products = np.zeros((16, 3 * ins, padded(outs)), np.float32)
        products[:, :, :outs] = changed
        return cls(products, bias, slope)

    def __call__(self, x: FloatArray) -> FloatArray:
        """Return the rectified convolution, float32 array (frequency, l, map, m), two shorter along each axis."""
        z, x_, _, y = x.shape
        out = roomy((z - 2, x_ - 2, len(self.bias), y - 2))
        _convolve(x, self.products, self.bias, np.float32(self.slope), out)
        return out


@compiled
def _convolve(
    x: FloatArray, products: FloatArray, bias: FloatArray, slope: np.float32, out: FloatArray
) -> None:
    nz, nx, n_maps, ny = x.shape
    n_out, columns, lines = out.shape[2], (ny - 1) // 2, (nx - 1) // 2
    together = max(1, min(lines, _TOGETHER // (max(n_maps, n_out) * columns)))
    places = -(-together * columns // LANES) * LANES
    spare = places + LANES  # the last lanes of a line reach beyond it
    seen = np.zeros((3, 16, n_maps, spare), np.float32)
    sums = np.zeros((16, products.shape[2], spare), np.float32)
    ends = np.empty((2, 2 * LANES), np.float32)
    for first in range(0, lines, together):
        n_lines = min(together, lines - first)
        for z in range(nz):
            for line in range(n_lines):
                for i in range(n_maps):
                    _change(x, i, z, 2 * (first + line), seen, line * columns, columns)
            if z < 2:
                continue
            for a in range(16):
                sum_products(
                    products[a], seen[:, a], (z + 1) % 3, places, sums[a]
                )  # the oldest channel first
            for line in range(n_lines):
                for i in range(n_out):
                    _change_back(
                        sums, line * columns, bias[i], slope, out, i, z - 2, 2 * (first + line), ends
                    )


@compiled_part
def _change(x: FloatArray, i: int, z: int, line: int, seen: FloatArray, place: int, columns: int) -> None:
    """Change a line of blocks of 4 x 4 voxels to the basis of products."""
    last, slot = min(line + 3, x.shape[1] - 1), z % 3
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
    i: int,
    z: int,
    line: int,
    ends: FloatArray,
) -> None:
    """Change a line of products back to two lines of voxels, and rectify them."""
    _, lines, _, n = out.shape
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
