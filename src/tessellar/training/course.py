"""A training from its first weights to its best: step by step, judged now and then, resumed from its checkpoint."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tessellar.kernels.network.torch_library import load_torch
from tessellar.kernels.network.weights import Calibration
from tessellar.model import FloatArray, Observer, Progress
from tessellar.training.checkpoint import Checkpoint, checkpoint_path, read_checkpoint, write_checkpoint
from tessellar.training.pace import steps_in
from tessellar.training.terms import Stretch

if TYPE_CHECKING:
    from tessellar.training.learner import Learner
    from tessellar.training.look.recipe import LookTraining
    from tessellar.training.recipe import Training

STAGE = "train"


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
    metrics: dict[str, Any]
    steps: int


@dataclass(slots=True, eq=False)
class Course(ABC):
    """One training, from the first weights or from where it was interrupted.

    Attributes
    ----------
    training
        What decides the result.
    out
        The file that is to be written; the checkpoint lies beside it.
    threads
        Cores to use; another number rounds differently.
    observer
        Who is told.
    """

    training: Training | LookTraining
    out: Path
    threads: int
    observer: Observer | None = field(default=None, kw_only=True)
    state: Checkpoint = field(init=False)
    learner: Learner = field(init=False)

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
        with threads_of_torch(self.threads):
            self.learner = self._learner(self.training.stretches[0])
            return steps_in(minutes, self.training.every, self._teach)

    @abstractmethod
    def _fingerprint(self) -> str:
        """Return a text that changes with whatever decides the weights."""

    @abstractmethod
    def _learner(self, stretch: Stretch) -> Learner:
        """Return a network with its first weights, for some steps."""

    @abstractmethod
    def _teach(self, step: int) -> float:
        """Take a step, and return the loss before it."""

    @abstractmethod
    def _judge(self) -> float:
        """Return the loss on what is held out."""

    @abstractmethod
    def _voxels(self) -> int:
        """Return how many voxels a step shows."""

    @abstractmethod
    def _finish(self) -> Trained:
        """Return the weights that the network has now, calibrated."""

    def _recall(self, numbers: dict[str, Any]) -> None:  # noqa: B027  # most have nothing to take up
        """Take up what a checkpoint says beside the weights; without anything, a term begins."""

    def _remember(self) -> dict[str, Any]:
        """Return what a checkpoint is to say beside the weights."""
        return {}

    def _begin(self, fresh: bool) -> None:
        fingerprint, path = self._fingerprint(), checkpoint_path(self.out)
        if path.exists() and not fresh:
            self.state = read_checkpoint(path, fingerprint)
        else:
            self.state = Checkpoint(fingerprint, 0)

    def _learn(self) -> None:
        """Take the steps that are left."""
        resumed, start = self.state.step, time.monotonic()
        self._tell("begin", STAGE, self.training.steps)
        for stretch in self.training.stretches:
            # the last term is entered though all its steps are done: what is left to do needs its learner
            if resumed < stretch.stop or stretch.stop == self.training.steps:
                self._enter(stretch)
                for done in self._steps_of(stretch):
                    voxels, seconds = (done - resumed) * self._voxels(), time.monotonic() - start
                    event = Progress(STAGE, done, self.training.steps, resumed, voxels, 0, seconds)
                    self._tell("progress", event)
        self._tell("end", STAGE)

    def _enter(self, stretch: Stretch) -> None:
        """Begin a term with the best weights of the one before, or go on in it."""
        self.learner, state = self._learner(stretch), self.state
        if state.step > stretch.first:
            self.learner.restore(state)
            self._recall(state.numbers)
            return
        if "best" in state.arrays:
            self.learner.put(state.arrays["best"])
        state.numbers = {"best": float("inf"), "waited": 0}
        self._recall({})

    def _steps_of(self, stretch: Stretch) -> Iterator[int]:
        """Take the steps of a term that are left, and yield how many are done after each."""
        losses: list[float] = []
        for step in range(max(stretch.first, self.state.step), stretch.stop):
            if self.state.numbers["waited"] >= self.training.patience:
                return
            losses.append(self._teach(step))
            yield step + 1
            if (step + 1) % self.training.every == 0 or step + 1 == stretch.stop:
                self._validate(step + 1, float(np.mean(losses)))
                losses.clear()

    def _validate(self, done: int, learned: float) -> None:
        """Look at what is held out, keep the weights if they are the best so far, and write the checkpoint."""
        loss, state = self._judge(), self.state
        better = loss < state.numbers["best"]
        if better:
            state.numbers["best"] = loss
            state.arrays["best"] = self.learner.values()
        patient = better or done < self.training.easy_steps
        state.numbers["waited"] = 0 if patient else state.numbers["waited"] + 1
        state.numbers.update(self._remember())
        state.step = done
        self.learner.save(state)
        write_checkpoint(checkpoint_path(self.out), state)
        mark = ", the best so far" if better else ""
        self._tell("say", f"step {done}: loss {learned:.4g}, on held-out skies {loss:.4g}{mark}")

    def _tell(self, what: str, *words: Any) -> None:
        if self.observer is not None:
            getattr(self.observer, what)(*words)


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
