"""What a stage measured at the nodes of a lattice, fetched where it is used, a few blocks of nodes at a time."""

from __future__ import annotations

import threading
from collections import OrderedDict

import numpy as np

from tessellar.engine.partials import PartialStore
from tessellar.engine.precondition.lattice import Lattice
from tessellar.errors import InputError
from tessellar.kernels.nodes import Between
from tessellar.model import DoubleArray, IntArray
from tessellar.tiling.box import Box

_KEPT_BYTES = 2**24  # of values that a reader keeps at hand


class NodeValues:
    """A quantity between the nodes of a lattice; it pickles small.

    Parameters
    ----------
    lattice
        The nodes; its units are those of the stage.
    interpolate
        Whether it is linear between nodes, not that of the nearest.
    stage, quantity
        The name of the stage, and that of the values in its results.
    identity
        A text that changes with the values.
    partials
        Where the results lie.
    """

    def __init__(
        self,
        lattice: Lattice,
        interpolate: bool,
        stage: str,
        quantity: str,
        identity: str,
        partials: PartialStore,
    ) -> None:
        self._lattice, self._interpolate = lattice, interpolate
        self._stage, self._quantity, self.identity = stage, quantity, identity
        self._partials = partials
        self._kept: OrderedDict[int, DoubleArray] = OrderedDict()
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[NodeValues], tuple[Lattice, bool, str, str, str, PartialStore]]:
        settings = (self._lattice, self._interpolate, self._stage, self._quantity, self.identity)
        return (NodeValues, (*settings, self._partials))

    def around(self, box: Box) -> Between:
        """Return the nodes around a box, and where its voxels lie between them.

        Raises
        ------
        InputError
            Voxels could not be read when the values were to be measured.
        """
        near = self._lattice.nodes_near(box)
        (z0, z1, w), (x0, x1, u), (y0, y1, v) = (
            self._beside(axis, np.arange(box.start[axis], box.stop[axis]), near.start[axis])
            for axis in range(3)
        )
        return Between(self._nodes(near), (z0, x0, y0), (z1, x1, y1), (w, u, v))

    def _beside(self, axis: int, places: IntArray, first: int) -> tuple[IntArray, IntArray, DoubleArray]:
        """Return the two nodes beside each voxel, counted from ``first``, and the weight of the second."""
        before, way = self._lattice.between(axis, places)
        if not self._interpolate:
            way = np.where(way < 0.5, 0.0, 1.0)
        after = np.minimum(before + 1, self._lattice.nodes[axis] - 1)
        return before - first, after - first, way

    def _nodes(self, near: Box) -> DoubleArray:
        """Return the values of a box of nodes."""
        found = np.empty(near.shape)
        units = self._lattice.units
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
                    self._kept[unit] = self._partials.fetch(self._stage, unit)[self._quantity]
                except KeyError:
                    raise InputError(
                        f"the {self._quantity} of block {unit} is not known: its voxels could not be read."
                    ) from None
                while sum(block.nbytes for block in self._kept.values()) > _KEPT_BYTES:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(unit)
            return self._kept[unit]
