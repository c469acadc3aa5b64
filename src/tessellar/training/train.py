"""A U-Net learns: skies are shown to it, it is corrected, and its best weights are calibrated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from tessellar.kernels.devices import CPU, device_type
from tessellar.kernels.logit import probability_of
from tessellar.model import DoubleArray, FloatArray
from tessellar.training.course import Course, Trained
from tessellar.training.learner import Learner
from tessellar.training.lessons import Curriculum, item_of, lesson_of
from tessellar.training.losses import Lesson
from tessellar.training.negatives import HardNegatives
from tessellar.training.noise2noise import Pairs
from tessellar.training.platt import calibrate, calibration_error
from tessellar.training.recipe import Training
from tessellar.training.skies import local_weight, make_patch
from tessellar.training.skies_ahead import Hand, SkiesAhead
from tessellar.training.terms import Stretch

_HELD_OUT, _CALIBRATION = 2**40, 2**41  # first numbers of skies that are never trained on
_GALAXIES = 10  # of a sky for calibration, at most: about as many per voxel as in a deep survey


@dataclass(slots=True, eq=False)
class Trainer(Course):
    """The training of a U-Net.

    Attributes
    ----------
    pairs
        Real observations to learn from as well.
    device
        Where the network is, as torch calls it; those of another type round differently.
    hands
        Who makes skies beside it; they change nothing. Those that die are taken out.
    """

    training: Training
    pairs: Pairs | None = None
    device: str = CPU
    hands: list[Hand] = field(default_factory=list)
    negatives: HardNegatives = field(default_factory=HardNegatives)
    _curriculum: Curriculum = field(init=False)
    _held_out: list[Lesson] = field(default_factory=list, init=False)

    def _fingerprint(self) -> str:
        pairs = "" if self.pairs is None else " ".join(cube.identity for cube in self.pairs.cubes)
        return self.training.fingerprint(self.threads, pairs, device_type(self.device))

    def _learner(self, stretch: Stretch) -> Learner:
        training = self.training
        skies = SkiesAhead(training.skies, training.seed, self.hands, partial(self._tell, "say"))
        self._curriculum = Curriculum(skies, training.batch, training.easy_steps, self.pairs)
        return Learner(training, stretch, self.device)

    def _recall(self, numbers: dict[str, Any]) -> None:
        scores = numbers.get("negatives", {})
        self.negatives = HardNegatives(scores={int(number): score for number, score in scores.items()})

    def _remember(self) -> dict[str, Any]:
        return {"negatives": {str(number): score for number, score in self.negatives.scores.items()}}

    def _teach(self, step: int) -> float:
        items = self._curriculum.items(step, self.negatives)
        found = self.learner.learn(lesson_of(items), step)
        for item, false in zip(items, found.false.tolist(), strict=True):
            if item.empty is not None:
                self.negatives.learn(item.empty, false)
        return float(found.total.detach())

    def _judge(self) -> float:
        training = self.training
        if not self._held_out:
            numbers = range(_HELD_OUT, _HELD_OUT + training.held_out)
            items = [item_of(make_patch(training.skies, training.seed, number), number) for number in numbers]
            size = training.batch
            self._held_out = [lesson_of(items[i : i + size]) for i in range(0, len(items), size)]
        return float(np.mean([self.learner.judge(lesson)[0] for lesson in self._held_out]))

    def _voxels(self) -> int:
        return self.training.batch * self.training.skies.side**3

    def _finish(self) -> Trained:
        answers: list[DoubleArray] = []
        truths: list[DoubleArray] = []
        masks: list[DoubleArray] = []
        weights: list[DoubleArray] = []
        for lesson in self._calibration_skies():
            heads = np.moveaxis(self.learner.judge(lesson)[1], 1, 0)
            answers.append(self._inner(heads).reshape(len(heads), -1))
            truths.append(self._inner(lesson.truth.numpy()).ravel())
            masks.append(self._inner(lesson.mask.numpy()).ravel())
            weights.append(self._inner(local_weight(lesson.truth.numpy()[0, 0])).ravel())
        answer, truth, mask = np.concatenate(answers, axis=1), np.concatenate(truths), np.concatenate(masks)
        calibration = calibrate(answer, truth, mask, np.concatenate(weights))
        logit = calibration.mask_slope * answer[1] + calibration.mask_offset
        metrics = {
            "held_out_loss": self.state.numbers["best"],
            "calibration_error": calibration_error(probability_of(logit), mask),
            "calibration_error_raw": calibration_error(probability_of(answer[1]), mask),
        }
        return Trained(self.learner.values(), calibration, metrics, self.state.step)

    def _calibration_skies(self) -> Iterator[Lesson]:
        """Yield skies so large that their inner voxels see all that a network sees at work, as rich as a survey is."""
        training = self.training
        margin = training.architecture.margin
        skies = replace(training.skies, side=training.skies.side + 2 * margin, most=_GALAXIES)
        for number in range(_CALIBRATION, _CALIBRATION + max(1, training.held_out // 2)):
            yield lesson_of([item_of(make_patch(skies, training.seed, number), number)])

    def _inner(self, values: FloatArray) -> DoubleArray:
        """Return the voxels that the margin of the network surrounds, along the last three axes."""
        inner = slice(self.training.architecture.margin, -self.training.architecture.margin)
        return values[..., inner, inner, inner].astype(np.float64)
