"""What training makes small: the error of the sky, of the mask, and of what the network thinks of its own error."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from tessellar.kernels.network.torch_library import load_torch

if TYPE_CHECKING:
    from torch import Tensor

POSITIVE_WEIGHT = 4.0  # how much more a missed voxel costs than a false one
BETA = 0.25  # 0 is the plain likelihood, where few voxels pull too hard; 1 forgets those with small errors
LOG_VARIANCE_LIMITS = (-14.0, 10.0)

_MASK, _DICE, _VARIANCE = 2.0, 0.3, 0.1


@dataclass(frozen=True, slots=True)
class Lesson:
    """A batch to learn from: tensors (patch, 1, frequency, l, m).

    Attributes
    ----------
    voxels
        Input of the network, units of the noise.
    truth
        What it should answer.
    mask
        1 where emission is, 0 elsewhere.
    weight
        Weight of the squared error, shape (patch, 1, 1, 1, 1).
    known
        1 for patches whose mask is known, 0 for those of real cubes; shape (patch, 1, 1, 1, 1).
    """

    voxels: Tensor
    truth: Tensor
    mask: Tensor
    weight: Tensor
    known: Tensor

    def on(self, device: str) -> Lesson:
        """Return the batch where the network is."""
        return Lesson(*(getattr(self, part.name).to(device) for part in fields(self)))


@dataclass(frozen=True, slots=True)
class Losses:
    """The loss of a batch and its parts.

    Attributes
    ----------
    total
        What is made small, scalar tensor.
    false
        Cross-entropy of the mask for each patch, float tensor (patch): large where an empty patch fools the network.
    """

    total: Tensor
    false: Tensor


def losses(answer: Tensor, lesson: Lesson, emphasis: float) -> Losses:
    """Return how wrong a network's answer is.

    The sum of a squared error that counts sources more, of the cross-entropy and the soft Dice coefficient of the
    mask (Milletari, Navab & Ahmadi 2016, 3DV, 565), and of the beta negative log-likelihood of the variance
    (Seitzer et al. 2022, ICLR), which leaves the mean alone.

    Parameters
    ----------
    answer
        Tensor (patch, 3, frequency, l, m): the heads of the architecture.
    lesson
        What it was asked and what it should have answered.
    emphasis
        How much more an error inside a source counts.
    """
    torch = load_torch()
    mean, logit, log_variance = answer.split(1, dim=1)
    log_variance = log_variance.clamp(*LOG_VARIANCE_LIMITS)
    importance = lesson.weight * (1.0 + emphasis * lesson.mask)
    squared = (mean - lesson.truth) ** 2
    cross = torch.nn.functional.binary_cross_entropy_with_logits(
        logit, lesson.mask, reduction="none", pos_weight=torch.tensor(POSITIVE_WEIGHT, device=logit.device)
    )
    false = (lesson.known * cross).mean(dim=(1, 2, 3, 4))
    probability = torch.sigmoid(logit) * lesson.known
    overlap = 2.0 * (probability * lesson.mask).sum() + 1.0
    dice = 1.0 - overlap / (probability.sum() + lesson.mask.sum() + 1.0)
    variance = log_variance.exp()
    surprise = 0.5 * (log_variance + squared.detach() / variance) * variance.detach() ** BETA
    total = (
        (importance * squared).mean()
        + _MASK * false.mean()
        + _DICE * dice
        + _VARIANCE * (lesson.known * importance * surprise).mean()
    )
    return Losses(total, false.detach())
