"""How wrong a network of the second look is about candidates and about discs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tessellar.kernels.look.network import VALUES
from tessellar.kernels.network.torch_library import load_torch

if TYPE_CHECKING:
    from torch import Tensor

_TURN = VALUES.index("turn")
_LOG_ERRORS = (-5.0, 3.0)


def look_loss(answer: Tensor, wanted: Tensor) -> Tensor:
    """Return the mean loss of a batch, a scalar tensor.

    Of candidates it is the cross-entropy; of discs minus the logarithm of a Laplace distribution whose width is
    answered too, so that the correction is a median, which outliers do not move.

    Parameters
    ----------
    answer
        Tensor (example, head).
    wanted
        Tensor (example, 1) or (example, 6).
    """
    torch = load_torch()
    if wanted.shape[1] == 1:
        loss: Tensor = torch.nn.functional.binary_cross_entropy_with_logits(answer, wanted)
        return loss
    log_error = answer[:, len(VALUES) :].clamp(*_LOG_ERRORS)
    off = misses(answer[:, : len(VALUES)], wanted)
    laplace: Tensor = (off * (-log_error).exp() + log_error).mean()
    return laplace


def misses(values: Tensor, wanted: Tensor) -> Tensor:
    """Return by how much corrections are off, tensor (disc, 6), not negative; angles go around."""
    torch = load_torch()
    off = values - wanted
    turn = off[:, _TURN]
    around = torch.atan2(turn.sin(), turn.cos())
    return torch.cat([off[:, :_TURN], around[:, None], off[:, _TURN + 1 :]], 1).abs()
