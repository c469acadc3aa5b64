"""How likely a detection is real: as many false ones are expected among the positive as there are negative ones.

Noise is symmetric and galaxies are not negative. In the space of peak, signal-to-noise ratio and mean, each in units
of the local noise, the density of the negative detections near a positive one is that of the false positives there
(Serra, Jurek & Flöer 2012, PASA 29, 296). Densities are sums of Gaussian kernels whose covariance is that of the
negative detections, scaled down. Serra et al. take the sum of the voxels where the signal-to-noise ratio is here: the
sum of as many voxels is the likelier noise the more pixels of one beam it has, and the fewer channels, which a ratio
knows that is made with the correlation of the noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

import numpy as np

from tessellar.compiled import compiled
from tessellar.errors import UsageError
from tessellar.model import DoubleArray, IntArray, Payload

AXES = ("peak", "snr", "mean")
"""The axes of the parameter space: decimal logarithms of these, in units of the noise."""

FEWEST_NEGATIVES = 8  # below, they have no covariance worth the name
FEW_NEGATIVES = 50  # below, the densities are rough
MOST_VOICES = 2**16  # of either sign that make the densities: more say nothing new, and cost time squared
_THINNEST, _POINT = 1e-6, 1e-12  # least variance in any direction: part of that in all, and at all
_CUTOFF = 36.0  # squared distance in kernel widths beyond which a detection adds less than 2e-8


@dataclass(frozen=True)
class Reliability:
    """Keep the detections that are real with a given probability.

    Parameters
    ----------
    threshold
        Least reliability of a source that is kept, 0 to 1.
    scale_kernel
        Width of the kernels in units of the spread of the negative detections.
    min_snr
        Least integrated signal-to-noise ratio of a source that is kept, as SoFiA has it: the sum of the voxels over
        their noise times the square root of their number and of the beam's pixels. It is not the column ``snr``,
        which knows how the noise is correlated.

    Raises
    ------
    UsageError
        A parameter is out of range.
    """

    threshold: float = 0.9
    scale_kernel: float = 0.4
    min_snr: float = 3.0

    name = "reliability"

    def __post_init__(self) -> None:
        problems = []
        if not 0.0 <= self.threshold <= 1.0:
            problems.append(f"the threshold {self.threshold} is not between 0 and 1")
        if not (isfinite(self.scale_kernel) and self.scale_kernel > 0.0):
            problems.append(f"the kernel scale {self.scale_kernel} is not above 0")
        if not (isfinite(self.min_snr) and self.min_snr >= 0.0):
            problems.append(f"the least signal-to-noise ratio {self.min_snr} is below 0")
        if problems:
            raise UsageError("Reliability cannot be computed so: " + "; ".join(problems) + ".")

    def __call__(self, positive: Payload, negative: Payload, beam_area: float = 1.0) -> Judgement:
        """Return what is likely real.

        Parameters
        ----------
        positive, negative
            Measured columns of the detections of either sign, float64 arrays (n), sorted by ``id``:
            ``id``, ``f_min``, ``f_max``, ``mean``, ``n_pix``, ``rms`` and ``snr``.
        beam_area
            Pixels of a beam.
        """
        points, false_points = parameters(positive, 1.0), parameters(negative, -1.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            snr = positive["mean"] * np.sqrt(positive["n_pix"] / beam_area) / positive["rms"]
        judged = (snr >= self.min_snr) & np.isfinite(points).all(axis=1)
        false_points = false_points[np.isfinite(false_points).all(axis=1)]
        if len(false_points) < FEWEST_NEGATIVES:
            rel = np.where(judged, np.nan, 0.0)
            return Judgement(rel, judged, points, false_points, np.full((3, 3), np.nan))
        covariance = _covariance(false_points) * self.scale_kernel**2
        rel = np.zeros(len(points))
        finite = np.isfinite(points).all(axis=1)
        rows = np.flatnonzero(judged[finite])
        rel[judged] = _reliabilities(rows, points[finite], false_points, covariance)
        return Judgement(rel, judged & (rel >= self.threshold), points, false_points, covariance)


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """What the reliability of detections is, and why.

    Attributes
    ----------
    rel
        Reliability of the positive detections, float64 array (n): 0 where the signal-to-noise ratio is too low, NaN
        where there are too few negative detections to tell.
    kept
        Which of them are sources, bool array (n).
    points, negatives
        Where detections of either sign lie in the parameter space, float64 arrays (n, 3).
    covariance
        Of a kernel, float64 array (3, 3).
    """

    rel: DoubleArray
    kept: np.ndarray[tuple[int], np.dtype[np.bool_]]
    points: DoubleArray
    negatives: DoubleArray
    covariance: DoubleArray

    def doubts(self) -> list[str]:
        """Return in sentences why the reliabilities may not be worth much; empty when all is well."""
        n = len(self.negatives)
        if n < FEWEST_NEGATIVES:
            return [
                f"{n} negative detections are too few to tell how many of the positive ones are false: the "
                "reliability is unknown, and sources are cut by their signal-to-noise ratio alone. A lower --threshold "
                "gives more."
            ]
        if n < FEW_NEGATIVES:
            return [f"the reliabilities rest on {n} negative detections only, and are rough."]
        return []


def parameters(columns: Payload, sign: float) -> DoubleArray:
    """Return where detections lie in the parameter space, float64 array (n, 3); NaN where they have no place."""
    rms = np.asarray(columns["rms"], dtype=np.float64)
    peak = columns["f_max"] if sign > 0 else -columns["f_min"]
    mean = sign * columns["mean"] / rms
    with np.errstate(invalid="ignore", divide="ignore"):
        snr = np.where(mean > 0.0, columns["snr"], np.nan)
        return np.asarray(np.log10(np.stack([peak / rms, snr, mean], axis=1)), dtype=np.float64)


def _reliabilities(
    rows: IntArray, positive: DoubleArray, negative: DoubleArray, covariance: DoubleArray
) -> DoubleArray:
    """Return the part of the density of positive detections that negative ones do not explain, at some of these."""
    whiten = np.linalg.inv(np.linalg.cholesky(covariance)).T
    judged, densities = positive[rows], []
    for points in (positive, negative):
        step = _step(points)
        voices = np.ascontiguousarray(points[::step])
        density = _density(judged @ whiten, voices @ whiten)
        if step > 1:
            # a detection speaks for itself, and the voices for all others
            own = (rows % step == 0).astype(np.float64) if points is positive else 0.0
            itself = 1.0 if points is positive else 0.0
            density = itself + len(points) / len(voices) * (density - own)
        densities.append(density)
    return np.maximum(0.0, 1.0 - densities[1] / densities[0])


@compiled
def _density(places: DoubleArray, voices: DoubleArray) -> DoubleArray:
    """Return the sum of Gaussians of unit width around the voices, at each place; float64 arrays (n, 3)."""
    density = np.zeros(places.shape[0])
    for i in range(places.shape[0]):
        total = 0.0
        for j in range(voices.shape[0]):
            a = places[i, 0] - voices[j, 0]
            b = places[i, 1] - voices[j, 1]
            c = places[i, 2] - voices[j, 2]
            square = a * a + b * b + c * c
            if square < _CUTOFF:
                total += np.exp(-0.5 * square)
        density[i] = total
    return density


def _step(points: DoubleArray) -> int:
    """Return every how many-th point speaks in a density: each of them, or evenly spread ones of very many.

    Rows are sorted by id, so that every n-th row is a fair and repeatable choice.
    """
    return max(1, -(-len(points) // MOST_VOICES))


def _covariance(points: DoubleArray) -> DoubleArray:
    """Return the covariance of points, float64 array (3, 3), summed in an order that no library changes.

    Detections of one voxel lie on a line, for their peak is their mean: where points have no width, kernels have a
    little, or rounding would decide.
    """
    centred = points - points.mean(axis=0)
    rows = [[float((centred[:, i] * centred[:, j]).sum()) for j in range(3)] for i in range(3)]
    covariance = np.array(rows) / (len(points) - 1)
    least = max(_THINNEST * float(np.trace(covariance)), _POINT)
    thin = np.linalg.eigvalsh(covariance)[0] < least
    return covariance + least * np.eye(3) if thin else covariance
