"""A network of the second look learns: candidates are shown to it, and its best weights are calibrated."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from tessellar.kernels.logit import probability_of
from tessellar.kernels.look.network import VALUES
from tessellar.kernels.network.torch_library import load_torch
from tessellar.kernels.network.weights import Calibration
from tessellar.model import DoubleArray, FloatArray
from tessellar.training.course import Course, Trained
from tessellar.training.learner import Learner
from tessellar.training.look.lessons import Examples, LookLesson, lesson_at, parts_of
from tessellar.training.look.losses import look_loss, misses
from tessellar.training.look.recipe import LookTraining
from tessellar.training.platt import calibration_error, logistic
from tessellar.training.terms import Stretch

if TYPE_CHECKING:
    from torch import Tensor

_WITHIN = 0.683  # share of the truths that lie within the error
_LEAST_SCALE = 1e-3  # of errors
_PART = 128  # examples that are judged together


class LookLearner(Learner):
    """A network of the second look that learns."""

    def teach(self, lesson: LookLesson, step: int) -> float:
        """Take one step, and return how wrong the network was before it."""
        return self.descend(lambda: look_loss(self.answers(lesson), lesson.answers), step)

    def answers(self, lesson: LookLesson) -> Tensor:
        """Return the raw answers to a batch."""
        answer: Tensor = self.network(lesson.patches, lesson.features)
        return answer


@dataclass(slots=True, eq=False)
class LookTrainer(Course):
    """The training of a network of the second look.

    Attributes
    ----------
    examples, held_out
        What is learnt from, and what tells how well.
    """

    training: LookTraining
    learner: LookLearner = field(init=False)
    examples: Examples
    held_out: Examples

    def _fingerprint(self) -> str:
        return self.training.fingerprint(self.threads)

    def _learner(self, stretch: Stretch) -> LookLearner:
        return LookLearner(self.training, stretch)

    def _teach(self, step: int) -> float:
        training = self.training
        return self.learner.teach(lesson_at(self.examples, training.seed, step, training.batch), step)

    def _judge(self) -> float:
        torch = load_torch()
        return float(look_loss(torch.from_numpy(self._judged()), torch.from_numpy(self.held_out.answers)))

    def _voxels(self) -> int:
        return self.training.batch * int(np.prod(self.examples.patches.shape[2:]))

    def _judged(self) -> FloatArray:
        """Return the raw answers to the held-out examples, float32 array (example, head)."""
        with load_torch().inference_mode():
            parts = [self.learner.answers(lesson).numpy() for lesson in parts_of(self.held_out, _PART)]
        return np.concatenate(parts)

    def _finish(self) -> Trained:
        answer, wanted, weights = self._judged(), self.held_out.answers, self.learner.values()
        metrics: dict[str, Any] = {"held_out_loss": self.state.numbers["best"]}
        calibration = Calibration()
        if self.held_out.of_discs:
            scales = error_scales(answer, wanted)
            weights["head.bias"][len(VALUES) :] += np.log(scales).astype(np.float32)
            metrics["error_scales"] = dict(zip(VALUES, scales.tolist(), strict=True))
        else:
            logit, real = answer[:, 0].astype(np.float64), wanted[:, 0].astype(np.float64)
            slope, offset = logistic(logit, real)
            calibration = Calibration(mask_slope=slope, mask_offset=offset)
            probability = probability_of(slope * logit + offset)
            metrics["calibration_error"] = calibration_error(probability, real)
        return Trained(weights, calibration, metrics, self.state.step)


def error_scales(answer: FloatArray, wanted: FloatArray) -> DoubleArray:
    """Return by what to multiply errors so that 68 % of the truths lie within them, float64 array (6)."""
    torch, n = load_torch(), len(VALUES)
    off = misses(torch.from_numpy(answer[:, :n]), torch.from_numpy(wanted)).numpy()
    scales = np.quantile(off / np.exp(answer[:, n:]), _WITHIN, axis=0)
    return np.maximum(np.asarray(scales, dtype=np.float64), _LEAST_SCALE)
