"""The leading modes of a cube with thousands of channels, whose full covariance would be too large to form.

The randomised range finder of Halko, Martinsson & Tropp (2011, SIAM Review 53, 217), in two passes that add up over
blocks of pixels. With D the deviations of all spectra from a centre, less their mean, and Omega random numbers,

    pass 1:  Y = D Omega,  Q = an orthonormal basis of Y
    pass 2:  Z = C Q,      where C = D D^T / n is the covariance

and the modes are those of the Nystrom approximation C ~ Z (Q^T Z)^-1 Z^T, in the stable form of Tropp et al. (2017,
NIPS 30, "Fixed-rank approximation of a positive-semidefinite matrix from streaming data"). They lie in the range of
C Q, one power iteration beyond Q: in Q alone, a mode whose eigenvalue is r times that of the noise is off by about
sqrt(F / r) for F channels, in C Q by that over r.

The numbers of Omega belong to a pixel's place in the cube, so that blocks may be cut in any way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tessellar.errors import InputError, UsageError
from tessellar.kernels.foregrounds.fill import Filled
from tessellar.kernels.foregrounds.random_numbers import deviates
from tessellar.model import DoubleArray, IntArray, Payload

OVERSAMPLING = 10  # columns beyond the modes that are asked for


@dataclass(frozen=True, slots=True, eq=False)
class Modes:
    """The leading modes of the covariance.

    Attributes
    ----------
    mean
        Mean spectrum, float64 array (frequency).
    basis
        Orthonormal columns, the strongest first, float64 array (frequency, mode).
    eigenvalues
        Variance along each, descending, in the cube's unit squared, float64 array (mode).
    n_pixels
        How many pixels took part.
    """

    mean: DoubleArray
    basis: DoubleArray
    eigenvalues: DoubleArray
    n_pixels: int


@dataclass(frozen=True, slots=True, eq=False)
class Sketch:
    """Sums of the first pass, which add up over blocks.

    Attributes
    ----------
    n_pixels
        How many pixels.
    first
        Sum of d - c, float64 array (frequency).
    omega
        Sum of the random numbers, float64 array (column).
    products
        Sum of (d - c) omega^T, float64 array (frequency, column).
    """

    n_pixels: int
    first: DoubleArray
    omega: DoubleArray
    products: DoubleArray

    @classmethod
    def of_block(
        cls, filled: Filled, centre: DoubleArray, pixels: IntArray, columns: int, seed: int = 0
    ) -> Sketch:
        """Return the sums of a block.

        Parameters
        ----------
        filled
            Spectra without a gap.
        centre
            c, the same for all blocks, close to their mean, float64 array (frequency).
        pixels
            Number of each pixel in the whole cube, such as l times the length of m plus m, int64 array (pixel).
        columns
            How many random numbers a pixel has: the modes that are wanted and `OVERSAMPLING`, not more than there
            are channels.
        seed
            Chooses the random numbers.
        """
        deviations = filled.about(centre)
        omega = deviates(np.asarray(pixels, dtype=np.int64)[filled.kept], columns, seed)
        return cls(deviations.shape[1], deviations.sum(axis=1), omega.sum(axis=0), deviations @ omega)

    def merge(self, other: Sketch) -> Sketch:
        """Return the sums over the pixels of both; they must have one centre and one seed."""
        return Sketch(
            self.n_pixels + other.n_pixels,
            self.first + other.first,
            self.omega + other.omega,
            self.products + other.products,
        )

    def basis(self) -> DoubleArray:
        """Return Q, orthonormal float64 array (frequency, column): what the second pass needs.

        Raises
        ------
        InputError
            There are fewer pixels than columns.
        """
        _check(self.n_pixels, len(self.omega), len(self.first))
        offset = self.first / self.n_pixels
        return np.asarray(np.linalg.qr(self.products - np.outer(offset, self.omega))[0], dtype=np.float64)

    def payload(self) -> Payload:
        """Return the sums as arrays."""
        return {
            "n_pixels": np.array(self.n_pixels, dtype=np.int64),
            "first": self.first,
            "omega": self.omega,
            "products": self.products,
        }

    @classmethod
    def from_payload(cls, payload: Payload) -> Sketch:
        """Return the sums that `payload` gave."""
        return cls(int(payload["n_pixels"]), payload["first"], payload["omega"], payload["products"])


@dataclass(frozen=True, slots=True, eq=False)
class Refinement:
    """Sums of the second pass, which add up over blocks.

    Attributes
    ----------
    n_pixels
        How many pixels.
    first
        Sum of d - c, float64 array (frequency).
    products
        Sum of (d - c) (d - c)^T Q, float64 array (frequency, column).
    """

    n_pixels: int
    first: DoubleArray
    products: DoubleArray

    @classmethod
    def of_block(cls, filled: Filled, centre: DoubleArray, basis: DoubleArray) -> Refinement:
        """Return the sums of a block, for the ``basis`` of the first pass; as for `Sketch.of_block`."""
        deviations = filled.about(centre)
        return cls(deviations.shape[1], deviations.sum(axis=1), deviations @ (basis.T @ deviations).T)

    def merge(self, other: Refinement) -> Refinement:
        """Return the sums over the pixels of both; they must have one centre and one basis."""
        return Refinement(
            self.n_pixels + other.n_pixels, self.first + other.first, self.products + other.products
        )

    def modes(self, centre: DoubleArray, basis: DoubleArray, n_modes: int) -> Modes:
        """Return the leading modes of the covariance.

        Parameters
        ----------
        centre, basis
            As they were for the blocks.
        n_modes
            How many; ten fewer than the basis has columns, for the last to be right.

        Raises
        ------
        InputError
            There are fewer pixels than columns.
        UsageError
            More modes are asked for than the basis has columns.
        """
        columns = basis.shape[1]
        _check(self.n_pixels, columns, len(self.first))
        if not 0 <= n_modes <= columns:
            raise UsageError(
                f"{n_modes} modes are asked for, but the basis has {columns} columns. Ask for fewer, or sketch more."
            )
        offset = self.first / self.n_pixels
        products = self.products / self.n_pixels - np.outer(offset, offset @ basis)
        vectors, eigenvalues = _nystrom(products, basis)
        return Modes(centre + offset, vectors[:, :n_modes], eigenvalues[:n_modes], self.n_pixels)

    def payload(self) -> Payload:
        """Return the sums as arrays."""
        return {
            "n_pixels": np.array(self.n_pixels, dtype=np.int64),
            "first": self.first,
            "products": self.products,
        }

    @classmethod
    def from_payload(cls, payload: Payload) -> Refinement:
        """Return the sums that `payload` gave."""
        return cls(int(payload["n_pixels"]), payload["first"], payload["products"])


def _check(n_pixels: int, columns: int, channels: int) -> None:
    if columns > channels:
        raise UsageError(f"{columns} columns are more than the {channels} channels. Ask for fewer modes.")
    if n_pixels <= columns:
        raise InputError(
            f"{n_pixels} pixels have enough good channels, and {columns} columns need more pixels than that. Ask for "
            "fewer modes, or look at the flags."
        )


def _nystrom(products: DoubleArray, basis: DoubleArray) -> tuple[DoubleArray, DoubleArray]:
    """Return eigenvectors and eigenvalues, descending, of Z (Q^T Z)^-1 Z^T; the small shift keeps the root real."""
    shift = np.finfo(np.float64).eps * np.linalg.norm(products)
    shifted = products + shift * basis
    small = basis.T @ shifted
    values, vectors = np.linalg.eigh(0.5 * (small + small.T))
    good = values > shift
    root = shifted @ (vectors[:, good] / np.sqrt(values[good]))
    left, singular, _ = np.linalg.svd(root, full_matrices=False)
    return left, np.maximum(singular**2 - shift, 0.0)
