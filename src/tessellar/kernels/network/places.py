"""Between resolutions: means over neighbours on the way down, one place that answers for several on the way up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tessellar.compiled import compiled, compiled_part
from tessellar.kernels.network.products import padded, sum_products
from tessellar.lanes.arithmetic import spread
from tessellar.lanes.memory import load, store
from tessellar.lanes.order import every_second, store_in_turns
from tessellar.lanes.registers import LANES
from tessellar.lanes.room import roomy
from tessellar.model import FloatArray
from tessellar.tiling.box import Shape

_NOTHING = np.empty((0, 0, 0, 0), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Unfolding:
    """A layer that looks at one place and answers for the ``side``³ finer places in it.

    Attributes
    ----------
    products
        float32 array (map, finer place and map of the result, or more).
    bias
        float32 array (finer place and map of the result).
    side
        Finer places along each axis: 1 or 2.
    """

    products: FloatArray
    bias: FloatArray
    side: int

    @classmethod
    def of(cls, weight: FloatArray, bias: FloatArray, side: int) -> Unfolding:
        """Return the layer with weights (finer place and map of the result, map, 1, 1, 1)."""
        outs, ins = weight.shape[:2]
        products = np.zeros((ins, padded(outs)), np.float32)
        products[:, :outs] = weight[:, :, 0, 0, 0].T
        return cls(products, bias, side)

    def __call__(
        self, x: FloatArray, cut: int, shape: Shape, fine: FloatArray = _NOTHING, edge: int = 0
    ) -> FloatArray:
        """Return the answer.

        Parameters
        ----------
        x
            float32 array (frequency, l, map, m) with room behind it.
        cut
            How many finer places it lacks at its beginning.
        shape
            How many it has (frequency, l, m).
        fine, edge
            What is added to it, an array of the same axes with so many places more at each side; or nothing.

        Returns
        -------
        answer
            float32 array (frequency, l, map, m) with room behind it.
        """
        z, x_, y = shape
        out = roomy((z, x_, len(self.bias) // self.side**3, y))
        _unfold(x, self.products, self.bias, self.side, cut, fine, edge, out)
        return out


def halved(x: FloatArray) -> FloatArray:
    """Return means over 2 x 2 x 2 places of an array (frequency, l, map, m)."""
    z, x_, maps, y = x.shape
    out = roomy((z // 2, x_ // 2, maps, y // 2))
    _halve(x, out)
    return out


@compiled
def _halve(x: FloatArray, out: FloatArray) -> None:
    nz, nx, n_maps, ny = out.shape
    eighth, rest = spread(np.float32(0.125)), np.empty(LANES, np.float32)
    for z in range(nz):
        for line in range(nx):
            for i in range(n_maps):
                for y in range(0, ny, LANES):
                    even = _square(x, 2 * z, 2 * line, i, 2 * y)
                    odd = _square(x, 2 * z, 2 * line, i, 2 * y + 1)
                    mean = (even + odd) * eighth
                    if y + LANES <= ny:
                        store(out, (z, line, i, y), mean)
                    else:
                        store(rest, 0, mean)
                        for k in range(ny - y):
                            out[z, line, i, y + k] = rest[k]


@compiled_part
def _square(x: FloatArray, z: int, line: int, i: int, y: int) -> Any:
    """Return sums over 2 x 2 places along frequency and l, of every second place along m."""
    one = every_second(x, (z, line, i, y)) + every_second(x, (z + 1, line, i, y))
    other = every_second(x, (z, line + 1, i, y)) + every_second(x, (z + 1, line + 1, i, y))
    return one + other


@compiled
def _unfold(
    x: FloatArray,
    products: FloatArray,
    bias: FloatArray,
    side: int,
    cut: int,
    fine: FloatArray,
    edge: int,
    out: FloatArray,
) -> None:
    nz, nx, _, ny = x.shape
    places = -(-ny // LANES) * LANES
    sums = np.empty((products.shape[1], places), np.float32)
    row = np.zeros(side * places + cut + LANES, np.float32)
    for coarse_z in range(nz):
        for coarse_line in range(nx):
            sum_products(products, x[coarse_z, coarse_line], places, sums)
            for a in range(side):
                for b in range(side):
                    z, line = side * coarse_z + a - cut, side * coarse_line + b - cut
                    if 0 <= z < out.shape[0] and 0 <= line < out.shape[1]:
                        for i in range(out.shape[2]):
                            first = (a * side + b) * side * out.shape[2] + i
                            _in_turns(sums, bias, first, out.shape[2], side, row)
                            _add(row, cut, fine, edge, out, z, line, i)


@compiled_part
def _in_turns(sums: FloatArray, bias: FloatArray, first: int, step: int, side: int, row: FloatArray) -> None:
    """Put the finer places of a line beside each other."""
    level, other = spread(bias[first]), spread(bias[first + (side - 1) * step])
    for y in range(0, sums.shape[1], LANES):
        if side == 1:
            store(row, y, load(sums, (first, y)) + level)
        else:
            even, odd = load(sums, (first, y)), load(sums, (first + step, y))
            store_in_turns(row, 2 * y, even + level, odd + other)


@compiled_part
def _add(
    row: FloatArray, cut: int, fine: FloatArray, edge: int, out: FloatArray, z: int, line: int, i: int
) -> None:
    """Set a line of the result."""
    n = out.shape[3]
    added = fine.size > 0
    full = n // LANES * LANES
    for y in range(0, full, LANES):
        lanes = load(row, cut + y)
        if added:
            lanes = lanes + load(fine, (edge + z, edge + line, i, edge + y))
        store(out, (z, line, i, y), lanes)
    for y in range(full, n):
        out[z, line, i, y] = (
            row[cut + y] + fine[edge + z, edge + line, i, edge + y] if added else row[cut + y]
        )
