"""The least-squares fit of some modes to the channels of one pixel that are not blank.

The modes are made orthonormal once, by the modified Gram-Schmidt process done twice (Giraud, Langou & Rozložník 2005,
Comput. Math. Appl. 50, 1069). With rows q_f of the orthonormal basis Q, the normal matrix of a pixel is then

    N = sum over good channels of q_f q_f^T = 1 - sum over blank channels of q_f q_f^T ,

whichever has fewer terms, and its entries are right to rounding in both forms. A pivot of its Cholesky factor is the
share of a mode that the good channels still tell apart from the modes before it.
"""

from __future__ import annotations

import math
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from tessellar.compiled import compiled, compiled_part
from tessellar.errors import UsageError
from tessellar.kernels.foregrounds.products import COLUMNS, ROWS, add_products, put_row, row, row_fused
from tessellar.lanes.room import aligned_doubles
from tessellar.model import DoubleArray

SMALLEST_PIVOT = 1e-6  # below which a mode is not determined by the channels that are left

IndexArray: TypeAlias = npt.NDArray[np.int32]

_DEPENDENT = 1e-12  # of the length of a column: what is left of one that follows from those before it


def orthonormal(columns: DoubleArray) -> tuple[DoubleArray, DoubleArray]:
    """Return Q, float64 array (frequency, mode), and upper triangular T with columns = Q T.

    Raises
    ------
    UsageError
        A column is a combination of those before it, or not finite.
    """
    basis = np.array(columns, dtype=np.float64, order="C")
    triangle = np.zeros((basis.shape[1], basis.shape[1]))
    dependent = _orthonormalise(basis, triangle) if np.isfinite(basis).all() else 0
    if dependent >= 0:
        raise UsageError(
            f"Mode {dependent} of {basis.shape[1]} is not finite, or a combination of those before it over "
            f"{len(basis)} channels; modes must be independent. Ask for fewer."
        )
    return basis, triangle


@compiled
def _orthonormalise(basis: DoubleArray, triangle: DoubleArray) -> int:
    """Make columns orthonormal in place; return the first that depends on those before it, -1 if none does."""
    n_channels, n_modes = basis.shape
    for k in range(n_modes):
        before = _length(basis, k)
        for _ in range(2):
            for j in range(k):
                along = 0.0
                for f in range(n_channels):
                    along += basis[f, j] * basis[f, k]
                triangle[j, k] += along
                for f in range(n_channels):
                    basis[f, k] -= along * basis[f, j]
        length = _length(basis, k)
        if not length > _DEPENDENT * before:
            return k
        triangle[k, k] = length
        for f in range(n_channels):
            basis[f, k] /= length
    return -1


@compiled_part
def _length(basis: DoubleArray, k: int) -> float:
    square = 0.0
    for f in range(basis.shape[0]):
        square += basis[f, k] * basis[f, k]
    return math.sqrt(square)


class Room(NamedTuple):
    """Where the normal matrix of a pixel is made.

    Attributes
    ----------
    terms
        The rows of the basis that it is a sum over, float64 array (channel, mode), padded with zeros.
    matrix
        float64 array (mode, mode), padded.
    column
        Of it, float64 array (1, mode), padded.
    """

    terms: DoubleArray
    matrix: DoubleArray
    column: DoubleArray


@compiled_part
def room_for(n_channels: int, n_modes: int) -> Room:
    """Return room for fits of modes to channels."""
    rows, columns = -(-n_modes // ROWS) * ROWS, -(-n_modes // COLUMNS) * COLUMNS
    terms = aligned_doubles(n_channels // 2 + 1, columns)
    terms[:] = 0.0
    return Room(terms, aligned_doubles(rows, columns), aligned_doubles(1, columns))


@compiled_part
def solve_pixel(
    basis: DoubleArray,
    n_modes: int,
    n_channels: int,
    blank: IndexArray,
    sums: DoubleArray,
    pixel: int,
    room: Room,
) -> None:
    """Turn Q^T d of a pixel, summed over its good channels, into the amplitudes of its fit.

    Parameters
    ----------
    basis
        Orthonormal over all used channels, float64 array (frequency, mode or more).
    n_modes
        How many of its columns are no padding.
    n_channels
        How many channels are used.
    blank
        Those that are blank in this pixel, ascending, int32 array.
    sums
        float64 array (mode, pixel), changed in one pixel, to NaN where the channels do not determine the fit.
    pixel
        Which one.
    room
        Changed.
    """
    _normal_matrix(basis, n_modes, n_channels, blank, room.terms, room.matrix)
    if _cholesky(room.matrix, n_modes, room.column):
        _substitute(room.matrix, n_modes, sums, pixel)
    else:
        sums[:n_modes, pixel] = np.nan


@compiled_part
def _normal_matrix(
    basis: DoubleArray,
    n_modes: int,
    n_channels: int,
    blank: IndexArray,
    terms: DoubleArray,
    matrix: DoubleArray,
) -> None:
    """Make N from the blank channels, or from the good ones if these are fewer."""
    by_blank = 2 * blank.size < n_channels
    channels = blank if by_blank else _others(blank, n_channels)
    n = channels.size
    for i in range(n):
        for k in range(n_modes):
            terms[i, k] = basis[channels[i], k]
    matrix[:] = 0.0
    add_products(terms[:n], terms[:n], np.zeros(n), matrix)
    if by_blank:
        for k in range(n_modes):
            for j in range(n_modes):
                matrix[k, j] = (1.0 if j == k else 0.0) - matrix[k, j]


@compiled_part
def _others(blank: IndexArray, n_channels: int) -> IndexArray:
    """Return the channels that are not listed, ascending."""
    good = np.empty(n_channels - blank.size, np.int32)
    i, j = 0, 0
    for f in range(n_channels):
        if j < blank.size and blank[j] == f:
            j += 1
        else:
            good[i] = f
            i += 1
    return good


@compiled_part
def _cholesky(matrix: DoubleArray, n: int, column: DoubleArray) -> bool:
    """Replace the lower triangle by its Cholesky factor, column by column; False where a pivot is too small."""
    column[:] = 0.0
    for k in range(n):
        pivot = matrix[k, k]
        if not pivot > SMALLEST_PIVOT:
            return False
        root = math.sqrt(pivot)
        matrix[k, k], column[0, k] = root, 0.0
        for i in range(k + 1, n):
            column[0, i] = matrix[i, k] = matrix[i, k] / root
        for i in range(k + 1, n):  # whole rows: the column has zeros where they are done
            for j in range(0, matrix.shape[1], COLUMNS):
                put_row(matrix, i, j, row_fused(-column[0, i], row(column, 0, j), row(matrix, i, j)))
    return True


@compiled_part
def _substitute(factor: DoubleArray, n: int, sums: DoubleArray, pixel: int) -> None:
    """Solve for the amplitudes of a pixel, in place."""
    found = np.empty(n)
    for k in range(n):
        found[k] = sums[k, pixel]
    for k in range(n):
        found[k] /= factor[k, k]
        for i in range(k + 1, n):
            found[i] -= factor[i, k] * found[k]
    for k in range(n - 1, -1, -1):
        found[k] /= factor[k, k]
        for j in range(k):
            found[j] -= factor[k, j] * found[k]
    for k in range(n):
        sums[k, pixel] = found[k]
