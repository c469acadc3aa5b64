"""The U-Net that looks at a cube at several resolutions and gives back three numbers for each voxel.

After Ronneberger, Fischer & Brox (2015, MICCAI, 234) and Çiçek et al. (2016, MICCAI, 424) in three dimensions, with
mean pooling and without normalisation layers: these would mix a voxel with all others of the patch, so that the
result depended on where patches begin. No voxel sees farther than ``margin``.

A folded network (Shi et al. 2016, CVPR, 1874) first takes each block of 2 x 2 x 2 voxels as one with eight values, and
answers for all eight at once: an eighth of the places, with maps enough to fill the lanes of a processor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod, sqrt
from typing import TYPE_CHECKING

import numpy as np

from tessellar.errors import UsageError
from tessellar.kernels.network.folding import folded, unfolded
from tessellar.kernels.network.torch_library import load_torch
from tessellar.model import FloatArray

if TYPE_CHECKING:
    from torch import Tensor

SLOPE = 0.1  # of the leaky rectifier below zero (Maas, Hannun & Ng 2013)
HEADS = ("denoised", "mask", "log_variance")
"""What the last layer gives: mean of the noiseless sky in units of the noise, logit of the probability that emission
lies in the voxel, and logarithm of the variance of the mean."""

JOINS = ("concatenate", "add")

_LIMITS = (("base", 1, 256), ("levels", 2, 5), ("fold", 1, 2), ("depth", 1, 8))
_RARE = -4.0  # logit of the mask before training: emission is rare


@dataclass(frozen=True, slots=True)
class Architecture:
    """The size of a U-Net.

    Parameters
    ----------
    base
        Feature maps at the finest resolution; each level below has twice as many.
    levels
        Resolutions, the finest included.
    fold
        Voxels along each axis that are taken as one: 2 where the finest resolution is half that of the cube, 1 where it
        is the cube's.
    depth
        Convolutions at the coarsest resolution, where they cost least and see farthest.
    join
        How a coarse level meets a finer one: ``concatenate``, or ``add``, which costs a third.
    """

    base: int = 8
    levels: int = 3
    fold: int = 1
    depth: int = 2
    join: str = "concatenate"

    def __post_init__(self) -> None:
        problems = [
            f"{name} is {getattr(self, name)}, needed is {low} to {high}"
            for name, low, high in _LIMITS
            if not low <= getattr(self, name) <= high
        ]
        if self.join not in JOINS:
            problems.append(f"join is '{self.join}', there is {' and '.join(JOINS)}")
        if problems:
            raise UsageError(f"a U-Net cannot be so: {'; '.join(problems)}.")

    @property
    def heads(self) -> tuple[str, ...]:
        """What the channels of the answer are."""
        return HEADS

    @property
    def maps(self) -> int:
        """Maps of a patch that are held at once, in words of four bytes: measured, with a third to spare."""
        held = 4 if self.join == "add" else 6
        return -(-held * self.base // self.fold**3)

    @property
    def stride(self) -> int:
        """Voxels by which patches must be aligned: the folding, and the pooling of all levels."""
        return int(self.fold * 2 ** (self.levels - 1))

    @property
    def margin(self) -> int:
        """How many voxels around a voxel decide about it, rounded up to the stride."""
        reach = 0
        for place in range(
            self.stride
        ):  # a voxel's place within a stride decides what it shares its pools with
            low = high = place // self.fold
            for _ in range(self.levels - 1):  # a decoder's convolutions, then the voxel of the level below
                low, high = (low - _NEED) // 2, (high + _NEED) // 2
            low, high = low - self.depth, high + self.depth
            for _ in range(self.levels - 1):  # the pool it was fed from, then an encoder's convolutions
                low, high = 2 * low - _NEED, 2 * high + 1 + _NEED
            reach = max(reach, place - self.fold * low, self.fold * (high + 1) - 1 - place)
        return -(-reach // self.stride) * self.stride

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the parameters by name: weights (out, in, side, side, side) and biases (out)."""
        shapes: dict[str, tuple[int, ...]] = {}
        width = [self.base * 2**level for level in range(self.levels)]
        values = self.fold**3
        for level in range(self.levels):
            inputs = width[level - 1] if level else values
            _add_block(shapes, f"encoder.{level}", inputs, width[level], self._parts(level))
        for level in reversed(range(self.levels - 1)):
            inputs = width[level]
            if self.join == "add":
                _add_layer(shapes, f"up.{level}", width[level + 1], 8 * width[level], 1)
            else:
                inputs += width[level + 1]
            _add_block(shapes, f"decoder.{level}", inputs, width[level], _NEED)
        _add_layer(shapes, "head", self.base, values * len(HEADS), 1)
        return shapes

    @property
    def n_parameters(self) -> int:
        """How many numbers training decides."""
        return sum(map(prod, self.shapes.values()))

    def initial(self, seed: int) -> dict[str, FloatArray]:
        """Return the weights before training, a pure function of the seed."""
        weights = first_weights(self.shapes, seed)
        weights["head.bias"].reshape(-1, len(HEADS))[:, HEADS.index("mask")] = _RARE
        return weights

    def network(self, weights: Mapping[str, Tensor], margin: int = 0) -> Callable[[Tensor], Tensor]:
        """Return the network as a function of patches.

        Parameters
        ----------
        weights
            Tensors with the names and shapes of ``shapes``.
        margin
            How much of each side the result lacks, voxels. With the margin of the architecture, no layer computes more
            than what the core needs of it; with 0, everything, and what lies beyond the patch counts as zero.

        Returns
        -------
        network
            Takes a tensor (patch, 1, frequency, l, m) in units of the noise, sides multiples of the stride, and
            returns one (patch, head, frequency, l, m).
        """
        functional = load_torch().nn.functional
        frame = self.frame(margin)

        def layer(x: Tensor, name: str) -> Tensor:
            w = weights[f"{name}.weight"]
            beyond = 0 if margin else w.shape[-1] // 2
            return functional.conv3d(x, w, weights[f"{name}.bias"], padding=beyond)

        def block(x: Tensor, name: str, parts: int) -> Tensor:
            for part in range(parts):
                x = functional.leaky_relu_(layer(x, f"{name}.{part}"), SLOPE)
            return x

        def joined(coarse: Tensor, fine: Tensor, level: int) -> Tensor:
            if self.join == "add":
                return cut(unfolded(layer(coarse, f"up.{level}"), 2), frame.doubled[level]).add_(fine)
            doubled = functional.interpolate(coarse, scale_factor=2, mode="nearest")
            return load_torch().cat([cut(doubled, frame.doubled[level]), fine], 1)

        def forward(x: Tensor) -> Tensor:
            seen = []
            x = cut(x, frame.shown)
            x = folded(x, self.fold) if self.fold > 1 else x
            for level in range(self.levels):
                x = block(_halved(x) if level else x, f"encoder.{level}", self._parts(level))
                seen.append(x)
            for level in reversed(range(self.levels - 1)):
                x = joined(x, cut(seen[level], frame.seen[level]), level)
                x = block(x, f"decoder.{level}", _NEED)
            x = layer(x, "head")
            return unfolded(x, self.fold) if self.fold > 1 else x

        return forward

    def _parts(self, level: int) -> int:
        """Return how many convolutions the encoder has at a level."""
        return self.depth if level == self.levels - 1 else _NEED

    def frame(self, margin: int) -> Frame:
        """Return what is cut where, so that every layer ends with just what the core needs of it."""
        if margin == 0:
            return Frame(0, (0,) * self.levels, (0,) * self.levels)
        if margin < self.margin or margin % self.stride:
            raise UsageError(
                f"a margin of {margin} voxels; this network needs {self.margin}, or a larger multiple of {self.stride}."
            )
        asked, doubled, need = [], [], 0  # how far beyond the core, in voxels of a level
        for _ in range(self.levels - 1):
            asked.append(need + _NEED)
            need = -(-asked[-1] // 2)
            doubled.append(2 * need - asked[-1])
        need += self.depth
        seen = []
        for fine in reversed(asked):
            seen.append(2 * need - fine)
            need = 2 * need + _NEED
        return Frame(margin - self.fold * need, tuple(reversed(seen)), tuple(doubled))


@dataclass(frozen=True, slots=True)
class Frame:
    """What is cut from each side, voxels of a level.

    Attributes
    ----------
    shown
        Of the patch.
    seen
        Of what an encoder found, before a decoder gets it, by level.
    doubled
        Of what comes from the level below, by level.
    """

    shown: int
    seen: tuple[int, ...]
    doubled: tuple[int, ...]


_NEED = 2  # voxels that two convolutions of three look at to each side


def _add_block(shapes: dict[str, tuple[int, ...]], name: str, inputs: int, outputs: int, parts: int) -> None:
    for part in range(parts):
        _add_layer(shapes, f"{name}.{part}", outputs if part else inputs, outputs, 3)


def _add_layer(shapes: dict[str, tuple[int, ...]], name: str, inputs: int, outputs: int, side: int) -> None:
    shapes[f"{name}.weight"] = (outputs, inputs, side, side, side)
    shapes[f"{name}.bias"] = (outputs,)


def _halved(x: Tensor) -> Tensor:
    """Return means over 2 x 2 x 2 voxels, by sums of neighbours: they keep the layout that convolutions want."""
    x = x[:, :, ::2] + x[:, :, 1::2]
    x = x[:, :, :, ::2] + x[:, :, :, 1::2]
    x = x[..., ::2] + x[..., 1::2]
    return x.mul_(0.125)


def cut(x: Tensor, n: int) -> Tensor:
    """Return a tensor without ``n`` voxels at each side of its last three axes."""
    return x[:, :, n:-n, n:-n, n:-n] if n else x


def first_weights(shapes: Mapping[str, tuple[int, ...]], seed: int) -> dict[str, FloatArray]:
    """Return weights before training (He et al. 2015, ICCV, 1026); those of the head and all biases are 0."""
    rng = np.random.default_rng(seed)
    weights = {}
    for name, shape in shapes.items():
        values = np.zeros(shape, np.float32)
        if name.endswith("weight") and not name.startswith("head"):
            scale = sqrt(2.0 / (1.0 + SLOPE**2) / prod(shape[1:]))
            values = np.asarray(rng.normal(0.0, scale, shape), dtype=np.float32)
        weights[name] = values
    return weights
