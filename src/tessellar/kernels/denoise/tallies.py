"""Counts and sums that tell how well a denoiser did; all of them add up over the parts of a cube."""

from __future__ import annotations

import numpy as np

from tessellar.compiled import compiled
from tessellar.model import DoubleArray, FloatArray, IntArray

BIN = 0.1  # in units of the noise
REACH = 8.0
N_BINS = 161  # centres from -8 to 8; what lies beyond is counted at the ends
SNR_EDGES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, np.inf)  # of the true brightness of a voxel


def histogram(values: FloatArray) -> IntArray:
    """Return how voxels in units of their noise are distributed, int64 array (N_BINS); blank ones are left out."""
    known = values[np.isfinite(values)]
    bins = np.clip(np.rint(known / BIN), -REACH / BIN, REACH / BIN).astype(np.int64) + int(REACH / BIN)
    return np.bincount(bins, minlength=N_BINS)


def bin_centres() -> DoubleArray:
    """Return the centres of the bins of `histogram`, float64 array (N_BINS)."""
    return np.linspace(-REACH, REACH, N_BINS)


def sums_of(values: FloatArray) -> DoubleArray:
    """Return what voxels in units of their noise add up to, float64 array (8).

    Number, sum, sum of squares, sum of those above 0, sum of those below 0, how many exceed 1, how many exceed 3, and
    the largest; blank ones are left out.
    """
    known = values[np.isfinite(values)].astype(np.float64)
    above, below = known[known > 0], known[known < 0]
    largest = float(known.max()) if known.size else -np.inf
    counts = (float((known > limit).sum()) for limit in (1.0, 3.0))
    return np.array([known.size, known.sum(), (known**2).sum(), above.sum(), below.sum(), *counts, largest])


def merged_sums(parts: list[DoubleArray]) -> DoubleArray:
    """Return the sums of all parts, added in the order given, float64 array (8)."""
    total = np.zeros(8)
    total[-1] = -np.inf
    for part in parts:
        total[:-1] += part[:-1]
        total[-1] = max(total[-1], part[-1])
    return total


def totals(sums: DoubleArray) -> dict[str, float | None]:
    """Return what `sums_of` tells of a voxel on average, by name, in units of the noise; None where it is not known."""
    number = sums[0]
    found = {
        "mean": sums[1] / number if number else np.nan,
        "rms": np.sqrt(sums[2] / number) if number else np.nan,
        "positive": sums[3] / number if number else np.nan,
        "negative": sums[4] / number if number else np.nan,
        "share_above_1": sums[5] / number if number else np.nan,
        "share_above_3": sums[6] / number if number else np.nan,
        "largest": sums[7],
    }
    return {name: float(value) if np.isfinite(value) else None for name, value in found.items()}


@compiled
def truth_sums(
    truth: FloatArray, before: FloatArray, after: FloatArray, noise: FloatArray, edges: DoubleArray
) -> DoubleArray:
    """Return how far a cube is from the truth before and after, float64 array (bin, 6).

    A row for each interval of the true brightness in units of the noise, the first for what lies below all edges:
    number of voxels, squared error before and after, sum of the truth, of the cube before and after.

    Parameters
    ----------
    truth, before, after, noise
        float32 arrays (frequency, l, m); a voxel that is blank in one of them is left out.
    edges
        float64 array (bin).
    """
    sums = np.zeros((edges.size, 6))
    nz, nx, ny = truth.shape
    for z in range(nz):
        for x in range(nx):
            for y in range(ny):
                t, b = np.float64(truth[z, x, y]), np.float64(before[z, x, y])
                a, sigma = np.float64(after[z, x, y]), np.float64(noise[z, x, y])
                if not (np.isfinite(t) and np.isfinite(b) and np.isfinite(a)):
                    continue
                row = 0
                while row < edges.size - 1 and sigma > 0 and t >= edges[row] * sigma:
                    row += 1
                sums[row, 0] += 1.0
                sums[row, 1] += (b - t) ** 2
                sums[row, 2] += (a - t) ** 2
                sums[row, 3] += t
                sums[row, 4] += b
                sums[row, 5] += a
    return sums
