"""A cube with a known signal added to it: what a separation leaves of that is what it leaves of any such signal."""

from __future__ import annotations

import numpy as np

from tessellar.engine.precondition.view import View
from tessellar.errors import UsageError
from tessellar.model import DoubleArray, FloatArray, Source
from tessellar.tiling.box import Box


class InjectedSource(View):
    """The sum of a cube and a signal.

    Parameters
    ----------
    source
        The cube.
    signal
        Another cube on the same grid.
    per_channel
        What the signal is multiplied by to be in the cube's unit, float64 array (frequency).

    Raises
    ------
    UsageError
        The grids differ.
    """

    def __init__(self, source: Source, signal: Source, per_channel: DoubleArray) -> None:
        check_grid(source, signal)
        self.source = source
        self.signal = signal
        self.per_channel = per_channel

    @property
    def identity(self) -> str:
        """That of both, and the factors."""
        return f"{self.source.identity} with {self.signal.identity} times {self.per_channel.tolist()}"

    def read(self, box: Box) -> FloatArray:
        """Return the voxels of a box, float32 array (frequency, l, m); NaN where either is blank."""
        factors = self.per_channel[box.start[0] : box.stop[0], None, None]
        return np.asarray(self.source.read(box) + self.signal.read(box) * factors, dtype=np.float32)


def check_unit(source: Source, other: Source) -> None:
    """Refuse two cubes whose voxels do not count in the same unit.

    Raises
    ------
    UsageError
        They do not.
    """
    one, two = source.meta, other.meta
    if one.unit != two.unit:
        units = " and ".join(meta.unit or "no unit" for meta in (one, two))
        raise UsageError(f"{one.name} and {two.name} are in {units}. Give cubes in one unit.")


def check_grid(source: Source, other: Source) -> None:
    """Refuse two cubes whose voxels do not lie at the same places.

    Raises
    ------
    UsageError
        Shapes, pixels or channels differ.
    """
    one, two = source.meta, other.meta
    if one.shape != two.shape:
        shapes = " and ".join(" x ".join(map(str, meta.shape)) for meta in (one, two))
        raise UsageError(f"{one.name} and {two.name} have {shapes} voxels. Give cubes on one grid.")
    here, there = (np.asarray(meta.spectral.values) for meta in (one, two))
    step = np.abs(np.diff(here)).max(initial=0.0)
    if one.spectral.unit != two.spectral.unit or np.abs(here - there).max() > 1e-3 * step:
        raise UsageError(f"The channels of {one.name} and {two.name} differ. Give cubes on one grid.")
