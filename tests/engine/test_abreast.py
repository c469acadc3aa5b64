"""Boxes read side by side come in order, few at a time, and an error where it belongs."""

from __future__ import annotations

import threading
import time
from itertools import islice
from operator import itemgetter

import numpy as np
import pytest

from tessellar.engine import abreast
from tessellar.engine.abreast import with_voxels
from tessellar.model import FloatArray
from tessellar.tiling.box import Box

THINGS = [(Box((k, 0, 0), (k + 1, 1, 1)), f"thing {k}") for k in range(40)]


class Waiting:
    """A cube whose voxels are their channel's number, and come the later the smaller that is."""

    def __init__(self, at_once: int | None = 4, fails: int | None = None) -> None:
        self.at_once, self.fails = at_once, fails
        self.now = self.most = self.read_so_far = 0
        self._lock = threading.Lock()

    def read(self, box: Box) -> FloatArray:
        with self._lock:
            self.now, self.read_so_far = self.now + 1, self.read_so_far + 1
            self.most = max(self.most, self.now)
        time.sleep(0.001 * (5 - box.start[0] % 5))
        with self._lock:
            self.now -= 1
        if box.start[0] == self.fails:
            raise ValueError("no voxels there")
        return np.full(box.shape, box.start[0], np.float32)


@pytest.mark.parametrize("at_once", [None, 4])
def test_things_come_in_order_each_with_its_voxels(at_once: int | None) -> None:
    cube = Waiting(at_once)
    found = list(with_voxels(cube, THINGS, itemgetter(0)))
    assert [thing for thing, _ in found] == THINGS
    assert [float(voxels[0, 0, 0]) for _, voxels in found] == list(range(40))
    assert (cube.most == 1) == (at_once is None)


def test_few_are_read_ahead() -> None:
    cube = Waiting()
    reading = with_voxels(cube, THINGS, itemgetter(0))
    next(reading)
    time.sleep(0.05)
    assert 1 < cube.read_so_far <= abreast._MOST
    reading.close()
    assert (cube.now, cube.most <= abreast._MOST) == (0, True)


def test_large_boxes_are_read_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(abreast, "_ROOM", 3)
    cube = Waiting()
    assert len(list(with_voxels(cube, THINGS, itemgetter(0)))) == 40
    assert cube.most == 1


def test_an_error_comes_after_what_was_before() -> None:
    cube = Waiting(fails=7)
    reading = with_voxels(cube, THINGS, itemgetter(0))
    assert [name for (_, name), _ in islice(reading, 7)] == [name for _, name in THINGS[:7]]
    with pytest.raises(ValueError, match="no voxels there"):
        next(reading)
    assert cube.now == 0
