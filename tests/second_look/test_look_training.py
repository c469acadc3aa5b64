"""Training of the second look: it learns, interruptions do not show, and mirrors keep what discs are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from second_look.looks import SMALL, SMALL_DISCS, some_examples

import tessellar as ts
from tessellar.api import look_training
from tessellar.challenge.sdc2.second_look import DISC_FEATURES
from tessellar.errors import UsageError
from tessellar.kernels.look.network import VALUES, Look
from tessellar.model import Progress
from tessellar.tiling.box import Box
from tessellar.training.look import recipe
from tessellar.training.look.lessons import TURNED_BACK, lesson_at, mirrored
from tessellar.training.look.losses import misses
from tessellar.training.look.recipe import N_DISC_FEATURES, LookTraining
from tessellar.training.look.skies import LookSkies, make_sky
from tessellar.training.look.train import LookTrainer

TRAINING = LookTraining(SMALL, steps=4, batch=8, every=2)
SKIES = LookSkies(shape=(64, 64, 64), density=(60.0, 60.0), depth=(0.2, 0.2), beam_pixels=(2.5, 2.6))


class StoppedError(Exception):
    pass


class Stopper:
    """Stops a training after some steps."""

    def __init__(self, after: int) -> None:
        self.after = after

    def begin(self, stage: str, total: int) -> None: ...
    def end(self, stage: str) -> None: ...
    def say(self, text: str) -> None: ...
    def progress(self, event: Progress) -> None:
        if event.done == self.after:
            raise StoppedError


def trainer(
    out: Path, training: LookTraining = TRAINING, *, discs: bool = False, after: int = 0
) -> LookTrainer:
    examples = some_examples(discs)
    return LookTrainer(training, out, 1, examples, examples, observer=Stopper(after))  # type: ignore[arg-type]


@pytest.mark.parametrize("discs", [False, True])
def test_it_learns(discs: bool, tmp_path: Path) -> None:
    design = replace(SMALL_DISCS if discs else SMALL, base=2)
    training = replace(TRAINING, architecture=design, steps=20, every=20, rate=2e-2)
    before = trainer(tmp_path / "a.safetensors", replace(training, steps=1), discs=discs).run()
    after = trainer(tmp_path / "b.safetensors", training, discs=discs).run()
    assert after.metrics["held_out_loss"] < 0.9 * before.metrics["held_out_loss"] - 0.01


def test_interruptions_do_not_show(tmp_path: Path) -> None:
    whole = trainer(tmp_path / "whole.safetensors").run()
    out = tmp_path / "stopped.safetensors"
    with pytest.raises(StoppedError):
        trainer(out, after=3).run()
    resumed = trainer(out).run()
    assert whole.steps == resumed.steps == 4
    assert all(np.array_equal(whole.weights[name], resumed.weights[name]) for name in whole.weights)
    with pytest.raises(StoppedError):
        trainer(out, after=3).run()
    with pytest.raises(UsageError, match="other settings"):
        trainer(out, replace(TRAINING, rate=1e-4)).run()


def test_every_candidate_is_shown_before_any_again() -> None:
    examples = some_examples(discs=False)
    seen = torch.cat([lesson_at(examples, 0, step, 8).features for step in range(5)])
    assert len(torch.unique(seen, dim=0)) == len(examples)


def test_mirrors_keep_what_discs_are() -> None:
    examples = some_examples(discs=True)
    examples.answers[:] = np.arange(1.0, 7.0)
    seen = mirrored(examples, np.random.default_rng(0))
    turn, shift = VALUES.index("turn"), VALUES.index("shift")
    signs = seen.answers / examples.answers
    assert set(np.unique(signs[:, [turn, shift]])) == {-1.0, 1.0}
    assert (np.delete(signs, [turn, shift], axis=1) == 1.0).all()
    told = seen.features[:, TURNED_BACK] / examples.features[:, TURNED_BACK]
    assert np.array_equal(told, signs[:, turn])
    one = next(n for n in range(len(signs)) if signs[n, shift] == -1.0)
    spectrum = [p.patches[one, 0].sum(axis=(1, 2), dtype=np.float64) for p in (examples, seen)]
    np.testing.assert_allclose(spectrum[1], spectrum[0][::-1])
    assert DISC_FEATURES[TURNED_BACK] == "turned_back"
    assert len(DISC_FEATURES) == N_DISC_FEATURES


def test_angles_go_around() -> None:
    off = misses(
        torch.tensor([[0.0, 0.0, 0.0, 3.0, 0.0, 0.0]]), torch.tensor([[0.0, 1.0, 0.0, -3.0, 0.0, 0.0]])
    )
    assert off[0, VALUES.index("turn")] == pytest.approx(2 * np.pi - 6.0, abs=1e-5)
    assert off[0, 1] == 1.0


def test_a_sky_is_a_function_of_its_number() -> None:
    first, again, other = (make_sky(SKIES, 0, number) for number in (1, 1, 2))
    box = Box.of_shape((8, 64, 64))
    assert np.array_equal(first.read(box), again.read(box))
    assert not np.array_equal(first.read(box), other.read(box))


def test_one_command_searches_learns_and_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = {
        name: replace(training, skies=SKIES, rows=(0,), n_skies=1, held_out=1, steps=2, every=1, batch=4)
        for name, training in recipe.LOOKS.items()
    }
    monkeypatch.setattr(recipe, "LOOKS", small)
    monkeypatch.setattr(look_training, "HELD_OUT", 1)
    out = tmp_path / "look.safetensors"
    network = ts.train("hi-look-s", out=out)
    assert network.card.training["steps_done"] == 2
    assert Look(str(out)).heads == ("real",)
    made = sorted(tmp_path.glob("look-candidates-*/*.npz"))
    assert [path.name for path in made] == ["0.npz", "1.npz"]
    times = [path.stat().st_mtime_ns for path in made]
    ts.train("hi-disc-s", out=tmp_path / "disc.safetensors", steps=1)
    assert [path.stat().st_mtime_ns for path in made] == times
    with pytest.raises(UsageError, match="Leave that out"):
        ts.train("hi-look-s", out=tmp_path / "x.safetensors", n2n=("a", "b"))
