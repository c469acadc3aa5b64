"""The filter along frequency that a separation comes down to: what it takes out of the spectrum of each pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from tessellar.errors import UsageError
from tessellar.model import DoubleArray

N = TypeVar("N", np.float64, np.complex128)


@dataclass(frozen=True, slots=True, eq=False)
class SpectralOperator:
    """Foreground and residual of a spectrum d: mean + U a and d - mean - U a, or R (d - mean) for the residual.

    With a ``basis`` the amplitudes a are those of a least-squares fit to the voxels of the pixel that are not blank,
    so blank voxels need no value. With a ``residual`` matrix, blank voxels are filled by a smooth fit first.

    Attributes
    ----------
    mean
        Subtracted first, float64 array (frequency).
    basis
        Columns U, float64 array (frequency, mode); they need not be orthogonal. None with a ``residual`` matrix.
    residual
        Matrix R, float64 array (frequency, frequency); None with a ``basis``.

    Raises
    ------
    UsageError
        Not exactly one of ``basis`` and ``residual`` is given, or the shapes differ.
    """

    mean: DoubleArray
    basis: DoubleArray | None = None
    residual: DoubleArray | None = None

    def __post_init__(self) -> None:
        if (self.basis is None) == (self.residual is None):
            raise UsageError("A spectral operator has either a basis or a residual matrix.")
        given = self.residual if self.basis is None else self.basis
        if given is None or given.ndim != 2 or len(given) != len(self.mean):
            raise UsageError(f"A spectral operator for {len(self.mean)} channels needs that many rows.")


def residual_of(operator: SpectralOperator, values: npt.NDArray[N]) -> npt.NDArray[N]:
    """Return what an operator leaves of spectra without a blank whose mean is zero.

    Parameters
    ----------
    operator
        The filter.
    values
        float64 or complex128 array (frequency, spectrum).
    """
    if operator.residual is not None:
        return np.asarray(operator.residual @ values)
    basis, _ = np.linalg.qr(np.asarray(operator.basis))
    return np.asarray(values - basis @ (basis.T @ values))
