"""A network that learns, one step at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from tessellar.kernels.network.runner import arithmetic
from tessellar.kernels.network.torch_library import load_torch
from tessellar.model import FloatArray
from tessellar.training.checkpoint import Checkpoint
from tessellar.training.losses import Lesson, Losses, losses
from tessellar.training.optimizer import Optimizer
from tessellar.training.recipe import Training
from tessellar.training.terms import Stretch

if TYPE_CHECKING:
    from torch import Tensor

    from tessellar.training.look.recipe import LookTraining


class Learner:
    """Weights that change with every lesson.

    Parameters
    ----------
    training
        How they change.
    stretch
        In which steps, and how fast.
    device
        Where, as torch calls it.
    """

    def __init__(self, training: Training | LookTraining, stretch: Stretch, device: str = "cpu") -> None:
        self._torch = load_torch()
        self._training, self._stretch, self._device = training, stretch, device
        kernel_rate = training.kernel_rate if isinstance(training, Training) else 0.0
        self._weights = Optimizer(
            training.architecture.initial(training.seed), training.rate, kernel_rate, training.decay, device
        )

    @property
    def network(self) -> Callable[..., Tensor]:
        """The network with the weights that it has now."""
        network: Callable[..., Tensor] = self._training.architecture.network(self._weights.tensors())
        return network

    def learn(self, lesson: Lesson, step: int) -> Losses:
        """Take one step, and return how wrong the network was before it."""
        found: list[Losses] = []
        here = lesson.on(self._device)

        def total() -> Tensor:
            found.append(self._losses(self._answer(here.voxels), here))
            return found[0].total

        self.descend(total, step)
        return found[0]

    def descend(self, total: Callable[[], Tensor], step: int) -> float:
        """Take one step down a loss, and return what it was before."""
        self._weights.forget()
        with arithmetic(self._torch, self._device):  # the way back has no settings of its own
            loss = total()
            loss.backward()
        self._weights.step(self._stretch.rate_at(step), self._training.clip)
        return float(loss.detach())

    def judge(self, lesson: Lesson) -> tuple[float, FloatArray]:
        """Return the loss of held-out patches, and the answer, float32 array (patch, head, frequency, l, m)."""
        here = lesson.on(self._device)
        with self._torch.inference_mode():
            answer = self._answer(here.voxels)
            return float(self._losses(answer, here).total), np.ascontiguousarray(answer.cpu().numpy())

    def values(self) -> dict[str, FloatArray]:
        """Return the weights, float32 arrays by name."""
        return self._weights.values()

    def put(self, values: Mapping[str, FloatArray]) -> None:
        """Replace the weights."""
        self._weights.put(values)

    def save(self, checkpoint: Checkpoint) -> None:
        """Write weights and moments into a checkpoint."""
        checkpoint.arrays.update(weights=self.values(), **self._weights.moments())

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on from a checkpoint."""
        self.put(checkpoint.arrays["weights"])
        self._weights.restore(checkpoint.arrays, checkpoint.step - self._stretch.first)

    def _losses(self, answer: Tensor, lesson: Lesson) -> Losses:
        return losses(answer, lesson, self._stretch.term.emphasis)

    def _answer(self, voxels: Tensor) -> Tensor:
        with arithmetic(self._torch, self._device, self._training.precision):
            answer: Tensor = self.network(voxels)
        return answer.to(
            self._torch.float32, memory_format=self._torch.contiguous_format
        )  # losses go head by head
