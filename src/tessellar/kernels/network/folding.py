"""Blocks of voxels taken as one voxel with several values, and back again; nothing is lost between the two."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tessellar.kernels.network.torch_library import load_torch

if TYPE_CHECKING:
    from torch import Tensor


def folded(x: Tensor, side: int) -> Tensor:
    """Return blocks of ``side``³ voxels as single ones.

    Parameters
    ----------
    x
        Tensor (patch, map, frequency, l, m), sides multiples of ``side``.
    side
        Voxels of a block along each axis.

    Returns
    -------
    folded
        Tensor (patch, place in the block and map, frequency, l, m), in the layout that convolutions want.
    """
    patches, _, z, x_, y = x.shape
    places = (z // side, x_ // side, y // side)
    split = x.reshape(patches, -1, places[0], side, places[1], side, places[2], side)
    lines = [split[:, :, :, a, :, b].permute(0, 2, 3, 4, 5, 1) for a in range(side) for b in range(side)]
    joined = load_torch().stack(lines, 4)  # three times as fast as one permutation of all axes
    return joined.reshape(patches, *places, -1).permute(0, 4, 1, 2, 3)


def unfolded(x: Tensor, side: int) -> Tensor:
    """Return what `folded` returned ``x`` for."""
    patches, _, z, x_, y = x.shape
    split = x.permute(0, 2, 3, 4, 1).reshape(patches, z, x_, y, side, side, side, -1)
    joined = split.permute(0, 1, 4, 2, 5, 3, 6, 7).reshape(patches, z * side, x_ * side, y * side, -1)
    return joined.permute(0, 4, 1, 2, 3)
