"""What workers are given to measure: they read, search and answer as in a run, and tell how long it took."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic, perf_counter
from typing import Any

from tessellar.engine.executors import Executor
from tessellar.errors import TessellarError
from tessellar.kernels.components import Linker, tile_components
from tessellar.kernels.smooth_clip import CalibratedFinder
from tessellar.model import Patch, Source
from tessellar.tiling.box import Box
from tessellar.tiling.grid import Tile

_LONGEST_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Taken:
    """What a worker did, in voxels or bytes, and the seconds that took."""

    amount: float
    seconds: float

    @property
    def rate(self) -> float:
        """Amount a second."""
        return self.amount / self.seconds


@dataclass(frozen=True, slots=True, eq=False)
class ReadSample:
    """Read boxes over and over, after one reading that fills the file cache.

    Attributes
    ----------
    source
        The cube.
    boxes
        What is read.
    seconds
        For how long; each box is read at least once.
    """

    source: Source
    boxes: Sequence[Box]
    seconds: float

    def __call__(self) -> Taken:
        """Return the bytes of voxels that were read."""
        for box in self.boxes:
            self.source.read(box)
        return _repeat(self._round, self.seconds)

    def _round(self) -> int:
        return 4 * sum(self.source.read(box).size for box in self.boxes)


@dataclass(frozen=True, slots=True, eq=False)
class SearchSample:
    """Search one tile over and over, after one search that loads the compiled code.

    Attributes
    ----------
    source
        The cube; the tile is read once.
    tile
        What is searched.
    finder
        Who searches.
    seconds
        For how long; the tile is searched at least once.
    """

    source: Source
    tile: Tile
    finder: CalibratedFinder
    seconds: float

    def __call__(self) -> Taken:
        """Return the voxels that were read around and in the core, as often as it was searched."""
        finder, tile = self.finder.prepare(self.source.meta), self.tile
        patch, shape = Patch(self.source.read(tile.read), tile.read, tile.core), self.source.meta.shape

        def search() -> int:
            tile_components(finder(patch), tile.core, shape, Linker())
            return tile.read.size

        search()
        return _repeat(search, self.seconds)


@dataclass(frozen=True, slots=True)
class Echo:
    """Send so many bytes back."""

    n_bytes: int

    def __call__(self) -> bytes:
        """Return zeros."""
        return bytes(self.n_bytes)


def together(pool: Executor, task: Callable[[], Taken], hands: int) -> float:
    """Return the amount a second of so many workers that do the same at the same time.

    Raises
    ------
    TessellarError
        A worker could not do it.
    """
    answers = answers_of(pool, [task] * hands)
    return float(sum(taken.rate for taken in answers))


def answers_of(pool: Executor, tasks: Sequence[Callable[[], object]]) -> list[Any]:
    """Return what workers answer, in the order in which they do.

    Raises
    ------
    TessellarError
        One of them could not, or did not in time.
    """
    for task in tasks:
        pool.submit(task)
    answers: list[Any] = []
    deadline = monotonic() + _LONGEST_SECONDS
    while len(answers) < len(tasks):
        for outcome in pool.wait(0.25):
            if isinstance(outcome.error, TessellarError):
                raise outcome.error
            if outcome.error is not None or outcome.result is None:
                raise TessellarError(
                    f"A worker could not measure ({outcome.error or outcome.lost or 'not begun'}). "
                    "Try --executor threads."
                )
            answers.append(outcome.result)
        if monotonic() > deadline:
            raise TessellarError(
                f"Workers did not answer within {_LONGEST_SECONDS:.0f} s. Try --executor threads, or fewer --workers."
            )
    return answers


def _repeat(work: Callable[[], int], seconds: float) -> Taken:
    amount, begin = 0, perf_counter()
    while True:
        amount += work()
        spent = perf_counter() - begin
        if spent >= seconds:
            return Taken(amount, spent)
