"""Taking the foreground out of the spectrum of every pixel, whatever other pixels come with it.

For a basis the amplitudes of a pixel are those of a least-squares fit to its good channels,

    a = (U^T W U)^-1 U^T W (d - mean),  foreground = mean + U a,  residual = d - foreground,

with weights W of one for good voxels and zero for blank ones. The basis is made orthonormal first, U = Q T, so that
spectra without a blank need two products only, Q^T (d - mean) and Q of that. For a matrix R, blank voxels are filled
(see `fill_blanks`), and then residual = R (d - mean).

Sums run over channels in ascending order, in float64, side by side for the pixels of a strip: the bits of a pixel are
a function of its own spectrum.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt

from tessellar.errors import UsageError
from tessellar.kernels.foregrounds.by_basis import separate_by_basis
from tessellar.kernels.foregrounds.by_matrix import SPECTRUM_BYTES, grouped, separate_by_matrix
from tessellar.kernels.foregrounds.fill import DEGREE, smooth_basis
from tessellar.kernels.foregrounds.least_squares import orthonormal
from tessellar.kernels.foregrounds.operator import SpectralOperator
from tessellar.kernels.foregrounds.products import padded
from tessellar.kernels.foregrounds.strips import strip_width, wide_enough
from tessellar.lanes.room import LINE
from tessellar.model import DoubleArray, FloatArray, IntArray, MemoryUse
from tessellar.tiling.box import Shape

_NOTHING: FloatArray = np.empty((0, 0), np.float32)  # for a result that is not asked


@dataclass(frozen=True, slots=True, eq=False)
class Separated:
    """What was asked of a separation; None what was not.

    Attributes
    ----------
    residual
        Spectra without foreground, float32 array (frequency, l, m), blank where the cube is.
    foreground
        float32 array (frequency, l, m); blank voxels of the cube have the value of the fit here.
    amplitudes
        How strong each mode is, float32 array (mode, l, m).
    """

    residual: FloatArray | None
    foreground: FloatArray | None
    amplitudes: FloatArray | None


class Projection:
    """An operator made ready for blocks of spectra, once a worker.

    A pixel is blank in all results where too few of its channels are good: fewer than the modes and four, or so few
    that some mode could not be told from the others; with a matrix, where `fill_blanks` drops it. Channels that are
    not used are blank in residual and foreground.

    Parameters
    ----------
    operator
        What to take out, for the used channels.
    used
        Which channels of the cube the operator has, bool array (frequency).
    x
        Place of all channels of the cube in [-1, 1], see `scaled_log_frequency`, float64 array (frequency).
    degree
        Of the polynomial that fills blank voxels for a matrix.

    Raises
    ------
    UsageError
        Operator and channels do not go together, or the modes depend on each other.
    """

    def __init__(
        self, operator: SpectralOperator, used: npt.NDArray[np.bool_], x: DoubleArray, degree: int = DEGREE
    ) -> None:
        self.operator = operator
        self._channels = np.flatnonzero(used).astype(np.int64)
        self._unused = np.flatnonzero(~np.asarray(used))
        self._n_channels = len(used)
        if len(operator.mean) != len(self._channels) or len(x) != len(used):
            raise UsageError(
                f"The operator has {len(operator.mean)} channels, but {len(self._channels)} of the cube's "
                f"{len(used)} are used and {len(x)} have a place. Make it from the statistics of this cube."
            )
        self._mean = np.ascontiguousarray(operator.mean, dtype=np.float64)
        self._coefficients = degree + 1
        self._width = strip_width((4 if operator.residual is None else SPECTRUM_BYTES) * len(self._channels))
        self._smooth, self._triangle = np.empty((0, 0)), np.empty((0, 0))
        if operator.basis is not None:
            basis, self._triangle = orthonormal(operator.basis)
            self._matrix = padded(basis)
        elif operator.residual is not None:
            self._matrix = grouped(operator.residual)
            self._smooth = smooth_basis(np.asarray(x, dtype=np.float64)[self._channels], degree)

    @property
    def channels(self) -> IntArray:
        """The channels of the cube that take part, ascending."""
        return self._channels

    def residual(self, block: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return spectra without foreground, float32 array (frequency, l, m).

        Parameters
        ----------
        block
            As for `separate`.
        out
            As for `separate`.

        Raises
        ------
        UsageError
            As for `separate`.
        """
        return self._separate(block, (True, False, False), out)[0]

    def foreground(self, block: FloatArray) -> FloatArray:
        """Return the foreground of spectra, float32 array (frequency, l, m)."""
        return self._separate(block, (False, True, False))[1]

    def amplitudes(self, block: FloatArray) -> FloatArray:
        """Return how strong the modes are in spectra, float32 array (mode, l, m)."""
        return self._separate(block, (False, False, True))[2]

    def separate(
        self,
        block: FloatArray,
        *,
        residual: bool = True,
        foreground: bool = False,
        amplitudes: bool = False,
        out: FloatArray | None = None,
    ) -> Separated:
        """Return what is asked of a block of spectra, from one fit.

        Parameters
        ----------
        block
            All channels of some pixels, float32 array (frequency, l, m); what is not finite is blank.
        residual, foreground, amplitudes
            What is asked.
        out
            Where to write the residual, a C-contiguous float32 array of the shape of the block; the block itself
            where its spectra are not needed any more. New memory is otherwise taken, and the system takes about as
            long to provide it as the kernel to fill it.

        Raises
        ------
        UsageError
            The block has another number of channels than the cube, amplitudes are asked of a matrix, or ``out`` has
            another shape.
        """
        asked = (residual, foreground, amplitudes)
        found = self._separate(block, asked, out)
        return Separated(*(made if wanted else None for made, wanted in zip(found, asked, strict=True)))

    def memory(self, shape: Shape, *, outputs: int = 1) -> MemoryUse:
        """Return the bytes for a block of ``shape`` beyond the block itself: results, the matrix, and a strip."""
        z, x, y = shape
        strip = (
            self._width * len(self._channels) * (4 + 4 + 8)
        )  # spectra, the list of their blanks, filled spectra
        return MemoryUse(host=4 * outputs * z * x * y + self._matrix.nbytes + strip)

    def _separate(
        self, block: FloatArray, asked: tuple[bool, bool, bool], out: FloatArray | None = None
    ) -> list[FloatArray]:
        """Return residual, foreground and amplitudes, those that are not asked without any voxel."""
        if block.ndim != 3 or len(block) != self._n_channels:
            raise UsageError(
                f"The block has shape {block.shape}; needed are all {self._n_channels} channels of some pixels, "
                "(frequency, l, m). Read whole spectra."
            )
        by_matrix = self.operator.basis is None
        if by_matrix and asked[2]:
            raise UsageError(
                "A residual matrix has no modes, so no amplitudes. Ask for residual or foreground."
            )
        sky, n_pixels = block.shape[1:], prod(block.shape[1:])
        spectra = wide_enough(
            np.ascontiguousarray(block, dtype=np.float32).reshape(len(block), n_pixels), self._width
        )
        lengths = (len(block), len(block), len(self._triangle))
        there = _checked(out, block).reshape(len(block), n_pixels) if out is not None and asked[0] else None
        direct = there if n_pixels == spectra.shape[1] else None
        made = [
            _beside(spectra, n) if wanted else _NOTHING
            for n, wanted in zip(lengths, (asked[0] and direct is None, *asked[1:]), strict=True)
        ]
        if direct is not None:
            made[0] = direct
        for cube, wanted in zip(made[:2], asked[:2], strict=True):
            if wanted:
                cube[self._unused] = np.nan
        given = (spectra, self._channels, self._mean, self._matrix)
        if by_matrix:
            n_smooth = min(self._coefficients, len(self._channels))
            separate_by_matrix(*given, self._smooth, n_smooth, self._coefficients, *made[:2])
        else:
            separate_by_basis(*given, self._triangle, *made)
        if there is not None and direct is None:
            there[:] = made[0][:, :n_pixels]
            made[0] = there
        return [
            a[:, :n_pixels].reshape(len(a), *sky) if wanted else a
            for a, wanted in zip(made, asked, strict=True)
        ]


def _beside(block: FloatArray, rows: int) -> FloatArray:
    """Return a new float32 array (row, pixel) that begins where a block does in a line of the cache."""
    n = rows * block.shape[1]
    room = np.empty(n + LINE, np.float32)
    start = (block.ctypes.data - room.ctypes.data) // room.itemsize % LINE
    return room[start : start + n].reshape(rows, block.shape[1])


def _checked(out: FloatArray, block: FloatArray) -> FloatArray:
    """Return the array for the residual of a block, if it is one."""
    if out.shape != block.shape or out.dtype != np.float32 or not out.flags.c_contiguous:
        raise UsageError(
            f"The residual of a block {block.shape} cannot be written into an array {out.shape} of {out.dtype}; "
            "needed is a C-contiguous float32 array of the same shape. Give one, or none."
        )
    return out
