"""The loop: show candidates, correct, look at held-out ones now and then, keep the best weights, calibrate them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tessellar.kernels.logit import probability_of
from tessellar.kernels.look.network import VALUES
from tessellar.kernels.network.torch_library import load_torch
from tessellar.kernels.network.weights import Calibration
from tessellar.model import DoubleArray, FloatArray, Observer, Progress
from tessellar.training.checkpoint import Checkpoint, checkpoint_path, read_checkpoint, write_checkpoint
from tessellar.training.learner import Learner
from tessellar.training.look.lessons import Examples, LookLesson, lesson_at, parts_of
from tessellar.training.look.losses import look_loss, misses
from tessellar.training.look.recipe import LookTraining
from tessellar.training.pace import steps_in
from tessellar.training.platt import calibration_error, logistic
from tessellar.training.train import STAGE, threads_of_torch

if TYPE_CHECKING:
    from torch import Tensor

_WITHIN = 0.683  # share of the truths that lie within the error
_LEAST_SCALE = 1e-3  # of errors
_PART = 128  # examples that are judged together


@dataclass(frozen=True, slots=True, eq=False)
class TrainedLook:
    """What a training ended with.

    Attributes
    ----------
    weights
        float32 arrays by name.
    calibration
        What the logit becomes.
    metrics
        How good they are on held-out skies.
    steps
        Steps done; fewer than asked where it stopped early.
    """

    weights: dict[str, FloatArray]
    calibration: Calibration
    metrics: dict[str, Any]
    steps: int


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
class LookTrainer:
    """One training, from the first weights or from where it was interrupted.

    Attributes
    ----------
    training
        What decides the result.
    out
        The file that is to be written; the checkpoint lies beside it.
    threads
        Cores to use; another number rounds differently.
    examples, held_out
        What is learnt from, and what tells how well.
    observer
        Who is told.
    """

    training: LookTraining
    out: Path
    threads: int
    examples: Examples
    held_out: Examples
    observer: Observer | None = None
    state: Checkpoint = field(init=False)
    learner: LookLearner = field(init=False)

    def run(self, *, fresh: bool = False) -> TrainedLook:
        """Train to the end, and return the best weights.

        Parameters
        ----------
        fresh
            Whether an earlier checkpoint is ignored.

        Raises
        ------
        UsageError
            The checkpoint is of another training.
        """
        with threads_of_torch(self.threads):
            self._begin(fresh)
            self._learn()
            self.learner.put(self.state.arrays["best"])
            trained = self._finish()
        checkpoint_path(self.out).unlink(missing_ok=True)
        return trained

    def steps_in(self, minutes: float) -> int:
        """Return how many steps this machine does in some minutes, in whole validations, from a few that it times."""
        learner, training = LookLearner(self.training, self.training.stretch), self.training
        with threads_of_torch(self.threads):
            return steps_in(
                minutes,
                training.every,
                lambda step: learner.teach(
                    lesson_at(self.examples, training.seed, step, training.batch), step
                ),
            )

    def _begin(self, fresh: bool) -> None:
        fingerprint, path = self.training.fingerprint(self.threads), checkpoint_path(self.out)
        self.learner = LookLearner(self.training, self.training.stretch)
        if path.exists() and not fresh:
            self.state = read_checkpoint(path, fingerprint)
            self.learner.restore(self.state)
        else:
            self.state = Checkpoint(fingerprint, 0, {}, {"best": float("inf"), "waited": 0})

    def _learn(self) -> None:
        training, first, start = self.training, self.state.step, time.monotonic()
        total, since = 0.0, 0
        self._tell("begin", STAGE, training.steps)
        for step in range(first, training.steps):
            if self.state.numbers["waited"] >= training.patience:
                break
            total += self.learner.teach(lesson_at(self.examples, training.seed, step, training.batch), step)
            since += 1
            self._tell("progress", self._event(step + 1, first, time.monotonic() - start))
            if (step + 1) % training.every == 0 or step + 1 == training.steps:
                self._validate(step + 1, total / since)
                total, since = 0.0, 0
        self._tell("end", STAGE)

    def _validate(self, done: int, learned: float) -> None:
        """Look at held-out candidates, keep the weights if they are the best so far, and write the checkpoint."""
        answer, numbers = self._judged(), self.state.numbers
        torch = load_torch()
        loss = float(look_loss(torch.from_numpy(answer), torch.from_numpy(self.held_out.answers)))
        better = loss < numbers["best"]
        if better:
            numbers["best"] = loss
            self.state.arrays["best"] = self.learner.values()
        numbers["waited"] = 0 if better else numbers["waited"] + 1
        self.state.step = done
        self.learner.save(self.state)
        write_checkpoint(checkpoint_path(self.out), self.state)
        mark = ", the best so far" if better else ""
        self._tell("say", f"step {done}: loss {learned:.4g}, on held-out skies {loss:.4g}{mark}")

    def _judged(self) -> FloatArray:
        """Return the raw answers to the held-out examples, float32 array (example, head)."""
        with load_torch().inference_mode():
            parts = [self.learner.answers(lesson).numpy() for lesson in parts_of(self.held_out, _PART)]
        return np.concatenate(parts)

    def _finish(self) -> TrainedLook:
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
        return TrainedLook(weights, calibration, metrics, self.state.step)

    def _event(self, done: int, resumed: int, seconds: float) -> Progress:
        voxels = (done - resumed) * self.training.batch * int(np.prod(self.examples.patches.shape[2:]))
        return Progress(STAGE, done, self.training.steps, resumed, voxels, 0, seconds)

    def _tell(self, what: str, *words: Any) -> None:
        if self.observer is not None:
            getattr(self.observer, what)(*words)


def error_scales(answer: FloatArray, wanted: FloatArray) -> DoubleArray:
    """Return by what to multiply errors so that 68 % of the truths lie within them, float64 array (6)."""
    torch, n = load_torch(), len(VALUES)
    off = misses(torch.from_numpy(answer[:, :n]), torch.from_numpy(wanted)).numpy()
    scales = np.quantile(off / np.exp(answer[:, n:]), _WITHIN, axis=0)
    return np.maximum(np.asarray(scales, dtype=np.float64), _LEAST_SCALE)
