"""The conveyor: while one tile of a lease is computed, the next is read and the one before is written.

That pays where a step waits for a disk or a network. A step that keeps its core busy, such as swapping the bytes of
a file that the system has in memory, would only take that core from another worker; so the first tile of a lease
goes through the steps one after another, and tells which of them wait. Where a device computes, it pays in any case.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from itertools import islice
from time import perf_counter, thread_time
from typing import Any

from tessellar.engine.abreast import several
from tessellar.engine.ahead import ahead
from tessellar.engine.reports import Fault
from tessellar.model import Steps, UnitResult, Work

_BUSY = 0.5  # a step waits when its thread had a core for less than this part of its time


@dataclass(slots=True)
class Passage:
    """A unit on its way through the steps.

    Attributes
    ----------
    unit
        Its number.
    value
        What the last step made of it: voxels, then a result.
    error
        What a step stumbled over; later steps leave the unit alone.
    fault
        The same in words, which tell where it came from.
    seconds
        What the steps took, in their order.
    waited
        Whether a step spent most of its time waiting, in their order.
    """

    unit: int
    value: Any = None
    error: Exception | None = None
    fault: Fault | None = None
    seconds: tuple[float, ...] = ()
    waited: tuple[bool, ...] = ()

    def go(self, step: Callable[..., Any], *given: object) -> Passage:
        """Do a step, and keep what came of it."""
        if self.error is None:
            began, busy = perf_counter(), thread_time()
            try:
                self.value = step(self.unit, *given)
            except Exception as error:
                self.value, self.fault, self.error = None, Fault.of(error, self.unit), _alone(error)
            seconds, busy = perf_counter() - began, thread_time() - busy
            self.seconds = (*self.seconds, seconds)
            self.waited = (*self.waited, busy < _BUSY * seconds)
        return self

    def compute(self, steps: Steps) -> Passage:
        """Turn voxels into a result, and let go of the voxels."""
        voxels, self.value = self.value, None
        return self.go(steps.compute, voxels)

    def write(self, steps: Steps) -> Passage:
        """Write the output of a result, and let go of it."""
        result = self.value
        if steps.write is None or self.error is not None or result.output is None:
            return self
        self.go(steps.write, result.output)
        if self.error is None:
            self.value = replace(result, payload={**result.payload, **self.value}, output=None)
        return self

    def timed(self) -> Passage:
        """Add what the steps took to what the result says of itself."""
        if self.error is None:
            read, kernel, write = (*self.seconds, 0.0)[:3]
            self.value = replace(
                self.value,
                seconds_read=self.value.seconds_read + read,
                seconds_kernel=self.value.seconds_kernel + kernel,
                seconds_write=self.value.seconds_write + write,
            )
        return self

    @property
    def bytes(self) -> int:
        """Bytes of the voxels that it carries."""
        voxels = self.value.output if isinstance(self.value, UnitResult) else self.value
        return 0 if voxels is None else int(voxels.nbytes)


def passages(work: Work, units: Iterable[int], room: int) -> Generator[Passage, None, None]:
    """Yield the units, done or failed, in their order; work in steps is done side by side.

    Closing the iterator drops the units that are inside, and waits for the steps that are at work.

    Parameters
    ----------
    work
        Does a unit.
    units
        Which, ascending; when they end early, those inside are still done.
    room
        Bytes of voxels that may wait for the kernel, and as much for the writer, beside the unit that each has in
        hand; 0 to do all steps of a unit before the next is begun.
    """
    if not isinstance(work, Steps):
        for unit in units:
            yield Passage(unit).go(work)
        return
    line: Iterator[Passage] = (Passage(unit).go(work.read) for unit in units)
    with ExitStack() as stack:
        if room and work.at_once > 1:
            begun = several(units, lambda unit: Passage(unit).go(work.read), work.at_once)
            line = stack.enter_context(closing(begun))
        read_waits = write_waits = False
        if room:
            for first in islice(line, 1):
                yield first.compute(work).write(work).timed()
                read_waits, _, write_waits = (*first.waited, False, False, False)[:3]
            if work.on_device:
                read_waits, write_waits = True, work.write is not None
        if read_waits and work.at_once == 1:
            line = stack.enter_context(closing(ahead(line, _bytes, room)))
        line = (passage.compute(work) for passage in line)
        if write_waits:
            line = stack.enter_context(closing(ahead(line, _bytes, room)))
        for passage in line:
            yield passage.write(work).timed()


def _alone(error: Exception) -> Exception:
    """Return an exception without its traceback and causes: the frames in them hold the arrays of a whole tile."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def _bytes(passage: Passage) -> int:
    return passage.bytes
