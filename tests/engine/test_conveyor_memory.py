"""What the conveyor holds at once is what the plan counts on, also where units fail or differ in size."""

from __future__ import annotations

import threading
import weakref

import numpy as np
import pytest

from tessellar.engine import conveyor
from tessellar.engine.conveyor import passages
from tessellar.model import FloatArray, Payload, Steps, UnitResult

LARGE = 1000


class Held(np.ndarray):
    """An array that can be watched."""


class Weighed:
    """Steps that fail or wait, and count the voxels that exist at once.

    Parameters
    ----------
    sizes
        Voxels of the units, in turn.
    fail
        The units that the kernel stumbles over.
    slow
        The step that waits.
    """

    def __init__(self, sizes: list[int], fail: set[int], slow: str) -> None:
        self.sizes, self.fail, self.slow = sizes, fail, slow
        self.alive = self.most = 0
        self.lock = threading.Lock()

    def array(self, size: int) -> FloatArray:
        made = np.zeros((size, 1, 1), np.float32).view(Held)
        with self.lock:
            self.alive += size
            self.most = max(self.most, self.alive)
        weakref.finalize(made, self.gone, size)
        return made

    def gone(self, size: int) -> None:
        with self.lock:
            self.alive -= size

    def pause(self, step: str) -> None:
        if step == self.slow:
            threading.Event().wait(0.003)

    def read(self, unit: int) -> FloatArray:
        self.pause("read")
        return self.array(self.sizes[unit % len(self.sizes)])

    def compute(self, unit: int, voxels: FloatArray) -> UnitResult:
        output = self.array(voxels.size)
        self.pause("compute")
        if unit in self.fail:
            raise ValueError("no")
        return UnitResult({}, output=output)

    def write(self, unit: int, output: FloatArray) -> Payload:
        self.pause("write")
        return {}


@pytest.fixture(autouse=True)
def overlapped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every step count as one that waits, so that all of them have a thread."""
    monkeypatch.setattr(conveyor, "_BUSY", 2.0)


@pytest.mark.parametrize("slow", ["read", "compute", "write", ""])
@pytest.mark.parametrize("fail", [set(), set(range(30)), set(range(3, 30))])
@pytest.mark.parametrize("sizes", [[LARGE], [100, LARGE], [100, 100, 100, LARGE]])
def test_large_units_are_alive_one_in_each_step(sizes, fail, slow):
    weighed = Weighed(sizes, fail, slow)
    for _ in passages(Steps(weighed.read, weighed.compute, weighed.write), range(30), 4 * LARGE - 1):
        pass
    # one is read or waits for the kernel; one is in the kernel with its output, or waits to be written; one is written
    assert weighed.most <= 4 * LARGE


@pytest.mark.parametrize("slow", ["read", "compute", ""])
@pytest.mark.parametrize("fail", [set(), set(range(30))])
def test_without_output_two_large_units_and_the_array_of_the_kernel_are_alive(fail, slow):
    weighed = Weighed([LARGE, 100], fail, slow)

    def compute(unit: int, voxels: FloatArray) -> UnitResult:
        weighed.compute(unit, voxels)
        return UnitResult({})

    for _ in passages(Steps(weighed.read, compute), range(30), 4 * LARGE - 1):
        pass
    assert weighed.most <= 3 * LARGE


@pytest.mark.parametrize("room", [4 * LARGE, 12 * LARGE])
def test_small_units_wait_in_the_room_they_have(room):
    weighed = Weighed([LARGE], set(), "compute")
    for _ in passages(Steps(weighed.read, weighed.compute, weighed.write), range(30), room):
        pass
    in_hand = 2 + 1  # in the kernel, and in the writer's hands
    assert weighed.most <= 2 * (room // 4) + in_hand * LARGE
