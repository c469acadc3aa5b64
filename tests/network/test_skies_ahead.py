"""Skies made ahead: they are those that would have been made at once, whoever makes them, and whoever dies."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from network.test_training import SKIES, TRAINING

import tessellar as ts
from tessellar.errors import UsageError
from tessellar.training.lessons import Curriculum
from tessellar.training.negatives import HardNegatives
from tessellar.training.skies import SkyPatch, make_patch
from tessellar.training.skies_ahead import SkiesAhead


class Counting:
    """A hand that counts what it is given."""

    def __init__(self) -> None:
        self.given: list[tuple[Any, ...]] = []
        self.pool = ThreadPoolExecutor(1)

    def submit(self, task: Callable[[], Any]) -> Future[Any]:
        self.given.append(task.args)  # type: ignore[attr-defined]
        return self.pool.submit(task)


class Dying:
    """A hand that dies at its work, and takes no more."""

    def __init__(self) -> None:
        self.alive = True

    def submit(self, _task: Callable[[], Any]) -> Future[Any]:
        if not self.alive:
            raise BrokenExecutor
        self.alive = False
        future: Future[Any] = Future()
        future.set_exception(BrokenExecutor())
        return future


def _equal(found: SkyPatch, wanted: SkyPatch) -> bool:
    pairs = ((found.voxels, wanted.voxels), (found.truth, wanted.truth), (found.mask, wanted.mask))
    return all(np.array_equal(one, other) for one, other in pairs)


def test_patches_are_the_same_and_made_once() -> None:
    hands = [Counting(), Counting()]
    skies = SkiesAhead(SKIES, 3, list(hands))
    assert skies.room == 4
    for first in range(6):
        skies.expect(range(first, first + 4), lambda number: number < 2)
        assert _equal(skies.patch(first, easy=first < 2), make_patch(SKIES, 3, first, easy=first < 2))
    numbers = [args[2] for hand in hands for args in hand.given]
    assert sorted(numbers) == list(range(9))


def test_what_is_not_wanted_any_more_is_forgotten() -> None:
    hand = Counting()
    skies = SkiesAhead(SKIES, 3, [hand])
    skies.expect(range(4), lambda _: False)
    skies.expect(range(3, 4), lambda _: False)
    assert len(skies._begun) == 1
    assert len(hand.given) == 4


def test_a_hand_that_dies_costs_time_and_nothing_else() -> None:
    said: list[str] = []
    skies = SkiesAhead(SKIES, 3, [Dying(), Dying()], said.append)
    for first in range(3):
        skies.expect(range(first, first + 2), lambda _: False)
        assert _equal(skies.patch(first, easy=False), make_patch(SKIES, 3, first))
    assert not skies.hands
    assert ["by the others" in said[0], "takes longer" in said[1], len(said)] == [True, True, 2]


def test_lessons_do_not_depend_on_hands() -> None:
    def lessons(*hands: Counting) -> list[bytes]:
        curriculum = Curriculum(SkiesAhead(SKIES, 5, list(hands)), 2, 3)
        negatives = HardNegatives(room=2)
        found = []
        for step in range(12):
            for item in curriculum.items(step, negatives):
                found.append(item.voxels.tobytes())
                if item.empty is not None:
                    negatives.learn(item.empty, float(item.empty % 7))
        return found

    assert lessons() == lessons(Counting()) == lessons(Counting(), Counting(), Counting())


def test_training_with_workers_and_the_way_of_a_gpu_gives_the_same_network(tmp_path: Path) -> None:
    files = [tmp_path / f"{name}.safetensors" for name in ("alone", "helped")]
    ts.train(out=files[0], training=TRAINING)
    ts.train(out=files[1], training=TRAINING, device="torch-cpu", workers=1)
    assert files[0].read_bytes() == files[1].read_bytes()


def test_requests_that_no_training_can_meet(tmp_path: Path) -> None:
    out = tmp_path / "x.safetensors"
    with pytest.raises(UsageError, match="needed is 0 or more"):
        ts.train(out=out, training=TRAINING, workers=-1)
    with pytest.raises(UsageError, match="There is no device 'gpu'"):
        ts.train(out=out, training=TRAINING, device="gpu")
    with pytest.raises(UsageError, match="learns on the CPU alone"):
        ts.train("hi-look-s", out=out, device="cuda")
    with pytest.raises(UsageError, match="no workers make them"):
        ts.train("hi-look-s", out=out, workers=2)
    assert not list(tmp_path.iterdir())
