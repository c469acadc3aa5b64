"""The stage that measures the local background of a cube on a lattice, and the cube without that background."""

from __future__ import annotations

import time
from dataclasses import dataclass
from math import fsum

import numpy as np

from tessellar.engine.find.fingerprint import fingerprint
from tessellar.engine.partials import PartialStore
from tessellar.engine.precondition.lattice import Lattice
from tessellar.engine.precondition.node_values import NodeValues
from tessellar.engine.precondition.view import View
from tessellar.model import FloatArray, Source, UnitResult, Work
from tessellar.tiling.box import Box, Shape

STATISTICS = ("mean", "median")
_NAME = "ripple"


@dataclass(frozen=True, slots=True)
class Ripple:
    """How the background is measured; SoFiA's names and defaults.

    Attributes
    ----------
    statistic
        ``mean`` or ``median`` of the voxels in a window; one without any has background 0.
    window_xy, window_z
        Size of the window in pixels and channels; an even one counts as the next odd one.
    grid_xy, grid_z
        Steps of the lattice; 0 for half the window, an even one as the next odd one.
    interpolate
        Whether the background is linear between nodes, not that of the nearest.
    """

    statistic: str
    window_xy: int
    window_z: int
    grid_xy: int
    grid_z: int
    interpolate: bool

    def lattice(self, shape: Shape) -> Lattice:
        """Return the lattice for a cube."""
        return Lattice.of_windows(shape, self.window_xy, self.window_z, self.grid_xy, self.grid_z)


@dataclass(frozen=True, slots=True, eq=False)
class RippleStage:
    """Measure the background at the nodes of the lattice, a block of nodes at a time."""

    source: Source
    recipe: Ripple

    name = _NAME

    @property
    def fingerprint(self) -> str:
        """The cube and the recipe."""
        return fingerprint(self.source, self.recipe)

    @property
    def n_units(self) -> int:
        """Number of blocks of nodes."""
        return len(self.recipe.lattice(self.source.meta.shape).units)

    def worker(self) -> Work:
        """Return the function that measures one block."""
        return self._measure

    def _measure(self, unit: int) -> UnitResult:
        start = time.perf_counter()
        lattice = self.recipe.lattice(self.source.meta.shape)
        nodes = lattice.units[unit].core
        reach = lattice.reach_of(nodes)
        voxels = self.source.read(reach)
        reading = time.perf_counter() - start
        background = np.empty(nodes.shape)
        for index in np.ndindex(nodes.shape):
            z, x, y = (a + b for a, b in zip(index, nodes.start, strict=True))
            window = lattice.window_of((z, x, y)).relative_to(reach.start)
            background[index] = self._level(voxels[window.slices()])
        kernel = time.perf_counter() - start - reading
        return UnitResult({"background": background}, voxels.size, voxels.nbytes, reading, kernel)

    def _level(self, window: FloatArray) -> float:
        """Return the background of a window; sums are exact, so their order does not matter."""
        known = window[np.isfinite(window)].astype(np.float64)
        if not known.size:
            return 0.0
        return float(np.median(known)) if self.recipe.statistic == "median" else fsum(known) / known.size


class RippleFreeSource(View):
    """A cube without its local background, which is read where it is used, that of a few blocks at a time.

    Parameters
    ----------
    source
        The cube.
    recipe
        How its background was measured.
    measured
        Identity of the cube that it was measured in: the same with flags.
    partials
        Where the backgrounds lie.
    """

    def __init__(self, source: Source, recipe: Ripple, measured: str, partials: PartialStore) -> None:
        self.source = source
        self._given = (recipe, measured, partials)
        self._background = NodeValues(
            recipe.lattice(source.meta.shape),
            recipe.interpolate,
            _NAME,
            "background",
            f"{recipe} of {measured}",
            partials,
        )

    def __reduce__(self) -> tuple[type[RippleFreeSource], tuple[Source, Ripple, str, PartialStore]]:
        return (RippleFreeSource, (self.source, *self._given))

    @property
    def identity(self) -> str:
        """That of the cube, and what its background was measured in and how."""
        return f"{self.source.identity} without {self._background.identity}"

    def read(self, box: Box) -> FloatArray:
        """Return the voxels of a box without background, float32 array (frequency, l, m).

        Raises
        ------
        InputError
            Voxels could not be read when the background was to be measured.
        """
        voxels = self.source.read(box).copy()
        for plane, level in zip(voxels, self._background.around(box).planes(), strict=True):
            plane[...] = plane - level
        return voxels
