"""A program that prints how many lanes there are, and what loops with lanes make of the same numbers."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from tessellar.kernels.detect import detection_mask
from tessellar.kernels.filters import gaussian_taps
from tessellar.kernels.foregrounds.legendre import legendre
from tessellar.kernels.foregrounds.operator import SpectralOperator
from tessellar.kernels.foregrounds.project import Projection
from tessellar.kernels.lanes.registers import LANES
from tessellar.kernels.lanes.room import roomy
from tessellar.kernels.network.places import halved
from tessellar.kernels.network.winograd import Convolution
from tessellar.model import FloatArray

RNG = np.random.default_rng(2)


def numbers(*shape: int) -> FloatArray:
    out = roomy(shape)
    out[:] = RNG.normal(size=shape)
    return out


def mask() -> Any:
    voxels, core = numbers(40, 40, 90), np.array([[7, 33], [8, 32], [8, 82]])
    voxels[20, 20, 20:30] = np.nan
    taps = np.zeros((2, 9), np.float32)
    taps[0, 0], taps[1] = 1.0, gaussian_taps(6.0)
    out = np.empty((26, 24, 74), np.uint8)
    unit = (np.ones(40, np.float32), np.ones((40, 90), np.float32), np.float32(9), np.float32(5))
    radii, thresholds = np.array([0, 1, 3, 7]), np.full((2, 4), 2.0, np.float32)
    detection_mask(voxels, core, *unit, taps, np.array([0, 8]), radii, thresholds, out)
    return out


def residuals() -> tuple[Any, Any]:
    """Return what a projection leaves of spectra without blanks, and of others."""
    block, x = numbers(40, 3, 53), np.linspace(-1.0, 1.0, 40)
    operator = SpectralOperator(np.zeros(40), legendre(x, 3))
    projection = Projection(operator, np.ones(40, bool), x)
    whole = projection.residual(block)
    block[RNG.random(block.shape) < 0.1] = np.nan
    return whole, np.nan_to_num(projection.residual(block))


def convolved() -> Any:
    x = numbers(4, 9, 3, 70)
    return halved(Convolution.of(numbers(4, 3, 3, 3, 3), numbers(4), 0.1)(x))


if __name__ == "__main__":
    print(LANES)
    for made in (mask(), *residuals(), convolved()):
        print(hashlib.sha256(np.ascontiguousarray(made).tobytes()).hexdigest(), np.count_nonzero(made))
