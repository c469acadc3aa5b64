"""Noise2Noise: two observations of one sky, of which one teaches what the other hides.

The noise of the two is independent, so the mean of one, given the other, is the sky (Lehtinen et al. 2018, ICML). One
cube would not do: the noise of its voxels is correlated over the beam, and a network could guess a voxel's noise from
its neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tessellar.errors import InputError
from tessellar.kernels.network.normalise import in_units_of_noise, noise_of
from tessellar.kernels.noise import NoiseModel
from tessellar.model import FloatArray, Source
from tessellar.tiling.box import Box, Shape


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Two cubes of the same sky with independent noise.

    Attributes
    ----------
    cubes
        The two.
    noises
        The noise of each.

    Raises
    ------
    InputError
        They differ in shape.
    """

    cubes: tuple[Source, Source]
    noises: tuple[NoiseModel, NoiseModel]

    def __post_init__(self) -> None:
        first, second = (cube.meta.shape for cube in self.cubes)
        if first != second:
            raise InputError(
                f"the two cubes have shapes {first} and {second}; Noise2Noise needs the same sky on the same voxels. "
                "Cut or regrid one of them."
            )

    def draw(self, rng: np.random.Generator, side: int) -> tuple[FloatArray, FloatArray]:
        """Return a patch of one cube and the same of the other, in units of the first one's noise.

        Parameters
        ----------
        rng
            Chooses the place and which of the two is asked.
        side
            Voxels along each axis; what lies beyond the cube is zero.
        """
        shape = self.cubes[0].meta.shape
        corner = [int(rng.integers(0, max(1, n - side + 1))) for n in shape]
        box = Box(_shape(corner), _shape([min(c + side, n) for c, n in zip(corner, shape, strict=True)]))
        asked, other = (0, 1) if rng.random() < 0.5 else (1, 0)
        noise = noise_of(self.noises[asked], box)
        given = in_units_of_noise(self.cubes[asked].read(box), noise)
        wanted = in_units_of_noise(self.cubes[other].read(box), noise)
        known = (given != 0) & (wanted != 0)
        return _padded(np.where(known, given, 0), side), _padded(np.where(known, wanted, 0), side)


def _shape(values: list[int]) -> Shape:
    z, x, y = values
    return (z, x, y)


def _padded(values: FloatArray, side: int) -> FloatArray:
    return np.pad(values.astype(np.float32), [(0, side - n) for n in values.shape])
