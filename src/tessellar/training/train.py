"""The loop: show skies, correct, look at held-out skies now and then, keep the best weights, calibrate them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from tessellar.kernels.devices import device_type
from tessellar.kernels.logit import probability_of
from tessellar.kernels.network.torch_library import load_torch
from tessellar.kernels.network.weights import Calibration
from tessellar.model import DoubleArray, FloatArray, Observer, Progress
from tessellar.training.checkpoint import Checkpoint, checkpoint_path, read_checkpoint, write_checkpoint
from tessellar.training.learner import Learner
from tessellar.training.lessons import Curriculum, item_of, lesson_of
from tessellar.training.losses import Lesson
from tessellar.training.negatives import HardNegatives
from tessellar.training.noise2noise import Pairs
from tessellar.training.pace import steps_in
from tessellar.training.platt import calibrate, calibration_error
from tessellar.training.recipe import Training
from tessellar.training.skies import local_weight, make_patch
from tessellar.training.skies_ahead import Hand, SkiesAhead
from tessellar.training.terms import Stretch

STAGE = "train"
_HELD_OUT, _CALIBRATION = 2**40, 2**41  # first numbers of skies that are never trained on
_GALAXIES = 10  # of a sky for calibration, at most: about as many per voxel as in a deep survey


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """What a training ended with.

    Attributes
    ----------
    weights
        float32 arrays by name.
    calibration
        What their raw answers become.
    metrics
        How good they are on held-out skies.
    steps
        Steps done; fewer than asked where it stopped early.
    """

    weights: dict[str, FloatArray]
    calibration: Calibration
    metrics: dict[str, float]
    steps: int


@dataclass(slots=True, eq=False)
class Trainer:
    """One training, from the first weights or from where it was interrupted.

    Attributes
    ----------
    training
        What decides the result.
    out
        The file that is to be written; the checkpoint lies beside it.
    threads
        Cores to use; another number rounds differently.
    pairs
        Real observations to learn from as well.
    observer
        Who is told.
    device
        Where the network is, as torch calls it; those of another type round differently.
    hands
        Who makes skies beside it; they change nothing.
    """

    training: Training
    out: Path
    threads: int
    pairs: Pairs | None = None
    observer: Observer | None = None
    device: str = "cpu"
    hands: Sequence[Hand] = ()
    state: Checkpoint = field(init=False)
    learner: Learner = field(init=False)
    negatives: HardNegatives = field(default_factory=HardNegatives)

    def run(self, *, fresh: bool = False) -> Trained:
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
        learner = Learner(self.training, self.training.stretches[0], self.device)
        curriculum = self._curriculum()
        with threads_of_torch(self.threads):
            return steps_in(
                minutes,
                self.training.every,
                lambda step: learner.learn(lesson_of(curriculum.items(step, HardNegatives())), step),
            )

    def _begin(self, fresh: bool) -> None:
        pairs = "" if self.pairs is None else " ".join(cube.identity for cube in self.pairs.cubes)
        fingerprint = self.training.fingerprint(self.threads, pairs, device_type(self.device))
        path = checkpoint_path(self.out)
        if path.exists() and not fresh:
            self.state = read_checkpoint(path, fingerprint)
        else:
            self.state = Checkpoint(fingerprint, 0)

    def _learn(self) -> None:
        """Take the steps that are left."""
        resumed, held_out, curriculum = self.state.step, self._held_out(), self._curriculum()
        start = time.monotonic()
        self._tell("begin", self.training.steps)
        for stretch in self.training.stretches:
            # the last term is entered though all its steps are done: what is left to do needs its learner
            if resumed < stretch.stop or stretch.stop == self.training.steps:
                self._enter(stretch)
                for done in self._steps_of(stretch, held_out, curriculum):
                    self._tell("progress", self._event(done, resumed, time.monotonic() - start))
        self._tell("end", STAGE)

    def _enter(self, stretch: Stretch) -> None:
        """Begin a term with the best weights of the one before, or go on in it."""
        self.learner, state = Learner(self.training, stretch, self.device), self.state
        self.negatives = HardNegatives()
        if state.step > stretch.first:
            self.learner.restore(state)
            self.negatives.scores = {int(number): s for number, s in state.numbers["negatives"].items()}
            return
        if "best" in state.arrays:
            self.learner.put(state.arrays["best"])
        state.numbers = {"best": float("inf"), "waited": 0}

    def _steps_of(self, stretch: Stretch, held_out: list[Lesson], curriculum: Curriculum) -> Iterator[int]:
        """Take the steps of a term that are left, and yield how many are done after each."""
        totals: list[float] = []
        for step in range(max(stretch.first, self.state.step), stretch.stop):
            if self.state.numbers["waited"] >= self.training.patience:
                return
            items = curriculum.items(step, self.negatives)
            found = self.learner.learn(lesson_of(items), step)
            for item, false in zip(items, found.false.tolist(), strict=True):
                if item.empty is not None:
                    self.negatives.learn(item.empty, false)
            totals.append(float(found.total.detach()))
            yield step + 1
            if (step + 1) % self.training.every == 0 or step + 1 == stretch.stop:
                self._validate(step + 1, held_out, float(np.mean(totals)))
                totals.clear()

    def _validate(self, done: int, held_out: list[Lesson], learned: float) -> None:
        """Look at held-out skies, keep the weights if they are the best so far, and write the checkpoint."""
        loss = float(np.mean([self.learner.judge(lesson)[0] for lesson in held_out]))
        numbers = self.state.numbers
        better = loss < numbers["best"]
        if better:
            numbers["best"] = loss
            self.state.arrays["best"] = self.learner.values()
        numbers["waited"] = 0 if better or done < self.training.easy_steps else numbers["waited"] + 1
        numbers["negatives"] = {str(number): score for number, score in self.negatives.scores.items()}
        self.state.step = done
        self.learner.save(self.state)
        write_checkpoint(checkpoint_path(self.out), self.state)
        mark = ", the best so far" if better else ""
        self._tell("say", f"step {done}: loss {learned:.4g}, on held-out skies {loss:.4g}{mark}")

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

    def _held_out(self) -> list[Lesson]:
        training = self.training
        numbers = range(_HELD_OUT, _HELD_OUT + training.held_out)
        items = [item_of(make_patch(training.skies, training.seed, number), number) for number in numbers]
        return [lesson_of(items[i : i + training.batch]) for i in range(0, len(items), training.batch)]

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

    def _curriculum(self) -> Curriculum:
        training = self.training
        skies = SkiesAhead(training.skies, training.seed, list(self.hands))
        return Curriculum(skies, training.batch, training.easy_steps, self.pairs)

    def _event(self, done: int, resumed: int, seconds: float) -> Progress:
        voxels = (done - resumed) * self.training.batch * self.training.skies.side**3
        return Progress(STAGE, done, self.training.steps, resumed, voxels, 0, seconds)

    def _tell(self, what: str, *words: Any) -> None:
        if self.observer is None:
            return
        getattr(self.observer, what)(*((STAGE, *words) if what == "begin" else words))


@contextmanager
def threads_of_torch(count: int) -> Iterator[None]:
    """Let torch use so many cores, and as many as before at the end."""
    torch = load_torch()
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
