"""The stage that measures the local background of a cube on a lattice, and the cube without that background."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from math import fsum

import numpy as np

from tessellar.engine.find.fingerprint import fingerprint
from tessellar.engine.partials import PartialStore
from tessellar.engine.precondition.lattice import Lattice
from tessellar.engine.precondition.view import View
from tessellar.errors import InputError
from tessellar.model import DoubleArray, FloatArray, IntArray, Source, UnitResult, Work
from tessellar.tiling.box import Box, Shape

STATISTICS = ("mean", "median")
_KEPT_BYTES = 2**24  # of backgrounds that a reader keeps at hand
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
        xy, z = self.window_xy | 1, self.window_z | 1
        step_xy, step_z = (self.grid_xy or xy // 2) | 1, (self.grid_z or z // 2) | 1
        return Lattice(shape, (step_z, step_xy, step_xy), (z, xy, xy))


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
        self._recipe, self._measured, self._partials = recipe, measured, partials
        self._kept: OrderedDict[int, DoubleArray] = OrderedDict()
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[RippleFreeSource], tuple[Source, Ripple, str, PartialStore]]:
        return (RippleFreeSource, (self.source, self._recipe, self._measured, self._partials))

    @property
    def identity(self) -> str:
        """That of the cube, and what its background was measured in and how."""
        return f"{self.source.identity} without {self._recipe} of {self._measured}"

    def read(self, box: Box) -> FloatArray:
        """Return the voxels of a box without background, float32 array (frequency, l, m).

        Raises
        ------
        InputError
            Voxels could not be read when the background was to be measured.
        """
        voxels = self.source.read(box).copy()
        lattice = self._recipe.lattice(self.meta.shape)
        near = lattice.nodes_near(box)
        nodes = self._nodes(lattice, near)
        along = [
            self._weights(lattice, axis, np.arange(box.start[axis], box.stop[axis]), near.start[axis])
            for axis in range(3)
        ]
        (z0, z1, w), (x0, x1, u), (y0, y1, v) = along
        for channel, plane in enumerate(voxels):
            sky = nodes[z0[channel]] * (1.0 - w[channel]) + nodes[z1[channel]] * w[channel]
            rows = sky[x0] * (1.0 - u[:, None]) + sky[x1] * u[:, None]
            plane[...] = plane - (rows[:, y0] * (1.0 - v) + rows[:, y1] * v)
        return voxels

    def _weights(
        self, lattice: Lattice, axis: int, places: IntArray, first: int
    ) -> tuple[IntArray, IntArray, DoubleArray]:
        """Return the two nodes beside each voxel, counted from ``first``, and the weight of the second."""
        before, way = lattice.between(axis, places)
        if not self._recipe.interpolate:
            way = np.where(way < 0.5, 0.0, 1.0)
        after = np.minimum(before + 1, lattice.nodes[axis] - 1)
        return before - first, after - first, way

    def _nodes(self, lattice: Lattice, near: Box) -> DoubleArray:
        """Return the background of a box of nodes."""
        found = np.empty(near.shape)
        units = lattice.units
        for unit in units.touching(near):
            core = units[unit].core
            part = core & near
            block = self._block(unit)
            found[part.relative_to(near.start).slices()] = block[part.relative_to(core.start).slices()]
        return found

    def _block(self, unit: int) -> DoubleArray:
        with self._lock:
            if unit not in self._kept:
                try:
                    self._kept[unit] = self._partials.fetch(_NAME, unit)["background"]
                except KeyError:
                    raise InputError(
                        f"the background of block {unit} is not known: its voxels could not be read."
                    ) from None
                while sum(block.nbytes for block in self._kept.values()) > _KEPT_BYTES:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(unit)
            return self._kept[unit]
