"""Measuring a machine with a cube: its disk, what workers decode and search, and what a cluster's network carries."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import perf_counter

from tessellar.engine.executors import CLUSTERS, Executor
from tessellar.engine.tune.calibrated import calibrated_tile
from tessellar.engine.tune.disk import DiskRates, measure_disk
from tessellar.engine.tune.notes import machine_words, storage_words
from tessellar.engine.tune.rates import MachineRates
from tessellar.engine.tune.samples import Echo, ReadSample, SearchSample, Taken, answers_of, together
from tessellar.errors import UsageError
from tessellar.io.extents import Remote, Stored
from tessellar.io.naming import shown
from tessellar.kernels.smooth_clip import SmoothAndClip
from tessellar.model import Observer, Source
from tessellar.tiling.box import Box
from tessellar.tiling.grid import Grid

_BOXES = 4  # read by each worker in turn
_CALLS = 50
_REPLY_BYTES = 8 * 2**20
_REPLIES = 4


@dataclass(frozen=True, slots=True, eq=False)
class Measuring:
    """What is measured, and by whom.

    Attributes
    ----------
    source
        The cube.
    finder
        Who searches.
    grid
        The tiles that a run would have.
    pool
        Who works.
    seconds
        How long each measurement lasts.
    observer
        Who is told what is measured.
    """

    source: Source
    finder: SmoothAndClip
    grid: Grid
    pool: Executor
    seconds: float
    observer: Observer | None = None

    def rates(self) -> MachineRates:
        """Return all rates.

        Raises
        ------
        UsageError
            The cube does not lie anywhere.
        InputError
            It cannot be read, or is blank where it was looked at.
        """
        source = self.source
        if not isinstance(source, Stored | Remote):
            raise UsageError(
                f"{shown(source.meta.name)} is not on a disk but made as it is read. Tune with a FITS or Zarr cube."
            )
        disk = self._storage(source)
        read = self._by_crew("read and decode", ReadSample(source, list(self._boxes()), self.seconds))
        self._say("noise: a tile of the cube")
        ready = calibrated_tile(source, self.finder, self.grid)
        search = SearchSample(ready.source, ready.tile, ready.finder, self.seconds)
        calls, replies = self._network()
        return MachineRates(
            machine=machine_words(),
            storage=storage_words(source),
            executor=self.pool.name,
            date=datetime.datetime.now(datetime.UTC).date().isoformat(),
            disk_cold=disk.cold,
            disk_cached=disk.cached,
            fetched=disk.fetched,
            read=read,
            search=self._by_crew("search", search),
            noise=ready.noise,
            scales=ready.scales,
            calls=calls,
            replies=replies,
            remote=isinstance(source, Remote),
        )

    def _storage(self, source: Stored | Remote) -> DiskRates:
        """Return how fast stored bytes come."""
        if isinstance(source, Remote):
            self._say(f"network: fetching a sample from {source.server}")
            n_bytes, seconds = source.transfer(self.seconds)
            return DiskRates(n_bytes / seconds, n_bytes / seconds, None)
        self._say("disk: reading a sample twice")
        return measure_disk(source.extents(), self.seconds)

    def _by_crew(self, what: str, task: Callable[[], Taken]) -> tuple[tuple[int, float], ...]:
        """Return the rates of one worker, and of all of them together."""
        measured = []
        for hands in sorted({1, self.pool.slots}):
            self._say(f"{what}: {hands} worker{'s' if hands > 1 else ''}")
            measured.append((hands, together(self.pool, task, hands)))
        return tuple(measured)

    def _boxes(self) -> Iterator[Box]:
        """Yield a few tiles without their halos, spread over the cube: whole chunks, so that none is decoded twice."""
        n_tiles = len(self.grid)
        count = min(_BOXES, n_tiles)
        for k in range(count):
            yield self.grid[(2 * k + 1) * n_tiles // (2 * count)].core

    def _network(self) -> tuple[float | None, float | None]:
        """Return calls and bytes a second between this program and the workers of a cluster."""
        if self.pool.name not in CLUSTERS:
            return None, None
        self._say("network: calls and answers")
        answers_of(self.pool, [Echo(1) for _ in range(self.pool.slots)])
        begin = perf_counter()
        answers_of(self.pool, [Echo(1) for _ in range(_CALLS)])
        middle = perf_counter()
        answers_of(self.pool, [Echo(_REPLY_BYTES) for _ in range(_REPLIES)])
        return _CALLS / (middle - begin), _REPLIES * _REPLY_BYTES / (perf_counter() - middle)

    def _say(self, text: str) -> None:
        if self.observer is not None:
            self.observer.say(text)
