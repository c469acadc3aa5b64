"""Training: it learns, it can be stopped anywhere, and one seed gives one network."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import tessellar as ts
from tessellar.errors import InputError, UsageError
from tessellar.kernels.network.architecture import Architecture
from tessellar.kernels.network.weights import read_card
from tessellar.model import Progress
from tessellar.simulate.hi import HiSky
from tessellar.training.checkpoint import checkpoint_path, read_checkpoint
from tessellar.training.learner import Learner
from tessellar.training.lessons import item_of, lesson_of
from tessellar.training.losses import losses
from tessellar.training.negatives import HardNegatives
from tessellar.training.recipe import Training
from tessellar.training.skies import SkyRecipe, make_patch
from tessellar.training.terms import Stretch, Term, stretches_of
from tessellar.training.train import Trainer

SKIES = SkyRecipe(side=16, beam_pixels=(2.5, 3.0), scale_length=(0.4, 1.0))
TRAINING = Training(
    Architecture(base=2, levels=2),
    SKIES,
    steps=20,
    batch=2,
    every=5,
    held_out=4,
    easy=0.25,
    precision="float32",
)


class PulledError(Exception):
    """Somebody pulled the plug."""


class PullsThePlug:
    """An observer in whose presence training ends after some steps."""

    def __init__(self, after: int) -> None:
        self.after = after
        self.said: list[str] = []

    def begin(self, stage: str, total: int) -> None:
        assert (stage, total) == ("train", TRAINING.steps)

    def progress(self, event: Progress) -> None:
        if event.done == self.after:
            raise PulledError

    def say(self, text: str) -> None:
        self.said.append(text)

    def end(self, stage: str) -> None:
        pass


def _pulled(trainer: Trainer) -> None:
    raise PulledError


def test_twenty_steps_lower_the_loss() -> None:
    learner = Learner(TRAINING, *TRAINING.stretches)
    lesson = lesson_of([item_of(make_patch(SKIES, 0, n, easy=True), n) for n in range(2)])
    found = [float(learner.learn(lesson, step).total.detach()) for step in range(20)]
    assert found[-1] < 0.9 * found[0]


def test_one_seed_gives_one_network_and_interruptions_do_not_show(tmp_path: Path) -> None:
    calm = Trainer(TRAINING, tmp_path / "calm.safetensors", 1).run()
    for plug in (8, 17):
        with pytest.raises(PulledError):
            Trainer(TRAINING, tmp_path / "cut.safetensors", 1, observer=PullsThePlug(plug)).run()
        assert checkpoint_path(tmp_path / "cut.safetensors").exists()
    watch = PullsThePlug(-1)
    cut = Trainer(TRAINING, tmp_path / "cut.safetensors", 1, observer=watch).run()
    assert len(watch.said) == 1  # steps 1 to 15 were not done again
    assert {n: w.tobytes() for n, w in cut.weights.items()} == {
        n: w.tobytes() for n, w in calm.weights.items()
    }
    assert (cut.calibration, cut.metrics, cut.steps) == (calm.calibration, calm.metrics, calm.steps)
    assert not checkpoint_path(tmp_path / "cut.safetensors").exists()


def test_a_term_begins_with_the_best_weights_of_the_one_before(tmp_path: Path) -> None:
    first = Trainer(TRAINING, tmp_path / "first.safetensors", 1).run()
    still = replace(TRAINING, steps=40, terms=(Term(), Term(rate=0.0)))
    trained = Trainer(still, tmp_path / "both.safetensors", 1).run()
    assert {n: w.tobytes() for n, w in trained.weights.items()} == {
        n: w.tobytes() for n, w in first.weights.items()
    }


@pytest.mark.parametrize("plug", [10, 12, 17, 20])
def test_interruptions_in_the_second_term_do_not_show(tmp_path: Path, plug: int) -> None:
    training = replace(TRAINING, terms=(Term(), Term(rate=0.5, emphasis=20.0)))
    calm = Trainer(training, tmp_path / "calm.safetensors", 1).run()
    with pytest.raises(PulledError):
        Trainer(training, tmp_path / "cut.safetensors", 1, observer=PullsThePlug(plug)).run()
    cut = Trainer(training, tmp_path / "cut.safetensors", 1).run()
    assert {n: w.tobytes() for n, w in cut.weights.items()} == {
        n: w.tobytes() for n, w in calm.weights.items()
    }
    assert (cut.calibration, cut.metrics, cut.steps) == (calm.calibration, calm.metrics, calm.steps)


def test_a_training_killed_before_its_last_words_goes_on_to_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "net.safetensors"
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_finish", _pulled)
        with pytest.raises(PulledError):
            Trainer(TRAINING, out, 1).run()
    watch = PullsThePlug(-1)
    assert Trainer(TRAINING, out, 1, observer=watch).run().steps == TRAINING.steps
    assert not watch.said


@pytest.mark.parametrize("terms", [(), (Term(), Term(share=0.0))])
def test_terms_without_steps_are_refused(terms: tuple[Term, ...]) -> None:
    with pytest.raises(UsageError, match="one or more, each with a share above 0"):
        replace(TRAINING, terms=terms)


def test_the_rate_rises_and_falls_once_in_each_term() -> None:
    first, second = stretches_of((Term(2.0), Term(1.0, rate=0.5)), 300)
    assert (first.first, first.stop, second.first, second.stop) == (0, 200, 200, 300)
    rates = [(first if step < 200 else second).rate_at(step) for step in range(300)]
    assert max(rates[:200]) == pytest.approx(1.0, abs=0.01)
    assert max(rates[200:]) == pytest.approx(0.5, abs=0.01)
    assert max(rates[199], rates[299]) < 0.002
    assert stretches_of((Term(), Term(rate=0.5)), 1) == [Stretch(Term(rate=0.5), 0, 1)]


def test_a_checkpoint_of_another_training_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "net.safetensors"
    with pytest.raises(PulledError):
        Trainer(TRAINING, out, 1, observer=PullsThePlug(6)).run()
    with pytest.raises(UsageError, match="other settings"):
        Trainer(replace(TRAINING, seed=1), out, 1).run()
    checkpoint_path(out).write_bytes(b"damaged")
    with pytest.raises(InputError, match="no checkpoint"):
        read_checkpoint(checkpoint_path(out), "")


def test_it_stops_when_nothing_gets_better(tmp_path: Path) -> None:
    idle = replace(TRAINING, rate=0.0, kernel_rate=0.0, decay=0.0, easy=0.0, every=1, patience=3)
    assert (
        Trainer(idle, tmp_path / "idle.safetensors", 1).run().steps == 4
    )  # the first is the best, three more wait


def test_train_writes_a_network_that_denoises(tmp_path: Path) -> None:
    sky = HiSky((16, 24, 24), n_sources=2)
    halves = [HiSky((16, 24, 24), n_sources=2, seed=seed) for seed in (1, 2)]
    network = ts.train(out=tmp_path / "mine.safetensors", training=replace(TRAINING, steps=5), n2n=halves)
    assert network.card == read_card(network.path)
    assert network.card.training["cubes"] == [half.name for half in halves]
    json.dumps(network.card.training)
    kernel = ts.UNet(weights=str(network.path), side=16)
    assert kernel.outputs == ("denoised", "uncertainty")
    assert kernel.prepare(sky.meta, "cpu").lattice.margin == 10


def test_requests_that_cannot_be_met(tmp_path: Path) -> None:
    for words, message in (
        ({"name": "hi-unet-xxl", "steps": 1}, "Choose hi-unet-s, hi-unet-m, hi-look-s or hi-disc-s"),
        ({"minutes": 1, "steps": 1}, "Give one of the two"),
        ({"steps": 1, "n2n": [1]}, "needs two of the same sky"),
    ):
        with pytest.raises(UsageError, match=message):
            ts.train(out=tmp_path / "x.safetensors", **words)
    with pytest.raises(UsageError, match="Rename it"):
        ts.train(out=tmp_path / "x.pt", steps=1)
    shapes = ((8, 8, 8), (8, 8, 9))
    with pytest.raises(InputError, match="the same sky on the same voxels"):
        ts.train(out=tmp_path / "x.safetensors", steps=1, n2n=[HiSky(shape, n_sources=0) for shape in shapes])


def test_hard_negatives_are_those_with_most_false_emission() -> None:
    hard = HardNegatives(room=4)
    assert hard.pick(0.5) is None
    for number, score in enumerate([0.1, 0.9, 0.5, 0.7, 0.3, 0.8]):
        hard.learn(number, score)
    assert sorted(hard.scores) == [1, 2, 3, 5]
    hard.learn(1, 0.0)  # learned at last
    hard.learn(6, 0.6)
    assert sorted(hard.scores) == [2, 3, 5, 6]
    assert [hard.pick(draw) for draw in (0.0, 0.99)] == [2, 6]


def test_a_perfect_answer_costs_nothing_but_certainty() -> None:
    patch = make_patch(SKIES, 0, 1, easy=True)
    lesson = lesson_of([item_of(patch, 1)])
    perfect = torch.cat([lesson.truth, 60 * lesson.mask - 30, torch.full_like(lesson.truth, -14.0)], 1)
    wrong = torch.cat([lesson.truth + 1, 30 - 60 * lesson.mask, torch.full_like(lesson.truth, -14.0)], 1)
    assert float(losses(perfect, lesson, 10.0).total) < 0.01
    assert float(losses(wrong, lesson, 10.0).total) > 10
