"""What every benchmark is given: how large, how often, the made-up cubes, and a clock that refuses empty work."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, Generic, TypeAlias, TypeVar

from benchmarks.results import Result
from tessellar import api
from tessellar.simulate.eor.sky import EorSky
from tessellar.simulate.hi import HiSky
from tessellar.tiling.box import Shape

Made = TypeVar("Made")


class BenchmarkError(Exception):
    """A benchmark did nothing worth timing, or not the same thing every time, or its program failed."""


@dataclass(frozen=True, slots=True)
class Size:
    """How large the work is.

    Attributes
    ----------
    cube
        Shape of the cube that is read and searched, ``(frequency, l, m)``.
    n_sources
        Galaxies in it, None for the density of the simulation.
    patch, small_patch
        Shape of the patch for kernels, and of the one for slow references.
    tile
        Core of the tiles that are read.
    spectra
        Shape of the cube whose foregrounds are taken out.
    n_floats
        Length of each float32 array that is copied; together they exceed every cache but at toy size.
    n_pieces
        Units of work without content.
    n_tiles, tile_seconds
        Tiles of a kernel that takes so long.
    """

    name: str
    cube: Shape
    n_sources: int | None
    patch: Shape
    small_patch: Shape
    tile: Shape
    spectra: Shape
    n_floats: int
    n_pieces: int
    n_tiles: int
    tile_seconds: float

    @property
    def warmed_up(self) -> bool:
        """Whether everything is done once before it is timed."""
        return self.name != "toy"


SIZES = {
    size.name: size
    for size in (
        Size(
            "toy", (32, 64, 64), 8, (32, 64, 64), (24, 48, 48), (16, 32, 32), (48, 40, 40), 2**18, 200, 8, 0.02,
        ),
        Size(
            "default", (256, 512, 512), None, (128, 256, 256), (64, 128, 128), (64, 128, 128), (901, 256, 256),
            2**26, 20_000, 100, 0.2,
        ),
        Size(
            "large", (1024, 512, 512), None, (128, 256, 256), (64, 128, 128), (64, 128, 128), (901, 512, 512),
            2**26, 20_000, 100, 0.2,
        ),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Task(Generic[Made]):
    """Something to time, and how much came of it.

    Attributes
    ----------
    work
        What is timed.
    harvest
        Turns what was made into a number outside the timed part: detections, sources, a sum. It must be positive
        and the same in every repeat.
    """

    work: Callable[[], Made]
    harvest: Callable[[Made], float]


@dataclass(frozen=True, slots=True)
class Bench:
    """The setting of a run of the benchmarks.

    Attributes
    ----------
    size
        How large.
    repeats
        How often everything is timed.
    workers
        Threads or processes where several are measured.
    folder
        Where the cubes are kept, and scratch files for a while.
    sofia
        The program SoFiA-2, where there is one.
    monai
        A Python interpreter that has MONAI, where there is one.
    """

    size: Size
    repeats: int
    workers: int
    folder: Path
    sofia: Path | None = None
    monai: Path | None = None

    @property
    def crews(self) -> list[int]:
        """One worker, and as many as there may be."""
        return sorted({1, self.workers})

    @property
    def fits(self) -> Path:
        """The cube as a FITS file, made when it is not there."""
        return self._made(HiSky(self.size.cube, seed=1, n_sources=self.size.n_sources), "sky")

    @property
    def zarr(self) -> Path:
        """The same cube as a Zarr store."""
        return _as_zarr(self.fits)

    @property
    def low_sky(self) -> EorSky:
        """A low-frequency sky of four degrees, with foregrounds."""
        shape = self.size.spectra
        return EorSky(shape, seed=1, first_frequency_hz=106e6, pixel_arcsec=4 * 3600 / shape[1])

    @property
    def low_fits(self) -> Path:
        """The low-frequency sky as a FITS file, made when it is not there."""
        return self._made(self.low_sky, "low")

    @property
    def low_zarr(self) -> Path:
        """The same sky as a Zarr store."""
        return _as_zarr(self.low_fits)

    def _made(self, sky: HiSky | EorSky, word: str) -> Path:
        digest = hashlib.sha256(sky.identity.encode()).hexdigest()[:8]
        path = self.folder / f"{word}-{self.size.name}-{digest}.fits"
        if not path.exists():
            say(f"making {path}")
            self.folder.mkdir(parents=True, exist_ok=True)
            api.simulate(sky, path, overwrite=True)
        return path

    def time(self, task: Task[Any]) -> tuple[float, ...]:
        """Return the seconds of every repeat of a task, after one that is not counted."""
        return self.race({"": task})[""]

    def race(self, tasks: Mapping[str, Task[Any]]) -> dict[str, tuple[float, ...]]:
        """Return the seconds of every repeat of tasks that take turns, so that all see the same machine.

        The first turn of each is not counted: it compiles what is compiled and fills the page cache. At toy size,
        which shows only that everything works, there is no such turn.

        Raises
        ------
        BenchmarkError
            A task made nothing, or not the same thing again.
        """
        wanted: dict[str, float] = {}
        seconds: dict[str, list[float]] = {name: [] for name in tasks}
        for _ in range(self.repeats + self.size.warmed_up):
            for name, task in tasks.items():
                spent, harvest = _once(task)
                if harvest != wanted.setdefault(name, harvest):
                    raise BenchmarkError(f"a repeat made {harvest:g}, the first one made {wanted[name]:g}")
                seconds[name].append(spent)
        return {name: tuple(times[self.size.warmed_up :]) for name, times in seconds.items()}


Measure: TypeAlias = Callable[[Bench], Iterator[Result]]


def say(text: str) -> None:
    """Tell people how far the run is."""
    print(text, file=sys.stderr, flush=True)


def _as_zarr(fits: Path) -> Path:
    path = fits.with_suffix(".zarr")
    if not path.exists():
        say(f"making {path}")
        api.convert(fits, path)
    return path


def _once(task: Task[Made]) -> tuple[float, float]:
    """Do a task; return its seconds and its harvest."""
    start = perf_counter()
    made = task.work()
    seconds = perf_counter() - start
    harvest = task.harvest(made)
    if not harvest > 0:
        raise BenchmarkError(f"there is nothing to time: the work made {harvest:g}")
    return seconds, harvest
