from __future__ import annotations

import threading
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tessellar.engine import conveyor
from tessellar.engine.ahead import ahead
from tessellar.engine.conveyor import Passage, passages
from tessellar.model import FloatArray, Payload, Steps, UnitResult

SIDE = 8
BYTES = 4 * SIDE**3


class Recorder:
    """Steps that write down who did what, wait for a slow disk, and may be told to fail."""

    def __init__(self, fail: dict[str, set[int]] | None = None, waits: bool = True) -> None:
        self.fail = fail or {}
        self.waits = waits
        self.threads: dict[str, set[int]] = {"read": set(), "compute": set(), "write": set()}
        self.order: dict[str, list[int]] = {"read": [], "compute": [], "write": []}

    def note(self, step: str, unit: int) -> None:
        if self.waits and step != "compute":
            threading.Event().wait(0.001)
        self.threads[step].add(threading.get_ident())
        self.order[step].append(unit)
        if unit in self.fail.get(step, ()):
            raise ValueError(f"{step} {unit}")

    def read(self, unit: int) -> FloatArray:
        self.note("read", unit)
        return np.full((SIDE, SIDE, SIDE), unit, np.float32)

    def compute(self, unit: int, voxels: FloatArray) -> UnitResult:
        self.note("compute", unit)
        assert float(voxels[0, 0, 0]) == unit
        return UnitResult({"twice": np.array(2 * unit)}, voxels=voxels.size, output=voxels + 1)

    def write(self, unit: int, output: FloatArray) -> Payload:
        self.note("write", unit)
        return {"written": output[0, 0, :1].copy()}

    def steps(self, writes: bool = True) -> Steps:
        return Steps(self.read, self.compute, self.write if writes else None)


@given(
    n=st.integers(0, 20),
    room=st.sampled_from([0, 1, BYTES, 3 * BYTES, 100 * BYTES]),
    writes=st.booleans(),
    waits=st.booleans(),
    data=st.data(),
)
@settings(max_examples=60)
def test_every_unit_leaves_once_in_order_with_its_result_or_its_error(n, room, writes, waits, data):
    fail = {step: data.draw(st.sets(st.integers(0, 19), max_size=3)) for step in ("read", "compute", "write")}
    recorder = Recorder(fail, waits)
    left = list(passages(recorder.steps(writes), range(n), room))
    assert [passage.unit for passage in left] == list(range(n))
    for passage in left:
        steps = ("read", "compute", "write") if writes else ("read", "compute")
        wrong = [step for step in steps if passage.unit in fail[step]]
        if wrong:
            assert str(passage.error) == f"{wrong[0]} {passage.unit}"
            assert passage.value is None
        else:
            payload = passage.value.payload
            assert int(payload["twice"]) == 2 * passage.unit
            if writes:
                assert float(payload["written"][0]) == passage.unit + 1
                assert passage.value.output is None
            assert passage.value.seconds_read > 0
            assert passage.value.seconds_kernel > 0


def test_steps_that_wait_have_a_thread_each():
    recorder = Recorder()
    line = passages(recorder.steps(), range(10), BYTES)
    next(line)
    assert set.union(*recorder.threads.values()) == {threading.get_ident()}  # the first unit tells what waits
    recorder.threads = {step: set() for step in recorder.threads}
    assert len(list(line)) == 9
    assert [len(threads) for threads in recorder.threads.values()] == [1, 1, 1]
    assert len(set.union(*recorder.threads.values())) == 3
    assert threading.get_ident() in recorder.threads["write"]


def test_steps_that_keep_a_core_busy_share_one_thread(monkeypatch):
    monkeypatch.setattr(
        conveyor, "_BUSY", 0.0
    )  # whoever has a core at all is busy, on the most loaded machine
    recorder = Recorder()
    list(passages(recorder.steps(), range(10), BYTES))
    assert set.union(*recorder.threads.values()) == {threading.get_ident()}


def test_where_a_device_computes_the_next_unit_is_read_whatever_the_first_one_tells(monkeypatch):
    monkeypatch.setattr(conveyor, "_BUSY", 0.0)
    for writes in (True, False):
        recorder = Recorder()
        left = list(passages(replace(recorder.steps(writes), on_device=True), range(10), BYTES))
        assert [passage.unit for passage in left] == list(range(10))
        assert len(recorder.threads["read"]) == 2
        assert len(set.union(*recorder.threads.values())) == (3 if writes else 2)


@pytest.mark.parametrize("on_device", [False, True])
def test_without_room_one_thread_does_all(on_device):
    recorder = Recorder()
    for _ in passages(replace(recorder.steps(), on_device=on_device), range(10), 0):
        pass
    assert set.union(*recorder.threads.values()) == {threading.get_ident()}


def test_the_next_unit_is_read_while_one_is_computed():
    read_ahead = threading.Event()

    def read(unit: int) -> FloatArray:
        threading.Event().wait(0.001)
        if unit == 2:
            read_ahead.set()
        return np.zeros((1, 1, 1), np.float32)

    def compute(unit: int, voxels: FloatArray) -> UnitResult:
        assert unit == 0 or read_ahead.wait(60.0)
        return UnitResult({})

    left = list(passages(Steps(read, compute), range(3), 1))
    assert [passage.error for passage in left] == [None] * 3


def test_no_more_is_read_ahead_than_there_is_room():
    made: list[int] = []
    items = (made.append(n) or n for n in range(100))
    with closing(ahead(items, lambda _: 10, 35)) as things:
        assert next(things) == 0
        until_steady(made, 4)  # one in use, three waiting
        assert next(things) == 1
        until_steady(made, 5)
    assert len(made) <= 6


def test_one_thing_waits_however_large_it_is():
    made: list[int] = []
    with closing(ahead((made.append(n) or n for n in range(9)), lambda _: 10**12, 1)) as things:
        assert next(things) == 0
        until_steady(made, 2)


def until_steady(made: list[int], number: int) -> None:
    """Wait until so many were made, and give one too many a chance to appear."""
    pause = threading.Event()
    for _ in range(2000):
        if len(made) >= number:
            break
        pause.wait(0.005)
    pause.wait(0.02)
    assert len(made) == number


def test_an_early_end_of_the_units_lets_those_inside_leave():
    recorder = Recorder()
    stopped = threading.Event()

    def units():
        for unit in range(1000):
            if stopped.is_set():
                return
            yield unit

    left: list[Passage] = []
    for passage in passages(recorder.steps(), units(), BYTES):
        left.append(passage)
        stopped.set()
    assert [passage.unit for passage in left] == recorder.order["read"]
    assert len(left) < 1000


def test_closing_drops_what_is_inside():
    recorder = Recorder()
    with closing(passages(recorder.steps(), range(1000), BYTES)) as line:
        next(line)
    n_read = len(recorder.order["read"])
    assert n_read < 10
    list(passages(recorder.steps(), range(3), BYTES))
    assert len(recorder.order["read"]) == n_read + 3


def test_threads_are_used_again():
    recorder = Recorder()
    for _ in range(50):
        list(passages(recorder.steps(), range(3), BYTES))
    assert len(recorder.threads["read"] | recorder.threads["compute"]) <= 4


def test_what_the_items_raise_comes_out_after_the_things_before():
    def items():
        yield 1
        raise RuntimeError("no more")

    things = ahead(items(), lambda _: 1, 100)
    assert next(things) == 1
    with pytest.raises(RuntimeError, match="no more"):
        next(things)


@pytest.mark.parametrize("fail", [set(), {0, 5}])
def test_units_that_are_waited_for_are_read_by_several_threads_and_come_in_order(fail: set[int]) -> None:
    recorder, barrier = Recorder({"read": fail}), threading.Barrier(3, timeout=20)

    def read(unit: int) -> FloatArray:
        if unit < 3:
            barrier.wait()  # three are read at the same time, or none is
        return recorder.read(unit)

    work = replace(recorder.steps(writes=False), read=read, at_once=3)
    found = list(passages(work, range(11), BYTES))
    assert [passage.unit for passage in found] == list(range(11))
    assert {passage.unit for passage in found if passage.error is not None} == fail
    assert recorder.order["compute"] == [unit for unit in range(11) if unit not in fail]
    assert len(recorder.threads["read"]) >= 3
    assert len(recorder.threads["compute"]) == 1


def test_closing_early_waits_for_what_several_threads_read() -> None:
    recorder = Recorder()
    line = passages(replace(recorder.steps(), at_once=4), range(100), BYTES)
    with closing(line):
        next(line)
    count = len(recorder.order["read"])
    threading.Event().wait(0.02)
    assert len(recorder.order["read"]) == count < 12
