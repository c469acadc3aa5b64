"""The stage that fits the continuum of every pixel of the sky, and the cube without it."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from tessellar.engine.find.fingerprint import fingerprint
from tessellar.engine.partials import PartialStore
from tessellar.engine.precondition.view import View
from tessellar.errors import InputError
from tessellar.kernels.continuum import fit_continuum
from tessellar.model import DoubleArray, FloatArray, Source, UnitResult, Work
from tessellar.tiling.box import Box, Shape
from tessellar.tiling.grid import Grid

WINDOW_VOXELS = 2**21  # of the spectra that are fitted together
ALONG_L = (
    512  # pixels of a row that are fitted together: wide enough to read, narrow enough for a tile to need few
)
PIXELS = 2**13  # of a group, however short its spectra are
_KEPT_BYTES = 2**24  # of fits that a reader keeps at hand
_NAME = "continuum"


@dataclass(frozen=True, slots=True)
class Continuum:
    """How the continuum is fitted; SoFiA's names and defaults.

    Attributes
    ----------
    order
        0 for a constant, 1 for a straight line.
    threshold, shift, padding
        As for `tessellar.kernels.continuum.fit_continuum`.
    """

    order: int
    threshold: float
    shift: int
    padding: int


@dataclass(frozen=True, slots=True, eq=False)
class ContinuumStage:
    """Fit the spectra of some pixels of the sky, whole; units are a function of the cube's shape alone.

    Attributes
    ----------
    source
        The cube, in its own unit.
    recipe
        How its spectra are fitted.
    searched
        Identity of what is searched afterwards. The fit does not depend on it, but a run folder knows its run by
        its first stage, which this one is.
    """

    source: Source
    recipe: Continuum
    searched: str

    name = _NAME

    @property
    def fingerprint(self) -> str:
        """The cube, the recipe, and what the run is about."""
        return fingerprint(self.source, self.recipe, self.searched)

    @property
    def n_units(self) -> int:
        """Number of groups of pixels."""
        return len(groups_of_spectra(self.source.meta.shape))

    def worker(self) -> Work:
        """Return the function that fits one group."""
        return self._fit

    def _fit(self, unit: int) -> UnitResult:
        start, recipe, shape = time.perf_counter(), self.recipe, self.source.meta.shape
        sky = groups_of_spectra(shape)[unit].core
        voxels = self.source.read(Box((0, *sky.start[1:]), (shape[0], *sky.stop[1:])))
        reading = time.perf_counter() - start
        fit = fit_continuum(voxels, recipe.order, recipe.threshold, recipe.shift, recipe.padding)
        kernel = time.perf_counter() - start - reading
        return UnitResult({"fit": fit[: recipe.order + 1]}, voxels.size, voxels.nbytes, reading, kernel)


def groups_of_spectra(shape: Shape) -> Grid:
    """Return the pixels of each unit as boxes of one channel: parts of rows along l, or several rows."""
    nz, nx, ny = shape
    pixels = max(1, min(WINDOW_VOXELS // nz, PIXELS))
    along_l = min(nx, pixels, ALONG_L)
    return Grid((1, nx, ny), (1, along_l, max(1, min(ny, pixels // along_l))))


class ContinuumFreeSource(View):
    """A cube without its continuum; the fits are read where they are used, those of a few groups at a time.

    Parameters
    ----------
    source
        The cube.
    recipe
        How its continuum was fitted.
    fitted
        Identity of the cube that it was fitted to: the same with flags.
    partials
        Where the fits lie.
    """

    def __init__(self, source: Source, recipe: Continuum, fitted: str, partials: PartialStore) -> None:
        self.source = source
        self._recipe, self._fitted, self._partials = recipe, fitted, partials
        self._kept: OrderedDict[int, DoubleArray] = OrderedDict()
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[ContinuumFreeSource], tuple[Source, Continuum, str, PartialStore]]:
        return (ContinuumFreeSource, (self.source, self._recipe, self._fitted, self._partials))

    @property
    def identity(self) -> str:
        """That of the cube, and what its continuum was fitted to and how."""
        return f"{self.source.identity} without {self._recipe} of {self._fitted}"

    def read(self, box: Box) -> FloatArray:
        """Return the voxels of a box without continuum, float32 array (frequency, l, m).

        Raises
        ------
        InputError
            Spectra could not be read when they were to be fitted.
        """
        voxels = self.source.read(box).copy()
        channels = np.arange(box.start[0], box.stop[0]) - 0.5 * (self.meta.shape[0] - 1)
        grid, sky = groups_of_spectra(self.meta.shape), Box((0, *box.start[1:]), (1, *box.stop[1:]))
        for unit in grid.touching(sky):
            group = grid[unit].core
            part = group & sky
            _, xs, ys = part.relative_to(box.start).slices()
            _, fit_xs, fit_ys = part.relative_to(group.start).slices()
            fit = self._fit(unit)[:, fit_xs, fit_ys]
            for plane, channel in zip(voxels[:, xs, ys], channels.tolist(), strict=True):
                plane[...] = plane - (fit[0] if len(fit) == 1 else fit[0] + channel * fit[1])
        return voxels

    def _fit(self, unit: int) -> DoubleArray:
        with self._lock:
            if unit not in self._kept:
                try:
                    self._kept[unit] = self._partials.fetch(_NAME, unit)["fit"]
                except KeyError:
                    raise InputError(
                        f"the continuum of group {unit} of spectra is not known: they could not be read."
                    ) from None
                while sum(fit.nbytes for fit in self._kept.values()) > _KEPT_BYTES:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(unit)
            return self._kept[unit]
