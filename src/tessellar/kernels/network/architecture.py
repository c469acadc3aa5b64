"""The U-Net that looks at a cube at three resolutions and gives back three numbers for each voxel.

After Ronneberger, Fischer & Brox (2015, MICCAI, 234) and Çiçek et al. (2016, MICCAI, 424) in three dimensions, with
mean pooling and without normalisation layers: these would mix a voxel with all others of the patch, so that the
result depended on where patches begin. No voxel sees farther than ``margin``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod, sqrt
from typing import TYPE_CHECKING

import numpy as np

from tessellar.errors import UsageError
from tessellar.kernels.network.torch_library import load_torch
from tessellar.model import FloatArray

if TYPE_CHECKING:
    from torch import Tensor

SLOPE = 0.1  # of the leaky rectifier below zero (Maas, Hannun & Ng 2013)
HEADS = ("denoised", "mask", "log_variance")
"""What the last layer gives: mean of the noiseless sky in units of the noise, logit of the probability that emission
lies in the voxel, and logarithm of the variance of the mean."""

_RARE = -4.0  # logit of the mask before training: emission is rare


@dataclass(frozen=True, slots=True)
class Architecture:
    """The size of a U-Net.

    Parameters
    ----------
    base
        Feature maps at full resolution; each level below has twice as many.
    levels
        Resolutions, full one included.
    """

    base: int = 8
    levels: int = 3

    def __post_init__(self) -> None:
        if not (1 <= self.base <= 256 and 2 <= self.levels <= 5):
            raise UsageError(
                f"a U-Net of base {self.base} and {self.levels} levels; base runs from 1 to 256, levels from 2 to 5."
            )

    @property
    def heads(self) -> tuple[str, ...]:
        """What the channels of the answer are."""
        return HEADS

    @property
    def maps(self) -> int:
        """Maps of a patch that are held at once, in words of four bytes: measured, with a third to spare."""
        return 6 * self.base

    @property
    def stride(self) -> int:
        """Voxels by which patches must be aligned: the pooling of all levels."""
        return int(2 ** (self.levels - 1))

    @property
    def margin(self) -> int:
        """How many voxels around a voxel decide about it, rounded up to the stride."""
        reach = 0
        for place in range(
            self.stride
        ):  # a voxel's place within a stride decides what it shares its pools with
            low = high = place
            for _ in range(self.levels - 1):  # a decoder's convolutions, then the voxel of the level below
                low, high = (low - _NEED) // 2, (high + _NEED) // 2
            for _ in range(self.levels - 1):  # an encoder's convolutions, then the pool it was fed from
                low, high = 2 * (low - _NEED), 2 * (high + _NEED) + 1
            reach = max(reach, place - low + _NEED, high + _NEED - place)
        return -(-reach // self.stride) * self.stride

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the parameters by name: weights (out, in, 3, 3, 3) and biases (out)."""
        shapes: dict[str, tuple[int, ...]] = {}
        width = [self.base * 2**level for level in range(self.levels)]
        for level in range(self.levels):
            inputs = width[level - 1] if level else 1
            _add_block(shapes, f"encoder.{level}", inputs, width[level])
        for level in reversed(range(self.levels - 1)):
            _add_block(shapes, f"decoder.{level}", width[level] + width[level + 1], width[level])
        shapes["head.weight"] = (len(HEADS), self.base, 1, 1, 1)
        shapes["head.bias"] = (len(HEADS),)
        return shapes

    @property
    def n_parameters(self) -> int:
        """How many numbers training decides."""
        return sum(map(prod, self.shapes.values()))

    def initial(self, seed: int) -> dict[str, FloatArray]:
        """Return the weights before training, a pure function of the seed (He et al. 2015, ICCV, 1026)."""
        rng = np.random.default_rng(seed)
        weights = {}
        for name, shape in self.shapes.items():
            values = np.zeros(shape, np.float32)
            if name.endswith("weight") and not name.startswith("head"):
                scale = sqrt(2.0 / (1.0 + SLOPE**2) / prod(shape[1:]))
                values = np.asarray(rng.normal(0.0, scale, shape), dtype=np.float32)
            weights[name] = values
        weights["head.bias"][HEADS.index("mask")] = _RARE
        return weights

    def network(self, weights: Mapping[str, Tensor], margin: int = 0) -> Callable[[Tensor], Tensor]:
        """Return the network as a function of patches.

        Parameters
        ----------
        weights
            Tensors with the names and shapes of ``shapes``.
        margin
            How much of each side the result lacks, voxels. With the margin of the architecture, only what the core
            needs is computed on the way back to full resolution; with 0, everything, and what lies beyond the patch
            counts as zero.

        Returns
        -------
        network
            Takes a tensor (patch, 1, frequency, l, m) in units of the noise, sides multiples of the stride, and
            returns one (patch, head, frequency, l, m).
        """
        functional = load_torch().nn.functional
        needs = self._needs(margin)

        def block(x: Tensor, name: str) -> Tensor:
            for part in (0, 1):
                w, b = weights[f"{name}.{part}.weight"], weights[f"{name}.{part}.bias"]
                x = functional.leaky_relu_(functional.conv3d(x, w, b, padding=1), SLOPE)
            return x

        def forward(x: Tensor) -> Tensor:
            seen = []
            for level in range(self.levels):
                x = block(_halved(x) if level else x, f"encoder.{level}")
                seen.append(x)
            inset = margin // self.stride  # voxels of this level between the edge of ``x`` and the core
            for level in reversed(range(self.levels - 1)):
                need = needs[level]
                x = functional.interpolate(cut(x, inset - -(-need // 2)), scale_factor=2, mode="nearest")
                x = cut(x, need % 2)
                features = seen[level]
                x = block(
                    load_torch().cat([x, cut(features, margin // 2**level - need)], 1), f"decoder.{level}"
                )
                inset = need
            x = cut(x, inset)
            result: Tensor = functional.conv3d(x, weights["head.weight"], weights["head.bias"])
            return result

        return forward

    def _needs(self, margin: int) -> list[int]:
        """Return how far beyond the core each decoder must be computed, in voxels of its level; 0 without a margin."""
        if margin == 0:
            return [0] * (self.levels - 1)
        if margin < self.margin or margin % self.stride:
            raise UsageError(
                f"a margin of {margin} voxels; this network needs {self.margin}, or a larger multiple of {self.stride}."
            )
        needs = [_NEED]
        while len(needs) < self.levels - 1:
            needs.append(-(-needs[-1] // 2) + _NEED)
        return needs


_NEED = 2  # voxels that two convolutions of three look at to each side


def _add_block(shapes: dict[str, tuple[int, ...]], name: str, inputs: int, outputs: int) -> None:
    for part, width in enumerate((inputs, outputs)):
        shapes[f"{name}.{part}.weight"] = (outputs, width, 3, 3, 3)
        shapes[f"{name}.{part}.bias"] = (outputs,)


def _halved(x: Tensor) -> Tensor:
    """Return means over 2 x 2 x 2 voxels, by sums of neighbours: they keep the layout that convolutions want."""
    x = x[:, :, ::2] + x[:, :, 1::2]
    x = x[:, :, :, ::2] + x[:, :, :, 1::2]
    x = x[..., ::2] + x[..., 1::2]
    return x.mul_(0.125)


def cut(x: Tensor, n: int) -> Tensor:
    """Return a tensor without ``n`` voxels at each side of its last three axes."""
    return x[:, :, n:-n, n:-n, n:-n] if n else x
