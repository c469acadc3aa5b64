"""The best guess of a spectrum without its foregrounds, when all of it are Gaussian processes; and how wrong it may be.

With B the covariance of signal and noise and K that of everything, the residual of a spectrum d is B K⁻¹ d. The same
thing as d - K_fg K⁻¹ d, but that is the small difference of large numbers: it loses the digits that matter.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from tessellar.kernels.foregrounds.complement import Complement
from tessellar.model import DoubleArray


def residual_matrix(
    foreground: DoubleArray, rest: DoubleArray, complement: Complement | None = None
) -> DoubleArray:
    """Return R = B K⁻¹, or B Q (QᵀKQ)⁻¹ Qᵀ where what Q leaves out has a flat prior.

    Parameters
    ----------
    foreground
        Covariance of the foregrounds, float64 array (frequency, frequency).
    rest
        B: that of signal and noise.
    complement
        Q.

    Raises
    ------
    numpy.linalg.LinAlgError
        The sum of both is no covariance.
    """
    model = foreground + rest
    if complement is None:
        return np.asarray(cho_solve(cho_factor(model, lower=True), rest).T)
    spectra = complement.spectra
    factor = cho_factor(complement.compress(model), lower=True)
    return np.asarray(rest @ spectra @ cho_solve(factor, spectra.T))


def left_over(residual: DoubleArray, rest: DoubleArray) -> DoubleArray:
    """Return the covariance of the foregrounds that stay in the residual, B - R B, as an array like these.

    It is made symmetric and free of negative eigenvalues, which rounding may leave.
    """
    raw = rest - residual @ rest
    values, vectors = np.linalg.eigh(0.5 * (raw + raw.T))
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    return np.asarray(root @ root.T)
