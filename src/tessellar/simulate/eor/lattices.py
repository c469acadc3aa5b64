"""Smooth random fields that belong to a place alone: sums of white noise on lattices, smoothed with Gaussians.

A sum of independent fields has the sum of their power spectra, and a sum of Gaussians of many widths follows a power
law: see ``mixture``. Sums are direct and in a fixed order, so that a voxel has the same bits in any box.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from tessellar.compiled import compiled, compiled_part
from tessellar.model import DoubleArray, FloatArray
from tessellar.simulate.eor.taps import Taps
from tessellar.simulate.procedural_noise import CHANNEL_BITS, PIXEL_BITS, fill_noise, pieces
from tessellar.tiling.box import Box

Floats: TypeAlias = FloatArray | DoubleArray

_CHANNEL_ZERO, _PIXEL_ZERO = 1 << (CHANNEL_BITS - 1), 1 << (PIXEL_BITS - 1)  # lattices go on below the cube
_RATIO = 4.0  # of the squares of neighbouring widths: a power law is followed to 1 or 2 %


@dataclass(frozen=True, slots=True)
class Component:
    """White noise of a lattice, smoothed along each axis.

    Attributes
    ----------
    key
        Which noise.
    z, x, y
        The Gaussians along frequency, l and m; the amplitude is part of ``z``.
    """

    key: np.uint64
    z: Taps
    x: Taps
    y: Taps

    def power(self, omega_z: DoubleArray, omega_x: DoubleArray, omega_y: DoubleArray) -> DoubleArray:
        """Return the power spectrum, per voxel, at radians a voxel."""
        return self.z.power(omega_z) * self.x.power(omega_x) * self.y.power(omega_y)

    def variance(self) -> float:
        """Return the variance of a voxel, averaged over their places."""
        return self.z.variance() * self.x.variance() * self.y.variance()


def mixture(slope: float, narrowest: float, widest: float) -> list[tuple[float, float]]:
    """Return squares of lengths, and weights, with which Gaussians make a power law.

    ``k^-slope = ∫ s^(slope/2 - 1) exp(-k² s) ds / Γ(slope/2)`` is a sum of Gaussians in ``k`` of all widths. Taken in
    steps of equal ratio it is a sum of few; those that are narrower than asked are put together into one.

    Parameters
    ----------
    slope
        Of the power spectrum.
    narrowest, widest
        Lengths between which the steps lie; the power law holds for wave numbers well between their inverses.

    Returns
    -------
    parts
        ``(s, weight)`` with ``k^-slope ≈ Σ weight exp(-k² s)``.
    """
    step = math.log(_RATIO) / math.gamma(slope / 2.0)
    count = max(1, math.ceil(math.log(widest / narrowest) / math.log(_RATIO) * 2.0 - 1e-9) + 1)
    squares = [widest**2 * _RATIO**-i for i in range(count)]
    parts = [(s, step * s ** (slope / 2.0)) for s in reversed(squares)]
    share, moment = _RATIO ** -(slope / 2.0), _RATIO ** -(slope / 2.0 + 1.0)
    least, weight = parts[0]
    rest = weight * share / (1.0 - share)
    return [(least * weight * moment / (1.0 - moment) / rest, rest), *parts]


def field_of(components: tuple[Component, ...], box: Box) -> FloatArray:
    """Return a field in a box, which may lie outside the cube, float32 array (frequency, l, m).

    Parameters
    ----------
    components
        What the field is the sum of; they are added in this order.
    box
        Its voxels.
    """
    total = np.zeros(box.shape, dtype=np.float32)
    for part in components:
        white = _white_noise(part, box)
        _add_smoothed(white, part.z.table, part.x.table, part.y.table, *box.start, total)
    return total


def _white_noise(part: Component, box: Box) -> FloatArray:
    """Return the numbers of a lattice that make the voxels of a box, float32 array (frequency, m, l)."""
    z, z_end = part.z.span(box.start[0], box.stop[0])
    x, x_end = part.x.span(box.start[1], box.stop[1])
    y, y_end = part.y.span(box.start[2], box.stop[2])
    white = np.empty((z_end - z, y_end - y, x_end - x), dtype=np.float32)
    place = (z + _CHANNEL_ZERO, x + _PIXEL_ZERO, y + _PIXEL_ZERO)
    fill_noise(white.transpose(0, 2, 1), part.key, *place, 1.0, pieces())
    return white


@compiled
def _add_smoothed(
    white: FloatArray,
    along_z: FloatArray,
    along_x: FloatArray,
    along_y: FloatArray,
    z: int,
    x: int,
    y: int,
    out: FloatArray,
) -> None:
    """Add a lattice (frequency, m, l) to the voxels (frequency, l, m) from ``(z, x, y)`` on.

    It is smoothed along frequency, then m, then l: a sparse lattice has few numbers before it becomes pixels, and a
    channel costs the same alone as among others. What is added lies side by side in memory, however narrow the box.
    """
    planes = white.reshape(white.shape[0], -1)
    plane = np.empty((1, planes.shape[1]), np.float32)
    lattice = plane.reshape(white.shape[1:])
    half = np.empty((out.shape[2], white.shape[2]), np.float32)
    turned = np.empty((white.shape[2], out.shape[2]), np.float32)
    for i in range(out.shape[0]):
        base = (z + i) // along_z.shape[0] - z // along_z.shape[0]
        plane[:] = np.float32(0.0)
        _smooth(planes[base:], along_z, z + i, plane)
        half[:] = np.float32(0.0)
        _smooth(lattice, along_y, y, half)
        for j in range(half.shape[1]):
            for k in range(half.shape[0]):
                turned[j, k] = half[k, j]
        _smooth(turned, along_x, x, out[i])


@compiled_part
def _smooth(lattice: FloatArray, table: FloatArray, first: int, out: FloatArray) -> None:
    """Add to rows, which begin at pixel ``first``, the rows of a lattice around them."""
    spacing, width = table.shape[0], out.shape[1]
    run = out.shape[0] if spacing == 1 else 1  # all rows have the same weights
    source, target = lattice.reshape(-1), out.reshape(-1)
    for row in range(0, out.shape[0], run):
        base = (first + row) // spacing - first // spacing
        weights = table[(first + row) % spacing]
        add_shifted(source[base * width :], width, weights, target[row * width : (row + run) * width])


@compiled_part
def add_shifted(source: Floats, shift: int, weights: Floats, out: Floats) -> None:
    """Add numbers, ``shift`` further each time, times their weights, one after the other; four in one go."""
    whole = weights.size // 4 * 4
    for t in range(0, whole, 4):
        a, b, c, d = weights[t], weights[t + 1], weights[t + 2], weights[t + 3]
        one, two = source[t * shift :], source[(t + 1) * shift :]
        three, four = source[(t + 2) * shift :], source[(t + 3) * shift :]
        for k in range(out.size):
            total = out[k] + a * one[k]
            total += b * two[k]
            total += c * three[k]
            out[k] = total + d * four[k]
    for t in range(whole, weights.size):
        a, one = weights[t], source[t * shift :]
        for k in range(out.size):
            out[k] += a * one[k]
