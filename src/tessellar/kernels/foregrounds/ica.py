"""Independent components: the mixture of principal components whose maps are least like Gaussian noise.

FastICA of Hyvärinen & Oja 2000, Neural Networks 13, 411, with symmetric decorrelation. It turns the axes within the
space of the principal components, so that what is left of a cube is the same as without it; what it gives are
spectra and maps of the components that look like single foregrounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tessellar.errors import InputError, UsageError
from tessellar.kernels.foregrounds.mixing import ordered
from tessellar.kernels.foregrounds.operator import SpectralOperator
from tessellar.kernels.foregrounds.separated import Report, Separated, leave_some
from tessellar.kernels.foregrounds.statistics import SpectralStatistics
from tessellar.kernels.whole import whole
from tessellar.model import DoubleArray, FloatArray

CONTRASTS = ("logcosh", "cubic")
_BLOCK = 2**16  # pixels that are worked on at a time


@dataclass(frozen=True, slots=True)
class FastICA:
    """Foregrounds as independent components.

    Parameters
    ----------
    modes
        How many, 1 to 64.
    contrast
        What tells independent from mixed: ``logcosh``, or ``cubic`` (the kurtosis), which outliers disturb more.
    iterations
        At most.
    tolerance
        The cosine by which no axis may miss 1 from one iteration to the next.

    Raises
    ------
    UsageError
        A parameter is out of range.
    """

    modes: int = 4
    contrast: str = "logcosh"
    iterations: int = 500
    tolerance: float = 1e-9

    name: ClassVar[str] = "ica"

    def __post_init__(self) -> None:
        for name in ("modes", "iterations"):
            object.__setattr__(self, name, whole(name, getattr(self, name)))
        problems = []
        if not 1 <= self.modes <= 64:
            problems.append(f"{self.modes} modes are not 1 to 64")
        if self.contrast not in CONTRASTS:
            problems.append(f"the contrast {self.contrast!r} is not one of {', '.join(CONTRASTS)}")
        if not self.iterations >= 1:
            problems.append(f"{self.iterations} iterations are less than 1")
        if not 0.0 < self.tolerance < 1.0:
            problems.append(f"the tolerance {self.tolerance} is not between 0 and 1")
        if problems:
            raise UsageError("Independent components cannot be found so: " + "; ".join(problems) + ".")

    def map_modes(self, n_channels: int) -> int:
        """Return of how many principal components it needs the maps."""
        return min(self.modes, n_channels)

    def map_bytes(self, sky: tuple[int, int], n_channels: int) -> int:
        """Return the memory of the maps in double precision: given, without blanks, whitened."""
        return 3 * 8 * self.map_modes(n_channels) * sky[0] * sky[1]

    def operator(
        self, statistics: SpectralStatistics, maps: FloatArray | None, basis: DoubleArray | None
    ) -> Separated:
        """Return the filter for a cube: the spectra of the independent components.

        Raises
        ------
        UsageError
            Maps or basis are missing, or there are no more channels than modes.
        InputError
            The maps have too few pixels, or are not different from each other.
        """
        if maps is None or basis is None:
            raise UsageError("Independent components need the maps and spectra of the principal components.")
        leave_some(len(maps), len(statistics.mean))
        found = self.independent(maps.reshape(len(maps), -1).astype(np.float64))
        filtered = SpectralOperator(statistics.mean, basis=basis @ found.mixing)
        report: Report = {"modes": len(maps), "iterations": found.n_iterations, "converged": found.converged}
        doubts = (
            ()
            if found.converged
            else (
                f"independent components did not settle within {found.n_iterations} iterations: some may be Gaussian. "
                "What is left of the cube does not depend on it.",
            )
        )
        return Separated(filtered, len(maps), report, doubts)

    def independent(self, maps: DoubleArray) -> IndependentMaps:
        """Return how independent components mix to the maps, float64 array (mode, pixel); blank pixels are left out."""
        white, unwhiten = _whitened(maps[:, np.isfinite(maps).all(axis=0)])
        turn, n, converged = _start(len(maps)), 0, False
        while n < self.iterations and not converged:
            following = _orthonormal(self._turned(white, turn))
            change = 1.0 - np.abs(np.einsum("ij,ij->i", following, turn)).min()
            turn, n, converged = following, n + 1, bool(change < self.tolerance)
        return IndependentMaps(ordered(unwhiten @ turn.T, np.ones(len(maps))), n, converged)

    def _turned(self, white: DoubleArray, turn: DoubleArray) -> DoubleArray:
        """Return E[g(Wz) zᵀ] - diag(E[g'(Wz)]) W, summed block by block in the order of the pixels."""
        gain, slope = np.zeros_like(turn), np.zeros(len(turn))
        for start in range(0, white.shape[1], _BLOCK):
            block = white[:, start : start + _BLOCK]
            sources = turn @ block
            if self.contrast == "logcosh":
                bent = np.tanh(sources)
                slope += (1.0 - bent**2).sum(axis=1)
            else:
                bent = sources**3
                slope += (3.0 * sources**2).sum(axis=1)
            gain += bent @ block.T
        return np.asarray((gain - slope[:, None] * turn) / white.shape[1])


@dataclass(frozen=True, slots=True, eq=False)
class IndependentMaps:
    """How maps are mixed from independent ones of variance 1.

    Attributes
    ----------
    mixing
        float64 array (mode, mode): maps = mixing @ independent maps. Columns are sorted by length, the longest first,
        and their largest element is positive.
    n_iterations
        How many it took.
    converged
        Whether the axes came to rest.
    """

    mixing: DoubleArray
    n_iterations: int
    converged: bool


def _whitened(maps: DoubleArray) -> tuple[DoubleArray, DoubleArray]:
    """Return maps of mean 0 and variance 1 without correlation, and the matrix that leads back."""
    n_modes, n_pixels = maps.shape
    if n_pixels <= n_modes:
        raise InputError(f"{n_pixels} pixels with data are too few for {n_modes} independent components.")
    centred = maps - maps.mean(axis=1, keepdims=True)
    values, vectors = np.linalg.eigh(centred @ centred.T / n_pixels)
    if not values[0] > 1e-15 * values[-1] > 0.0:
        raise InputError(
            f"The maps of {n_modes} principal components hold less than {n_modes} different ones; take fewer modes."
        )
    return (vectors / np.sqrt(values)).T @ centred, vectors * np.sqrt(values)


def _start(n_modes: int) -> DoubleArray:
    """Return axes that favour no component: a fixed orthonormal matrix without symmetry."""
    i = np.arange(1.0, n_modes + 1.0)
    return np.asarray(np.linalg.qr(np.sin(i[:, None] * 2**0.5 + i[None, :] * 3**0.5 + np.outer(i, i)))[0])


def _orthonormal(matrix: DoubleArray) -> DoubleArray:
    """Return the nearest matrix with orthonormal rows, (M Mᵀ)^-½ M."""
    left, _, right = np.linalg.svd(matrix)
    return np.asarray(left @ right)
