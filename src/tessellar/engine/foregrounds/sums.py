"""The first pass: sums over all pixels of the sky, from which the modes of a cube follow."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Generic, Protocol, Self, TypeVar

import numpy as np

from tessellar.engine.blas import keep_to_one_blas_thread
from tessellar.engine.foregrounds.lattice import SkyRows
from tessellar.engine.partials import PartialStore
from tessellar.errors import InputError
from tessellar.kernels.foregrounds.fill import (
    CHANNELS_PER_COEFFICIENT,
    Filled,
    fill_blanks,
)
from tessellar.kernels.foregrounds.moments import SpectralMoments
from tessellar.kernels.foregrounds.range_finder import Refinement, Sketch
from tessellar.model import DoubleArray, IntArray, Payload, Source, UnitResult, Work
from tessellar.tiling.box import Box


class Sums(Protocol):
    """What adds up over blocks of pixels."""

    @property
    def n_pixels(self) -> int:
        """How many pixels were counted."""

    def merge(self, other: Self) -> Self:
        """Return the sums over the pixels of both."""

    def payload(self) -> Payload:
        """Return the sums as arrays."""


S = TypeVar("S", bound=Sums)
S_co = TypeVar("S_co", bound=Sums, covariant=True)


class Summand(Protocol[S_co]):
    """What is summed; it pickles to its few arrays."""

    def of_block(self, filled: Filled, pixels: IntArray) -> S_co:
        """Return the sums of a block of spectra, whose pixels have these numbers in the whole cube."""

    def of_payload(self, payload: Payload) -> S_co:
        """Return the sums that `Sums.payload` gave."""

    @property
    def unit_bytes(self) -> int:
        """Bytes of the payload."""


@dataclass(frozen=True, slots=True, eq=False)
class MomentsOf:
    """Spectra and their products about a centre, float64 array (frequency)."""

    centre: DoubleArray

    @property
    def unit_bytes(self) -> int:
        """Of one triangle of the products."""
        return 4 * len(self.centre) * (len(self.centre) + 5)

    def of_block(self, filled: Filled, pixels: IntArray) -> SpectralMoments:  # noqa: ARG002
        """Return the moments of a block."""
        return SpectralMoments.of_block(filled, self.centre)

    def of_payload(self, payload: Payload) -> SpectralMoments:
        """Return the moments that were stored."""
        return SpectralMoments.from_payload(payload)


@dataclass(frozen=True, slots=True, eq=False)
class SketchOf:
    """Products of the spectra about a centre with random numbers, as many as there are columns."""

    centre: DoubleArray
    columns: int

    @property
    def unit_bytes(self) -> int:
        """Of the products."""
        return 8 * len(self.centre) * (self.columns + 2)

    def of_block(self, filled: Filled, pixels: IntArray) -> Sketch:
        """Return the sketch of a block."""
        return Sketch.of_block(filled, self.centre, pixels, self.columns)

    def of_payload(self, payload: Payload) -> Sketch:
        """Return the sketch that was stored."""
        return Sketch.from_payload(payload)


@dataclass(frozen=True, slots=True, eq=False)
class RefinementOf:
    """Products of the spectra about a centre with what they have of a basis, float64 array (frequency, column)."""

    centre: DoubleArray
    basis: DoubleArray

    @property
    def unit_bytes(self) -> int:
        """Of the products."""
        return 8 * self.basis.size + 16 * len(self.centre)

    def of_block(self, filled: Filled, pixels: IntArray) -> Refinement:  # noqa: ARG002
        """Return the refinement of a block."""
        return Refinement.of_block(filled, self.centre, self.basis)

    def of_payload(self, payload: Payload) -> Refinement:
        """Return the refinement that was stored."""
        return Refinement.from_payload(payload)


@dataclass(frozen=True, slots=True, eq=False)
class SumStage(Generic[S]):
    """Sum over rows of the sky, blanks filled by a smooth fit to the rest of their pixel.

    Attributes
    ----------
    source
        The cube.
    x
        Where the channels lie in log frequency, float64 array (frequency); made once for all workers.
    summand
        What is summed.
    fill_degree
        Of the polynomials that fill blanks.
    name
        Of the stage.
    """

    source: Source
    x: DoubleArray
    summand: Summand[S]
    fill_degree: int
    fingerprint: str
    name: str

    @property
    def rows(self) -> SkyRows:
        """The units."""
        return SkyRows.for_partials(self.source.meta.shape, self.summand.unit_bytes)

    @property
    def n_units(self) -> int:
        """Number of units."""
        return len(self.rows)

    def worker(self) -> Work:
        """Return the function that does one unit."""
        keep_to_one_blas_thread()
        return self._sum

    def _sum(self, unit: int) -> UnitResult:
        start, reading, n_voxels = time.perf_counter(), 0.0, 0
        x = self.x
        sums: S | None = None
        good: IntArray = np.zeros(len(x), np.int64)
        for box in self.rows.blocks(unit):
            began = time.perf_counter()
            voxels = self.source.read(box).reshape(len(x), -1)
            reading += time.perf_counter() - began
            n_voxels += voxels.size
            good += np.isfinite(voxels).sum(axis=1)
            filled = fill_blanks(voxels, x, degree=self.fill_degree)
            part = self.summand.of_block(filled, pixel_numbers(box, self.source.meta.shape[2]))
            sums = part if sums is None else sums.merge(part)
        payload: Payload = {**(sums.payload() if sums is not None else {}), "good": good}
        seconds = time.perf_counter() - start
        return UnitResult(payload, n_voxels, 4 * n_voxels, reading, seconds - reading)

    def reduce(self, partials: PartialStore) -> tuple[S, IntArray]:
        """Return the sums over the whole sky, and how many voxels of each channel hold data.

        Raises
        ------
        InputError
            There is no pixel whose spectrum is known well enough.
        """
        sums: S | None = None
        good: IntArray = np.zeros(len(self.x), np.int64)
        for _, payload in partials.units(self):
            part = self.summand.of_payload(payload)
            sums = part if sums is None else sums.merge(part)
            good += payload["good"]
        if sums is None or sums.n_pixels < 2:
            raise InputError(
                f"{self.source.meta.name} has {0 if sums is None else sums.n_pixels} pixels with enough channels that "
                f"hold data, and at least 2 are needed: {CHANNELS_PER_COEFFICIENT * (self.fill_degree + 1)} channels "
                "of a pixel must not be blank. Lower --fill-degree, or look at the flags of the cube."
            )
        return sums, good


def pixel_numbers(box: Box, n_m: int) -> IntArray:
    """Return the numbers of a block's pixels in the whole cube, int64 array (pixel): l times the size of m, plus m."""
    along_l, along_m = (np.arange(a, b) for a, b in zip(box.start[1:], box.stop[1:], strict=True))
    return np.asarray(along_l[:, None] * n_m + along_m, dtype=np.int64).ravel()
