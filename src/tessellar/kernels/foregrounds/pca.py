"""Foregrounds as the few principal components that hold nearly all of the variance of a cube."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tessellar.errors import UsageError
from tessellar.kernels.foregrounds.operator import SpectralOperator
from tessellar.kernels.foregrounds.separated import Separated, WithoutMaps, leave_some
from tessellar.kernels.foregrounds.statistics import SpectralStatistics
from tessellar.model import DoubleArray, FloatArray

AUTO = 0  # the number of modes is told by the eigenvalues
ABOVE_TAIL = 3.0  # an eigenvalue this many times the tail's is a foreground's
_TAIL = (0.15, 0.6)  # the part of the eigenvalues, by number, through which the tail is drawn
_FEWEST_TAIL = 5


@dataclass(frozen=True, slots=True)
class PCA(WithoutMaps):
    """Remove the leading principal components of the channels' covariance.

    Parameters
    ----------
    modes
        How many; 0 counts the eigenvalues that stand out of the tail (see `count_modes`).

    Raises
    ------
    UsageError
        The number is negative.

    References
    ----------
    Alonso et al. 2015, MNRAS 447, 400; Cunnington et al. 2021, MNRAS 504, 208.
    """

    modes: int = 4

    name: ClassVar[str] = "pca"

    def __post_init__(self) -> None:
        if self.modes < 0:
            raise UsageError(
                f"{self.modes} modes cannot be removed. Give 1 or more, or 0 to have them counted."
            )

    def operator(
        self,
        statistics: SpectralStatistics,
        maps: FloatArray | None = None,  # noqa: ARG002
        basis: DoubleArray | None = None,
    ) -> Separated:
        """Return the projection, and the share of the variance that each mode holds.

        Raises
        ------
        UsageError
            There are no more channels than modes.
        """
        values, vectors = principal_modes(statistics.covariance) if basis is None else (np.empty(0), basis)
        modes = self.modes or count_modes(values)
        leave_some(modes, len(statistics.mean))
        operator = SpectralOperator(statistics.mean, basis=np.ascontiguousarray(vectors[:, :modes]))
        counted = {"counted": "by the eigenvalues"} if not self.modes else {}
        return Separated(operator, modes, {"modes": float(modes), **counted})


def principal_modes(covariance: DoubleArray) -> tuple[DoubleArray, DoubleArray]:
    """Return eigenvalues, descending, and eigenvectors of a covariance.

    The sign of a vector is such that its largest component is positive.

    Returns
    -------
    tuple
        float64 arrays (mode) and (frequency, mode).
    """
    values, vectors = np.linalg.eigh(covariance)
    values, vectors = values[::-1], vectors[:, ::-1]
    largest = vectors[np.argmax(np.abs(vectors), axis=0), np.arange(vectors.shape[1])]
    return values, vectors * np.where(largest < 0, -1.0, 1.0)


def count_modes(values: DoubleArray) -> int:
    """Return how many eigenvalues stand out of the tail that signal and noise make.

    The tail is a straight line in the logarithm of the eigenvalue against its number, through the numbers from 15 to
    60 per cent; a foreground's mode lies three times above it. At least one mode is counted.

    Parameters
    ----------
    values
        Eigenvalues, descending, float64 array (mode).
    """
    tail, first = tail_of(values)
    if tail is None:
        return 1
    above = _logs(values) > tail + np.log(ABOVE_TAIL)
    return max(1, int(np.argmin(above[:first])) if not above[:first].all() else first)


def tail_of(values: DoubleArray) -> tuple[DoubleArray | None, int]:
    """Return the tail of eigenvalues that `count_modes` draws, and the first number that it is drawn through.

    Parameters
    ----------
    values
        Eigenvalues, descending, float64 array (mode).

    Returns
    -------
    tail
        Natural logarithm of the tail at each number, float64 array (mode); None where there are too few eigenvalues.
    first
        Counted from 0.
    """
    n = len(values)
    first, stop = int(_TAIL[0] * n), int(np.ceil(_TAIL[1] * n))
    if stop - first < _FEWEST_TAIL:
        return None, first
    numbers = np.arange(n)
    slope, level = np.polyfit(numbers[first:stop], _logs(values)[first:stop], 1)
    return slope * numbers + level, first


def _logs(values: DoubleArray) -> DoubleArray:
    return np.log(np.maximum(values, np.finfo(np.float64).tiny))
