"""How noise varies from place to place, measured in a window that moves, and the cube divided by that."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from tessellar.engine.find.fingerprint import fingerprint
from tessellar.engine.partials import PartialStore
from tessellar.engine.precondition.lattice import Lattice
from tessellar.engine.precondition.node_values import NodeValues
from tessellar.engine.precondition.view import View
from tessellar.kernels.local_noise import local_levels
from tessellar.kernels.nodes import Field
from tessellar.kernels.noise import NoiseModel
from tessellar.model import FloatArray, Source, UnitResult, Work
from tessellar.tiling.box import Box, Shape

_QUANTITY = "local noise"


@dataclass(frozen=True, slots=True)
class LocalNoise:
    """How local noise is measured; SoFiA's names and defaults.

    Attributes
    ----------
    window_xy, window_z
        Size of the window in pixels and channels; an even one counts as the next odd one.
    grid_xy, grid_z
        Steps of the window; 0 for half of it, an even one as the next odd one.
    interpolate
        Whether the noise is linear between steps, not that of the nearest.
    """

    window_xy: int
    window_z: int
    grid_xy: int
    grid_z: int
    interpolate: bool

    def lattice(self, shape: Shape) -> Lattice:
        """Return the lattice for a cube."""
        return Lattice.of_windows(shape, self.window_xy, self.window_z, self.grid_xy, self.grid_z)


@dataclass(frozen=True, slots=True, eq=False)
class LocalNoiseStage:
    """Measure the noise in windows of a cube in units of the product of spectrum and map, a block of nodes at a time.

    Attributes
    ----------
    source
        The cube.
    noise
        The product.
    recipe
        Where the windows lie.
    purpose
        ``local-noise``, or another name where another view of the cube is measured.
    """

    source: Source
    noise: NoiseModel
    recipe: LocalNoise
    purpose: str = "local-noise"

    @property
    def name(self) -> str:
        """The purpose."""
        return self.purpose

    @property
    def fingerprint(self) -> str:
        """The cube, its noise and the recipe."""
        return fingerprint(self.source, self.noise, self.recipe)

    @property
    def lattice(self) -> Lattice:
        """The nodes in the middle of the windows."""
        return self.recipe.lattice(self.source.meta.shape)

    @property
    def n_units(self) -> int:
        """Number of blocks of nodes."""
        return len(self.lattice.units)

    def worker(self) -> Work:
        """Return the function that measures one block."""
        return self._measure

    def _measure(self, unit: int) -> UnitResult:
        start, lattice = time.perf_counter(), self.lattice
        nodes = lattice.units[unit].core
        reach = lattice.reach_of(nodes)
        voxels = self.source.read(reach)
        reading = time.perf_counter() - start
        windows = np.empty((prod(nodes.shape), 2, 3), np.int64)
        for i, index in enumerate(np.ndindex(nodes.shape)):
            z, x, y = (a + b for a, b in zip(index, nodes.start, strict=True))
            window = lattice.window_of((z, x, y)).relative_to(reach.start)
            windows[i] = window.start, window.stop
        levels = local_levels(
            np.ascontiguousarray(voxels),
            self.noise.inverse_channel(reach),
            self.noise.inverse_sky(reach),
            windows,
        )
        kernel = time.perf_counter() - start - reading
        return UnitResult(
            {_QUANTITY: levels.reshape(nodes.shape)}, voxels.size, voxels.nbytes, reading, kernel
        )

    def field(self, partials: PartialStore) -> Field:
        """Return what was measured, once the stage is done."""
        return NodeValues(
            self.lattice,
            self.recipe.interpolate,
            self.name,
            _QUANTITY,
            f"{self.name} {self.fingerprint}",
            partials,
        )

    def more(self, partials: PartialStore) -> NoiseModel:
        """Return the noise with what was measured, once the stage is done."""
        return replace(self.noise, local=self.field(partials))


@dataclass(frozen=True, slots=True, eq=False)
class EvenSource(View):
    """A cube divided by how its noise varies from place to place: what is left is the product of spectrum and map."""

    source: Source
    local: Field

    @property
    def identity(self) -> str:
        """That of the cube, and that of its noise."""
        return f"{self.source.identity} over {self.local.identity}"

    def read(self, box: Box) -> FloatArray:
        """Return the voxels of a box in units of their local noise, float32 array (frequency, l, m).

        Raises
        ------
        InputError
            Voxels could not be read when the noise was to be measured.
        """
        voxels = self.source.read(box).copy()
        for plane, level in zip(voxels, self.local.around(box).planes(), strict=True):
            plane[...] = plane / level
        return voxels
