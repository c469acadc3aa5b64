"""How the noise of neighbouring voxels goes together, measured from the signs of the cube's own voxels.

A beam does not tell it: noise that entered with natural weights is correlated as the beam itself, white noise seen
through the beam as a Gaussian √2 times as wide, and Hanning smoothing ties channels together. Of two Gaussian numbers
with correlation ρ, the second is negative with probability 1/2 + arcsin(ρ)/π when the first is (the arcsine law; Van
Vleck & Middleton 1966, Proc. IEEE 54, 2). Emission is positive, so voxels beside negative ones are mostly noise.
Counts are integers and add exactly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tessellar.compiled import compiled
from tessellar.model import GAUSSIAN_AREA, CubeMeta, DoubleArray, FloatArray, IntArray

_STEPS = (1, 2, 3, 4, 6, 8, 12, 16)
_DIRECTIONS = ((0, 1, 0), (0, 0, 1), (0, 1, 1), (0, 1, -1))
NEAR = tuple((0, i * x, i * y) for i in _STEPS for _, x, y in _DIRECTIONS)
FAR = ((0, 24, 0), (0, 0, 24), (0, 32, 0), (0, 0, 32))  # where noise has forgotten: what is left is no noise
NEXT_CHANNELS = ((1, 0, 0), (2, 0, 0), (3, 0, 0))
FAR_CHANNELS = ((8, 0, 0), (9, 0, 0), (10, 0, 0))
LAGS = np.array((*NEAR, *FAR, *NEXT_CHANNELS, *FAR_CHANNELS), dtype=np.int64)
"""Offsets (frequency, l, m) between the voxels of a pair, int64 array (lag, 3)."""

FEWEST_PAIRS = 4096  # with a negative voxel, of a lag, below which it says nothing
_LEAST = 1e-3  # a correlation below this is none
_CORE = 0.25  # correlations that shape the Gaussian; side lobes are lower
_LEAST_SPECTRAL = 0.03


@dataclass(frozen=True, slots=True)
class Correlation:
    """The correlation of noise as a Gaussian on the sky times a factor for channels.

    Attributes
    ----------
    xx, xy, yy
        ``-2 ln ρ = xx dx² + 2 xy dx dy + yy dy²`` for voxels dx, dy pixels apart along l and m.
    spectral
        Correlation of voxels 1, 2 … channels apart; beyond there is none.
    """

    xx: float
    xy: float
    yy: float
    spectral: tuple[float, ...] = ()

    @property
    def covariance(self) -> tuple[float, float, float]:
        """The Gaussian's second moments along l, across, and along m, pixels squared."""
        size = self.xx * self.yy - self.xy * self.xy
        return self.yy / size, -self.xy / size, self.xx / size

    @property
    def area(self) -> float:
        """Pixels that share one noise value in the sum over a source of many beams."""
        return 2.0 * math.pi / math.sqrt(self.xx * self.yy - self.xy * self.xy)

    @property
    def widths(self) -> tuple[float, float]:
        """Full widths at half maximum of the Gaussian, the larger first, pixels."""
        half, apart = 0.5 * (self.xx + self.yy), math.hypot(0.5 * (self.xx - self.yy), self.xy)
        factor = math.sqrt(8.0 * math.log(2.0))
        return factor / math.sqrt(half - apart), factor / math.sqrt(half + apart)


INDEPENDENT = Correlation(40.0, 0.0, 40.0)
"""Noise that no voxel shares with its neighbour."""


def beam_correlation(meta: CubeMeta) -> Correlation:
    """Return the correlation of noise that has the shape of the cube's beam, none without a beam.

    Of several beams the mean area counts, and the shape of the first.
    """
    areas = meta.beam_areas()
    if areas is None or meta.pixel_size is None:
        return INDEPENDENT
    beam, (size_x, size_y) = meta.beams[0], meta.pixel_size
    scale = float(areas.mean()) * size_x * size_y / (GAUSSIAN_AREA * beam.major * beam.minor)
    unit = 8.0 * math.log(2.0) / scale
    sine, cosine = math.sin(math.radians(beam.pa)), math.cos(math.radians(beam.pa))
    major, minor = unit / beam.major**2, unit / beam.minor**2
    return Correlation(
        (major * sine * sine + minor * cosine * cosine) * size_x * size_x,
        (minor - major) * sine * cosine * size_x * size_y,
        (major * cosine * cosine + minor * sine * sine) * size_y * size_y,
    )


@compiled
def count_signs(voxels: FloatArray, lags: IntArray, step: int) -> IntArray:
    """Return how often voxels are negative together, int64 array (lag, 2).

    The first column counts the negative voxels of all pairs, the second those whose partner is negative too. A blank
    voxel, or one that is exactly 0, has no pairs.

    Parameters
    ----------
    voxels
        float32 array (frequency, l, m).
    lags
        Offsets between the voxels of a pair, int64 array (lag, 3).
    step
        Look at every so many pixels along l and m only.
    """
    counts = np.zeros((lags.shape[0], 2), np.int64)
    nz, nx, ny = voxels.shape
    zero = np.float32(0.0)
    for k in range(lags.shape[0]):
        dz, dx, dy = lags[k, 0], lags[k, 1], lags[k, 2]
        negative, both = np.int64(0), np.int64(0)
        for z in range(nz - dz):
            for x in range(0, nx - dx, step):
                for y in range(max(-dy, 0), ny - max(dy, 0), step):
                    a, b = voxels[z, x, y], voxels[z + dz, x + dx, y + dy]
                    product = a * b
                    if product - product == zero and a != zero and b != zero:
                        negative += np.int64(a < zero) + np.int64(b < zero)
                        both += 2 * np.int64((a < zero) & (b < zero))
        counts[k, 0], counts[k, 1] = negative, both
    return counts


def correlation_of(counts: IntArray, meta: CubeMeta) -> Correlation:
    """Return the correlation that counts over the whole sample tell, that of the beam where they are too few.

    What voxels far from each other have in common (emission, an offset of a channel, continuum that was left) is no
    noise of a voxel and is taken off. A Gaussian is fitted to the core of the correlation; side lobes of a dirty beam
    are left out.

    Parameters
    ----------
    counts
        Sum of what `count_signs` gave for `LAGS`.
    meta
        The cube.
    """
    near, far = counts[: len(NEAR)], counts[len(NEAR) : len(NEAR) + len(FAR)]
    channels = counts[len(NEAR) + len(FAR) :]
    if near[: len(_DIRECTIONS), 0].min() < FEWEST_PAIRS or _common(far) >= 1.0:
        return beam_correlation(meta)  # too few, or all of one sign: an offset hides the noise
    gaussian = _gaussian(_correlations(near, _common(far)))
    if gaussian.xx * FAR[0][1] ** 2 < 6.0 or gaussian.yy * FAR[0][1] ** 2 < 6.0:
        gaussian = _gaussian(_correlations(near, 0.5))  # a beam so wide that nothing in reach lies beyond it
    next_ones = channels[: len(NEXT_CHANNELS)]
    spectral = _correlations(next_ones, _common(channels[len(NEXT_CHANNELS) :]))
    return Correlation(gaussian.xx, gaussian.xy, gaussian.yy, _until_lost(spectral))


def correlation_by_lag(counts: IntArray) -> DoubleArray:
    """Return the correlation of voxels at each of `LAGS` by itself, float64 array (lag); NaN where too few were seen.

    Parameters
    ----------
    counts
        As for `correlation_of`.
    """
    near, next_ones = len(NEAR), len(NEAR) + len(FAR)
    return np.concatenate(
        [
            _correlations(counts[:next_ones], _common(counts[near:next_ones])),
            _correlations(counts[next_ones:], _common(counts[next_ones + len(NEXT_CHANNELS) :])),
        ]
    )


def _common(far: IntArray) -> float:
    """Return the chance that a voxel far from a negative one is negative."""
    negative, both = int(far[:, 0].sum()), int(far[:, 1].sum())
    return both / negative if negative >= FEWEST_PAIRS else 0.5


def _correlations(counts: IntArray, common: float) -> DoubleArray:
    """Return the correlation at each lag, NaN where too few pairs were seen."""
    enough = counts[:, 0] >= FEWEST_PAIRS
    if common >= 1.0:
        return np.full(len(counts), np.nan)  # of voxels that are all negative none says anything
    chance = counts[:, 1] / np.maximum(counts[:, 0], 1)
    excess = np.clip((chance - common) / (1.0 - common), -1.0, 1.0)
    return np.where(enough, np.sin(0.5 * math.pi * excess), np.nan)


def _gaussian(found: DoubleArray) -> Correlation:
    """Return the Gaussian through the correlations of the near lags: least squares of their logarithms.

    In each direction the core ends where the correlation first falls below a quarter; what rises again is none of it.
    """
    core = np.logical_and.accumulate((found >= _CORE).reshape(len(_STEPS), len(_DIRECTIONS)), axis=0)
    core[0] = True  # the nearest neighbours say that there is no correlation, too
    used = np.isfinite(found) & core.ravel()
    rho = np.clip(found[used], _LEAST, 0.999)
    x, y = LAGS[: len(NEAR)][used, 1:].T.astype(np.float64)
    rows = np.stack([x * x, 2.0 * x * y, y * y])
    weighted = rows * rho * rho  # the error of ln ρ goes with 1 / ρ
    normal = np.array([[float((a * b).sum()) for b in rows] for a in weighted])
    right = np.array([float((a * -2.0 * np.log(rho)).sum()) for a in weighted])
    xx, xy, yy = (float(value) for value in np.linalg.solve(normal, right))
    xx, yy = max(xx, 1e-4), max(yy, 1e-4)
    most = 0.98 * math.sqrt(xx * yy)
    return Correlation(xx, min(max(xy, -most), most), yy)


def _until_lost(spectral: DoubleArray) -> tuple[float, ...]:
    """Return the correlations of channels up to the last that is one."""
    kept: list[float] = []
    for value in spectral.tolist():
        if not value >= _LEAST_SPECTRAL:
            break
        kept.append(value)
    return tuple(kept)
