"""A network that learns: its weights, its optimiser, one step at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from math import cos, pi
from typing import TYPE_CHECKING, Any

import numpy as np

from tessellar.kernels.network.torch_library import load_torch
from tessellar.model import FloatArray
from tessellar.training.checkpoint import Checkpoint
from tessellar.training.losses import Lesson, Losses, losses
from tessellar.training.recipe import Training

if TYPE_CHECKING:
    from torch import Tensor

    from tessellar.training.look.recipe import LookTraining

WARM_UP = 50  # steps over which the learning rate rises, or a twentieth of all
_FLOOR = 1e-3  # of the learning rate at the end
_MOMENTS = {"first": "exp_avg", "second": "exp_avg_sq"}


class Learner:
    """Weights that change with every lesson.

    Parameters
    ----------
    training
        How they change.
    """

    def __init__(self, training: Training | LookTraining) -> None:
        self._torch = load_torch()
        self._training = training
        self.weights: dict[str, Tensor] = {
            name: self._parameter(values)
            for name, values in training.architecture.initial(training.seed).items()
        }
        self.network: Callable[..., Tensor] = training.architecture.network(self.weights)
        self._optimizer = self._torch.optim.AdamW(
            list(self.weights.values()), lr=training.rate, weight_decay=training.decay, foreach=False
        )

    def learn(self, lesson: Lesson, step: int) -> Losses:
        """Take one step, and return how wrong the network was before it."""
        found: list[Losses] = []

        def total() -> Tensor:
            found.append(self._losses(self._answer(lesson.voxels), lesson))
            return found[0].total

        self.descend(total, step)
        return found[0]

    def descend(self, total: Callable[[], Tensor], step: int) -> float:
        """Take one step down a loss, and return what it was before."""
        for group in self._optimizer.param_groups:
            group["lr"] = self._training.rate * self._share_of_rate(step)
        self._optimizer.zero_grad(set_to_none=True)
        loss = total()
        loss.backward()
        self._torch.nn.utils.clip_grad_norm_(list(self.weights.values()), self._training.clip, foreach=False)
        self._optimizer.step()
        return float(loss.detach())

    def judge(self, lesson: Lesson) -> tuple[float, FloatArray]:
        """Return the loss of held-out patches, and the answer, float32 array (patch, head, frequency, l, m)."""
        with self._torch.inference_mode():
            answer = self._answer(lesson.voxels)
            return float(self._losses(answer, lesson).total), np.ascontiguousarray(answer.numpy())

    def values(self) -> dict[str, FloatArray]:
        """Return the weights, float32 arrays by name."""
        return {name: _copy(tensor) for name, tensor in self.weights.items()}

    def put(self, values: Mapping[str, FloatArray]) -> None:
        """Replace the weights."""
        with self._torch.no_grad():
            for name, tensor in self.weights.items():
                tensor.copy_(self._torch.from_numpy(values[name]))

    def save(self, checkpoint: Checkpoint) -> None:
        """Write weights and moments into a checkpoint."""
        checkpoint.arrays["weights"] = self.values()
        for group, key in _MOMENTS.items():
            checkpoint.arrays[group] = {
                name: _copy(self._optimizer.state[tensor][key]) for name, tensor in self.weights.items()
            }

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on from a checkpoint."""
        self.put(checkpoint.arrays["weights"])
        for name, tensor in self.weights.items():
            state: dict[str, Any] = {"step": self._torch.tensor(float(checkpoint.step))}
            for group, key in _MOMENTS.items():
                moment = self._torch.empty_like(tensor, requires_grad=False)
                moment.copy_(self._torch.from_numpy(checkpoint.arrays[group][name]))
                state[key] = moment
            self._optimizer.state[tensor] = state

    def _losses(self, answer: Tensor, lesson: Lesson) -> Losses:
        assert isinstance(self._training, Training)  # a network of the second look has a loss of its own
        return losses(answer, lesson, self._training.emphasis)

    def _answer(self, voxels: Tensor) -> Tensor:
        with self._precision():
            answer: Tensor = self.network(voxels)
        return answer.float()

    def _precision(self) -> AbstractContextManager[Any]:
        enabled = self._training.precision == "bfloat16"
        context: AbstractContextManager[Any] = self._torch.autocast(
            "cpu", self._torch.bfloat16, enabled=enabled
        )
        return context

    def _parameter(self, values: FloatArray) -> Tensor:
        tensor = self._torch.from_numpy(values)
        if tensor.ndim == 5:
            tensor = tensor.contiguous(memory_format=self._torch.channels_last_3d)
        return tensor.clone().requires_grad_()

    def _share_of_rate(self, step: int) -> float:
        steps = self._training.steps
        done, rising = step / steps, min(WARM_UP, max(1, steps // 20))
        return min(1.0, (step + 1) / rising) * ((1.0 - _FLOOR) * 0.5 * (1.0 + cos(pi * done)) + _FLOOR)


def _copy(tensor: Tensor) -> FloatArray:
    return np.ascontiguousarray(tensor.detach().numpy()).copy()
