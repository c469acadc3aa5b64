"""How far a network really sees, measured: which input voxels move an output voxel at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tessellar.errors import UsageError
from tessellar.kernels.network.torch_library import load_torch

if TYPE_CHECKING:
    from torch import Tensor

_SPARE = 2  # strides beyond the declared margin that are looked at


def measured_reach(network: Callable[[Tensor], Tensor], margin: int, stride: int) -> int:
    """Return the largest distance along an axis at which a voxel has any influence, from gradients.

    Parameters
    ----------
    network
        Takes a tensor (1, 1, frequency, l, m) and answers for every voxel of it.
    margin
        What it declares; nothing farther than two strides beyond it is looked at.
    stride
        By which it is aligned; an output voxel is asked for each position within a stride.
    """
    torch = load_torch()
    first = margin + _SPARE * stride
    side = 2 * first + stride
    generator = torch.Generator().manual_seed(0)
    voxels = torch.randn((1, 1, side, side, side), generator=generator).requires_grad_()
    answer = network(voxels)
    reach = 0
    for centre in range(first, first + stride):
        asked = answer[0, :, centre, centre, centre].sum()
        (gradient,) = torch.autograd.grad(asked, voxels, retain_graph=True)
        seen = gradient[0, 0].nonzero()
        if len(seen):
            reach = max(reach, int((seen - centre).abs().max()))
    return reach


def refuse_dishonest(network: Callable[[Tensor], Tensor], margin: int, stride: int, name: str) -> None:
    """Raise if a network sees farther than it declares.

    Raises
    ------
    UsageError
        It does, so that its result would depend on where tiles begin.
    """
    reach = measured_reach(network, margin, stride)
    if reach > margin:
        seen = "everywhere in the patch" if reach >= margin + _SPARE * stride else f"{reach} voxels away"
        raise UsageError(
            f"the network of {name} declares a margin of {margin} voxels and sees {seen}: its result would depend on "
            "the tiles. Declare the true margin; a layer that takes statistics of the patch has none."
        )
