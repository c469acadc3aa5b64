"""A cube that is read together with its companions: cubes or maps of its noise, of its weights, of its gain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tessellar.engine.precondition.view import View
from tessellar.errors import InputError
from tessellar.model import CubeMeta, FloatArray, Source
from tessellar.tiling.box import Box, Shape

NOISE, WEIGHTS, GAIN = "noise", "weights", "gain"


@dataclass(frozen=True, slots=True, eq=False)
class Companion:
    """A cube that says something about every voxel of another one, or a map that says it of all channels.

    Attributes
    ----------
    kind
        ``noise``: the standard deviation of a voxel's noise; ``weights``: one over its square, up to a factor;
        ``gain``: by what the telescope multiplied the sky there.
    source
        The same voxels as those of the cube, or one channel of them.
    """

    kind: str
    source: Source

    @property
    def is_map(self) -> bool:
        """Whether one channel stands for all."""
        return self.source.meta.shape[0] == 1

    def read(self, box: Box) -> FloatArray:
        """Return its values in a box, float32 array (frequency or 1, l, m)."""
        if self.is_map:
            box = Box((0, *box.start[1:]), (1, *box.stop[1:]))
        return self.source.read(box)

    def apply(self, voxels: FloatArray, values: FloatArray) -> None:
        """Multiply or divide voxels by its values, in place; what becomes infinite is blank."""
        with np.errstate(over="ignore"):
            if self.kind == WEIGHTS:
                np.multiply(voxels, np.sqrt(values), out=voxels)
            else:
                np.divide(voxels, values, out=voxels)
        voxels[np.isinf(voxels)] = np.nan


@dataclass(frozen=True, slots=True, eq=False)
class WeighedSource(View):
    """A cube that is divided by some of its companions or multiplied by them.

    A voxel is blank where any of the companions is not a positive number, whether it is applied or not: so what is
    found in one view of the cube can be measured in another.

    Attributes
    ----------
    source
        The cube.
    companions
        All that say something about it.
    applied
        The kinds of those that change voxels.
    """

    source: Source
    companions: tuple[Companion, ...]
    applied: tuple[str, ...]

    @property
    def identity(self) -> str:
        """That of the cube and of its companions."""
        parts = [f"{one.kind} ({one.source.identity})" for one in self.companions]
        return f"{self.source.identity} {' '.join(parts)} by {' '.join(self.applied)}"

    def read(self, box: Box) -> FloatArray:
        """Return the weighed voxels of a box, float32 array (frequency, l, m), NaN = blank."""
        voxels = self.source.read(box).copy()
        for companion in self.companions:
            values = companion.read(box)
            values = np.where((values > 0) & np.isfinite(values), values, np.float32(np.nan))
            if companion.kind in self.applied:
                companion.apply(voxels, values)
            else:
                np.copyto(voxels, np.float32(np.nan), where=np.isnan(values))
        return voxels


def check_shape(name: str, kind: str, shape: Shape, cube: CubeMeta) -> None:
    """Refuse a companion that is neither as large as the cube nor a map of its sky.

    Raises
    ------
    InputError
        It is neither.
    """
    if shape[1:] == cube.shape[1:] and shape[0] in (1, cube.shape[0]):
        return
    _, x, y = cube.shape
    raise InputError(
        f"{name} has {_words(shape)} voxels (frequency x l x m) and {cube.name} has {_words(cube.shape)}. "
        f"As {kind} a cube of the same shape is needed, or an image of {x} x {y} pixels for all channels."
    )


def _words(shape: Shape) -> str:
    return " x ".join(map(str, shape))
