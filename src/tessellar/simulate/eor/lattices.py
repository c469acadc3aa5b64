"""Smooth random fields that belong to a place alone: sums of white noise on lattices, smoothed with Gaussians.

A sum of independent fields has the sum of their power spectra, and a sum of Gaussians of many widths follows a power
law: see ``mixture``. Sums are direct and in a fixed order, so that a voxel has the same bits in any box.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tessellar.compiled import compiled
from tessellar.model import DoubleArray, FloatArray
from tessellar.simulate.eor.taps import Taps
from tessellar.simulate.procedural_noise import CHANNEL_BITS, PIXEL_BITS, fill_noise, pieces
from tessellar.tiling.box import Box

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
    channels, width, height = box.shape
    # The rows that are added up lie side by side in memory: at strides of whole planes they would evict each other.
    total = np.zeros((width, channels, height), dtype=np.float32)
    for part in components:
        first, last = part.z.span(box.start[0], box.stop[0])
        x, x_end = part.x.span(box.start[1], box.stop[1])
        y, y_end = part.y.span(box.start[2], box.stop[2])
        white = np.empty((1, x_end - x, y_end - y), dtype=np.float32)
        planes = np.empty((width, last - first, height), dtype=np.float32)
        for number in range(first, last):
            place = (number + _CHANNEL_ZERO, x + _PIXEL_ZERO, y + _PIXEL_ZERO)
            fill_noise(white, part.key, *place, 1.0, pieces())
            _smooth_plane(
                white[0], part.x.table, part.y.table, box.start[1], box.start[2], number - first, planes
            )
        _add_planes(planes, part.z.table, box.start[0], total)
    return np.ascontiguousarray(total.transpose(1, 0, 2))


@compiled
def _smooth_plane(
    white: FloatArray,
    along_x: FloatArray,
    along_y: FloatArray,
    x: int,
    y: int,
    number: int,
    planes: FloatArray,
) -> None:
    """Smooth a plane of a lattice along l and m into the pixels from ``(x, y)`` on: ``planes[:, number]``."""
    half = np.zeros((white.shape[0], planes.shape[2]), np.float32)
    spacing = along_y.shape[0]
    for i in range(half.shape[0]):
        if spacing == 1:
            _add_shifted(white[i], along_y[0], half[i])
        else:
            _add_spaced(white[i], along_y, y, half[i])
    spacing = along_x.shape[0]
    for i in range(planes.shape[0]):
        phase, base = (x + i) % spacing, (x + i) // spacing - x // spacing
        planes[i, number] = np.float32(0.0)
        _add_rows(half, base, along_x[phase], planes[i, number])


@compiled
def _add_planes(planes: FloatArray, along_z: FloatArray, z: int, out: FloatArray) -> None:
    """Add a lattice, smoothed along frequency into the channels from ``z`` on; arrays (l, frequency, m)."""
    spacing = along_z.shape[0]
    for j in range(out.shape[0]):
        for i in range(out.shape[1]):
            phase, base = (z + i) % spacing, (z + i) // spacing - z // spacing
            _add_rows(planes[j], base, along_z[phase], out[j, i])


@compiled
def _add_rows(rows: FloatArray, base: int, weights: FloatArray, out: FloatArray) -> None:
    """Add rows from ``base`` on, each times its weight, one after the other; four are taken in one go."""
    whole = weights.size // 4 * 4
    for t in range(0, whole, 4):
        a, b, c, d = weights[t], weights[t + 1], weights[t + 2], weights[t + 3]
        row = base + t
        for k in range(out.size):
            total = out[k] + a * rows[row, k]
            total += b * rows[row + 1, k]
            total += c * rows[row + 2, k]
            out[k] = total + d * rows[row + 3, k]
    for t in range(whole, weights.size):
        a = weights[t]
        for k in range(out.size):
            out[k] += a * rows[base + t, k]


@compiled
def _add_shifted(row: FloatArray, weights: FloatArray, out: FloatArray) -> None:
    """Add a row, shifted by one number more each time, times its weight; four are taken in one go."""
    whole = weights.size // 4 * 4
    for t in range(0, whole, 4):
        a, b, c, d = weights[t], weights[t + 1], weights[t + 2], weights[t + 3]
        for k in range(out.size):
            total = out[k] + a * row[t + k]
            total += b * row[t + k + 1]
            total += c * row[t + k + 2]
            out[k] = total + d * row[t + k + 3]
    for t in range(whole, weights.size):
        a = weights[t]
        for k in range(out.size):
            out[k] += a * row[t + k]


@compiled
def _add_spaced(row: FloatArray, along_y: FloatArray, y: int, out: FloatArray) -> None:
    """Smooth the numbers of a sparse lattice into the pixels that begin at ``y``."""
    spacing = along_y.shape[0]
    for k in range(out.size):
        phase, base = (y + k) % spacing, (y + k) // spacing - y // spacing
        total = np.float32(0.0)
        for t in range(along_y.shape[1]):
            total += along_y[phase, t] * row[base + t]
        out[k] = total
