"""Foregrounds as the few principal components that hold nearly all of the variance of a cube."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tessellar.errors import UsageError
from tessellar.kernels.foregrounds.operator import SpectralOperator
from tessellar.kernels.foregrounds.separated import Separated, WithoutMaps, leave_some
from tessellar.kernels.foregrounds.statistics import SpectralStatistics
from tessellar.kernels.whole import whole
from tessellar.model import DoubleArray, FloatArray

AUTO = 0  # the number of modes is told by the eigenvalues
ABOVE_TAIL = 2.0  # an eigenvalue this many times the tail behind it is a foreground's
_TAIL = 6  # eigenvalues through which the tail is drawn
_SEARCHED = 0.15  # of the eigenvalues, by number: no foregrounds are looked for behind


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
        object.__setattr__(self, "modes", whole("modes", self.modes))
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
    """Return how many eigenvalues stand out of the tail that signal and noise make; at least one.

    Eigenvalues of foregrounds fall steeply, those of a signal gently, however red it is. An eigenvalue stands out when
    it is twice as high as a straight line in the logarithm through the six behind it says; the last one that does, and
    all before it, are foregrounds'.

    Parameters
    ----------
    values
        Eigenvalues, descending, float64 array (mode).
    """
    return max(1, tail_of(values)[1])


def tail_of(values: DoubleArray) -> tuple[DoubleArray | None, int]:
    """Return the tail behind the eigenvalues of foregrounds, and how many stand out of it.

    Parameters
    ----------
    values
        Eigenvalues, descending, float64 array (mode).

    Returns
    -------
    tail
        Natural logarithm of the line through the six eigenvalues behind those of foregrounds, from the first number to
        the last of the six, float64 array (mode); None where there are too few eigenvalues.
    number
        How many stand out; 0 for none.
    """
    logs, number = _logs(values), 0
    if len(values) <= _TAIL:
        return None, 0
    for place in range(min(max(1, int(_SEARCHED * len(values))), len(values) - _TAIL)):
        if logs[place] > _line(logs, place + 1)[place] + np.log(ABOVE_TAIL):
            number = place + 1
    return _line(logs, min(number, len(values) - _TAIL)), number


def _line(logs: DoubleArray, first: int) -> DoubleArray:
    """Return the straight line through six numbers from one on, from the first of all to the last of the six."""
    numbers = np.arange(first, first + _TAIL)
    slope, level = np.polyfit(numbers, logs[numbers], 1)
    return np.asarray(slope * np.arange(first + _TAIL) + level)


def _logs(values: DoubleArray) -> DoubleArray:
    return np.log(np.maximum(values, np.finfo(np.float64).tiny))
