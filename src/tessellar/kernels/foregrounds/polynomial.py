"""Foregrounds as a polynomial of low degree in the logarithm of frequency, fitted to each pixel by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tessellar.errors import UsageError
from tessellar.kernels.foregrounds.legendre import polynomials
from tessellar.kernels.foregrounds.operator import SpectralOperator
from tessellar.kernels.foregrounds.separated import Separated, WithoutMaps
from tessellar.kernels.foregrounds.statistics import SpectralStatistics
from tessellar.kernels.whole import whole
from tessellar.model import DoubleArray, FloatArray

MAX_DEGREE = 20


@dataclass(frozen=True, slots=True)
class Polynomial(WithoutMaps):
    """Brightness as a Legendre series in log frequency, least squares over the voxels that are not blank.

    Parameters
    ----------
    degree
        Of the polynomial; it takes ``degree + 1`` modes out of each spectrum.

    Raises
    ------
    UsageError
        The degree is out of range.
    """

    degree: int = 3

    name: ClassVar[str] = "poly"
    learns: ClassVar[bool] = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "degree", whole("degree", self.degree))
        if not 0 <= self.degree <= MAX_DEGREE:
            raise UsageError(f"The degree of a polynomial is {self.degree}, needed is 0 to {MAX_DEGREE}.")

    def operator(
        self,
        statistics: SpectralStatistics,
        maps: FloatArray | None = None,  # noqa: ARG002
        basis: DoubleArray | None = None,  # noqa: ARG002
    ) -> Separated:
        """Return the fit as a filter; of the statistics only the frequencies are used.

        Raises
        ------
        UsageError
            There are fewer channels than the polynomial has terms.
        """
        n_channels = len(statistics.frequencies)
        if self.degree + 1 >= n_channels:
            raise UsageError(
                f"A polynomial of degree {self.degree} leaves nothing of {n_channels} channels. "
                f"Use a degree below {n_channels - 1}."
            )
        terms = polynomials(statistics.frequencies, self.degree)
        operator = SpectralOperator(np.zeros(n_channels), basis=terms)
        return Separated(operator, self.degree + 1, {"degree": float(self.degree)})
