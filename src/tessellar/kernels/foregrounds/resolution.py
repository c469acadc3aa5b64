"""Smoothing every channel to one resolution, so that the beam's change with frequency makes no structure of its own.

A kernel is the Gaussian on pixels where these sample it well. Where its variance t is below half a pixel squared, as in
channels whose beam is almost wide enough, they do not: it has five taps then, with the Gaussian's second and fourth
moments t and 3 t^2, which is what a well-sampled beam feels of it. Sums are direct, in a fixed order and in float64:
the bits of a voxel do not depend on where a box begins.

Beyond the edge of a cube the sky is taken to go on as a straight line would, so that its gradient, which every channel
would show in its own way, is none of the structure along frequency.
"""

from __future__ import annotations

import math

import numpy as np

from tessellar.compiled import compiled, compiled_part
from tessellar.kernels.filters import FWHM_PER_SIGMA
from tessellar.model import DoubleArray, FloatArray

TRUNCATION_SIGMAS = 4.5  # 7e-6 of a Gaussian lies beyond

_SAMPLED = 0.5  # variance, pixels squared, from which on pixels sample a Gaussian


def matching_radius(fwhm: float) -> int:
    """Return how many pixels the kernel of this full width at half maximum, pixels, reaches."""
    sigma = fwhm / FWHM_PER_SIGMA
    if sigma**2 >= _SAMPLED:
        return math.ceil(TRUNCATION_SIGMAS * sigma)
    return 2 if sigma > 0 else 0


def matching_taps(fwhm: float) -> DoubleArray:
    """Return the centre and the right half of the kernel, whose whole sum is 1, float64 array (radius + 1)."""
    variance = (fwhm / FWHM_PER_SIGMA) ** 2
    if variance == 0:
        return np.ones(1)
    if variance < _SAMPLED:
        outer = (3 * variance**2 - variance) / 24
        inner = variance / 2 - 4 * outer
        return np.array([1 - 2 * inner - 2 * outer, inner, outer])
    taps = np.exp(-0.5 * np.arange(matching_radius(fwhm) + 1.0) ** 2 / variance)
    taps = taps.astype(np.float32).astype(np.float64)  # the same where exponentials differ in their last bit
    return np.asarray(taps / (taps[0] + 2 * taps[1:].sum()), dtype=np.float64)


def continue_beyond(plane: FloatArray, inside: tuple[slice, slice]) -> None:
    """Continue a channel beyond the edge of its cube: twice the outermost voxel less the one as far within.

    Along l first, then along m. What that is not known for is left as it is: beyond a blank voxel, and farther out
    than the cube is wide.

    Parameters
    ----------
    plane
        float32 array (l, m), written to beyond the edge.
    inside
        Where the cube lies in it.
    """
    _, columns = inside
    with np.errstate(invalid="ignore", over="ignore"):
        for image, part in ((plane[:, columns], inside[0]), (plane.T, columns)):
            first, last = part.start, part.stop - 1
            width = last - first
            below, above = min(first, width), min(len(image) - part.stop, width)
            image[first - below : first] = (2 * image[first] - image[first + 1 : first + 1 + below])[::-1]
            image[last + 1 : last + 1 + above] = (2 * image[last] - image[last - above : last])[::-1]


def match_plane(
    plane: FloatArray, reach: tuple[int, int], taps_l: DoubleArray, taps_m: DoubleArray, factor: float
) -> FloatArray:
    """Return a channel smoothed over its good voxels: G * d / G * 1, each summed where d is not blank.

    Parameters
    ----------
    plane
        float32 array (l, m) with a border of ``reach`` pixels on every side, beyond the edge of the cube as
        `continue_beyond` leaves it.
    reach
        Width of the border along l and m, at least the radius of the kernels.
    taps_l, taps_m
        What `matching_taps` returns for the two axes.
    factor
        By which the result is multiplied.

    Returns
    -------
    FloatArray
        Without the border, float32 array (l, m); blank where the plane is.
    """
    shape = (plane.shape[0] - 2 * reach[0], plane.shape[1] - 2 * reach[1])
    out = np.empty(shape, np.float32)
    _smooth(np.ascontiguousarray(plane), reach[0], reach[1], taps_l, taps_m, factor, out)
    return out


@compiled
def _smooth(
    plane: FloatArray,
    reach_l: int,
    reach_m: int,
    taps_l: DoubleArray,
    taps_m: DoubleArray,
    factor: float,
    out: FloatArray,
) -> None:
    good = np.isfinite(plane)
    whole = good.all()
    values, weights = np.empty(plane.shape), np.ones((2 * reach_l + 1, 2 * reach_m + 1))
    for x in range(plane.shape[0]):
        for y in range(plane.shape[1]):
            values[x, y] = np.float64(plane[x, y]) if good[x, y] else 0.0
    if not whole:
        weights = good.astype(np.float64)
    above = _along_l(_along_m(values, reach_m, taps_m), reach_l, taps_l)
    below = _along_l(_along_m(weights, reach_m, taps_m), reach_l, taps_l)
    for x in range(out.shape[0]):
        for y in range(out.shape[1]):
            known = good[x + reach_l, y + reach_m]
            share = below[0, 0] if whole else below[x, y]
            out[x, y] = np.float32(factor * (above[x, y] / share)) if known else np.float32(np.nan)


@compiled_part
def _along_m(plane: DoubleArray, reach: int, taps: DoubleArray) -> DoubleArray:
    nx, ny = plane.shape[0], plane.shape[1] - 2 * reach
    out = np.empty((nx, ny))
    for x in range(nx):
        row, total = plane[x], out[x]
        for y in range(ny):
            total[y] = taps[0] * row[y + reach]
        for i in range(1, taps.size):
            for y in range(ny):
                total[y] += taps[i] * (row[y + reach - i] + row[y + reach + i])
    return out


@compiled_part
def _along_l(plane: DoubleArray, reach: int, taps: DoubleArray) -> DoubleArray:
    nx, ny = plane.shape[0] - 2 * reach, plane.shape[1]
    out = np.empty((nx, ny))
    for x in range(nx):
        middle, total = plane[x + reach], out[x]
        for y in range(ny):
            total[y] = taps[0] * middle[y]
        for i in range(1, taps.size):
            before, after = plane[x + reach - i], plane[x + reach + i]
            for y in range(ny):
                total[y] += taps[i] * (before[y] + after[y])
    return out
