"""Training: it learns, it can be stopped anywhere, and one seed gives one network."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import tessellar as ts
from tessellar.errors import InputError, UsageError
from tessellar.kernels.network.architecture import Architecture
from tessellar.kernels.network.weights import read_card
from tessellar.model import Progress
from tessellar.simulate.hi import HiSky
from tessellar.tiling.box import Box
from tessellar.training.artefacts import add_artefacts
from tessellar.training.augment import turned
from tessellar.training.checkpoint import checkpoint_path, read_checkpoint
from tessellar.training.learner import Learner
from tessellar.training.lessons import item_of, lesson_of
from tessellar.training.losses import losses
from tessellar.training.negatives import HardNegatives
from tessellar.training.noise import Noise
from tessellar.training.platt import BETA, calibrate, calibration_error
from tessellar.training.recipe import Training
from tessellar.training.skies import SkyRecipe, make_patch
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


def test_twenty_steps_lower_the_loss() -> None:
    learner = Learner(TRAINING)
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
    idle = replace(TRAINING, rate=0.0, decay=0.0, easy=0.0, every=1, patience=3)
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


def test_a_patch_is_a_function_of_its_number() -> None:
    first, again, other = (make_patch(SKIES, 0, number) for number in (7, 7, 8))
    assert first.voxels.tobytes() == again.voxels.tobytes()
    assert first.voxels.tobytes() != other.voxels.tobytes()


def test_galaxies_have_the_signal_to_noise_that_was_asked() -> None:
    recipe = replace(
        SKIES, side=32, snr=(10, 10), bright=0, empty=0, most=1, white=1, tied=0, artefacts=0, noise_error=0
    )
    for number in range(8):
        patch = make_patch(recipe, 3, number)
        if not patch.mask.any():
            continue
        core = patch.truth > 0.1 * patch.truth.max()
        assert patch.truth[core].sum() / np.sqrt(core.sum()) == pytest.approx(10, rel=1e-4)


def test_tied_channels_are_correlated_like_hanning_smoothed_ones() -> None:
    noise = Noise(None, 0.25)
    voxels = noise.draw(np.random.default_rng(0), Box.of_shape((400, 20, 20))).astype(np.float64)
    shifted = [(voxels[n:] * voxels[: len(voxels) - n]).mean() for n in range(4)]
    np.testing.assert_allclose(shifted, [1, 2 / 3, 1 / 6, 0], atol=0.012)  # four sigma
    assert noise.volume == pytest.approx(1 + 2 * (2 / 3 + 1 / 6))
    assert Noise(3.0, 0.0).volume == pytest.approx(1.1331 * 9, rel=1e-4)


def test_half_of_the_skies_are_shown_in_every_orientation() -> None:
    values = np.arange(2 * 3 * 3, dtype=np.float32).reshape(2, 3, 3)
    seen = set()
    for seed in range(200):
        first, second = turned((values, values + 1), np.random.default_rng(seed))
        np.testing.assert_array_equal(second, first + 1)
        seen.add(first.tobytes())
    assert len(seen) == 16  # four quarter turns, two mirrors


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


def test_a_continuum_that_was_taken_off_is_in_all_channels() -> None:
    voxels = Noise(None, 0.0, 0.3).draw(np.random.default_rng(0), Box.of_shape((40, 100, 100)))
    deviation = 0.01  # of a mean product over 10,000 pixels; less over many channels
    products = [(voxels[n:] * voxels[: 40 - n]).mean() for n in (0, 1, 10)]
    np.testing.assert_allclose(products[:2], [1.0, 0.3], atol=deviation)
    assert 0.2 < products[2] < 0.31  # an image that turns into another by 0.3 radians at most
    own = Noise(None, 0.0).draw(np.random.default_rng(0), Box.of_shape((40, 100, 100)))
    assert (own[10:] * own[:30]).mean() == pytest.approx(0.0, abs=deviation)


def test_imprints_of_continuum_sources_are_images_with_a_slope() -> None:
    least, most = 0.0, 0.0
    for seed in range(12):
        voxels = np.zeros((16, 24, 24), np.float32)
        add_artefacts(voxels, np.random.default_rng(seed), 1.0, 3.0)
        found = np.linalg.svd(voxels.reshape(16, -1), compute_uv=False)
        assert found[0] > 0.1
        assert found[2] < 1e-5 * found[0]  # a level and a slope, scaled in channels with interference
        least, most = min(least, voxels.min()), max(most, voxels.max())
    assert least < -1.0
    assert most > 1.0


def test_errors_are_calibrated_where_little_was_said_to_be_wrong() -> None:
    rng = np.random.default_rng(1)
    true = rng.normal(-3.0, 1.0, 100_000)  # log variances
    mean = np.exp(0.5 * true) * rng.standard_normal(true.size)
    logit = rng.standard_normal(true.size)
    mask = np.ones_like(true)
    mask[::2] = 0.0
    mean[::2] = 100.0  # errors outside sources count for nothing
    found = calibrate(np.stack([mean, logit, (true - 0.4) / 0.5]), np.zeros_like(true), mask)
    assert found.log_variance_slope == pytest.approx(0.5, rel=0.02)  # four sigma
    assert found.log_variance_offset == pytest.approx(0.4, abs=0.06)


def test_calibration_finds_what_was_distorted() -> None:
    rng = np.random.default_rng(0)
    true_logit = rng.normal(-2, 2, 200_000)
    probability = 1 / (1 + np.exp(-true_logit))
    mask = (rng.random(true_logit.size) < probability).astype(float)
    truth = np.zeros_like(mask)
    mean = 0.5 * rng.standard_normal(mask.size)
    answer = np.stack([mean, (true_logit + 1) / 0.5, np.full_like(mask, np.log(0.01))])
    bright = np.arange(mask.size) % 4 == 0
    answer[0, bright] *= 100.0  # errors beside bright galaxies, which are to count for nothing
    found = calibrate(answer, truth, mask, np.where(bright, 0.0, 1.0))
    assert found.mask_slope == pytest.approx(0.5, rel=0.02)
    assert found.mask_offset == pytest.approx(-1.0, abs=0.03)
    assert found.log_variance_slope == 1.0  # nothing tells it, where all are said to be equally sure
    assert found.log_variance_offset == pytest.approx(np.log(0.25 / 0.01), rel=0.02)
    claimed = probability > found.mask_threshold
    score = (1 + BETA**2) * mask[claimed].sum() / (claimed.sum() + BETA**2 * mask.sum())
    assert found.mask_threshold == pytest.approx(score / (1 + BETA**2), abs=0.02)  # so it is where F is best
    assert calibration_error(probability, mask) < 0.005
    assert calibration_error(1 / (1 + np.exp(-answer[1])), mask) > 0.05
