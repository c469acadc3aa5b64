"""The U-Net on the processor in float32 with loops of its own: a third of a library's products, one order of sums.

It is the same function of a patch as `tessellar.kernels.network.architecture` has, up to rounding. Maps lie side by
side in every line of voxels: arrays are (frequency, l, map, m).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tessellar.kernels.network.architecture import SLOPE, Architecture, Frame
from tessellar.kernels.network.places import Unfolding, halved
from tessellar.kernels.network.torch_library import load_torch
from tessellar.kernels.network.winograd import Convolution
from tessellar.lanes.room import roomy
from tessellar.model import FloatArray

if TYPE_CHECKING:
    from torch import Tensor


def compiled_network(
    design: Architecture, weights: Mapping[str, FloatArray], margin: int
) -> Callable[[Tensor], Tensor]:
    """Return the network of `Architecture.network` for float32 tensors on the processor.

    Parameters
    ----------
    design
        Its size.
    weights
        float32 arrays with the names and shapes of the design.
    margin
        How much of each side the result lacks, voxels: the margin of the design, or a larger multiple of its stride.
    """
    unet, torch = _CompiledUNet.of(design, weights, margin), load_torch()

    def network(x: Tensor) -> Tensor:
        return torch.stack([torch.from_numpy(unet(patch)) for patch in x[:, 0].numpy()])

    return network


@dataclass(frozen=True, slots=True, eq=False)
class _CompiledUNet:
    """The layers by name, and what is cut where."""

    design: Architecture
    frame: Frame
    convolutions: dict[str, Convolution]
    unfoldings: dict[str, Unfolding]

    @classmethod
    def of(cls, design: Architecture, weights: Mapping[str, FloatArray], margin: int) -> _CompiledUNet:
        convolutions, unfoldings = {}, {}
        for name in (key.removesuffix(".weight") for key in weights if key.endswith(".weight")):
            weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
            if weight.shape[-1] == 1:
                unfoldings[name] = Unfolding.of(weight, bias, design.fold if name == "head" else 2)
            else:
                convolutions[name] = Convolution.of(weight, bias, SLOPE)
        return cls(design, design.frame(margin), convolutions, unfoldings)

    def __call__(self, voxels: FloatArray) -> FloatArray:
        """Return the answer for a patch (frequency, l, m), float32 array (head, frequency, l, m)."""
        design = self.design
        x, seen = _folded(voxels, design.fold, self.frame.shown), []
        for level in range(design.levels):
            x = self._block(halved(x) if level else x, f"encoder.{level}")
            seen.append(x)
        for level in reversed(range(design.levels - 1)):
            x = self._joined(x, seen[level], level)
            x = self._block(x, f"decoder.{level}")
        z, x_, _, y = (design.fold * n for n in x.shape)
        return self.unfoldings["head"](x, 0, (z, x_, y)).transpose(2, 0, 1, 3)

    def _block(self, x: FloatArray, name: str) -> FloatArray:
        part = 0
        while f"{name}.{part}" in self.convolutions:
            x = self.convolutions[f"{name}.{part}"](x)
            part += 1
        return x

    def _joined(self, coarse: FloatArray, fine: FloatArray, level: int) -> FloatArray:
        """Return what a level saw, less its edge, with what comes from the level below."""
        edge, cut = self.frame.seen[level], self.frame.doubled[level]
        z, x, y = (n - 2 * edge for n in (fine.shape[0], fine.shape[1], fine.shape[3]))
        if self.design.join == "add":
            return self.unfoldings[f"up.{level}"](coarse, cut, (z, x, y), fine, edge)
        above, along, across = (np.arange(cut, cut + n) // 2 for n in (z, x, y))
        maps = coarse.shape[2]
        out = roomy((z, x, maps + fine.shape[2], y))
        for channel, below in zip(out, above, strict=True):
            channel[:, :maps] = coarse[below][along][..., across]
        out[:, :, maps:] = fine[edge : edge + z, edge : edge + x, :, edge : edge + y]
        return out


def _folded(voxels: FloatArray, side: int, cut: int) -> FloatArray:
    """Return blocks of ``side``³ voxels as single ones with as many maps, without ``cut`` voxels at each side."""
    z, x, y = (n - 2 * cut for n in voxels.shape)
    inner = voxels[cut : cut + z, cut : cut + x, cut : cut + y]
    blocks = inner.reshape(z // side, side, x // side, side, y // side, side).transpose(0, 2, 1, 3, 5, 4)
    out = roomy((z // side, x // side, side**3, y // side))
    out.reshape(blocks.shape)[...] = blocks
    return out
