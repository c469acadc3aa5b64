"""One tile of the cube with the finder that its own noise gives, so that a search can be timed before any run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from time import perf_counter

from tessellar.engine.conveyor import passages
from tessellar.engine.find.calibrate import NoiseStage, ScaleStage
from tessellar.engine.precondition.region import RegionSource
from tessellar.errors import InputError
from tessellar.io.naming import shown
from tessellar.kernels.smooth_clip import CalibratedFinder, SmoothAndClip
from tessellar.model import Payload, Source, Stage
from tessellar.tiling.grid import Grid, Tile


@dataclass(frozen=True, slots=True, eq=False)
class CalibratedTile:
    """A tile that can be searched.

    Attributes
    ----------
    source
        What the tile reads, as a cube of its own.
    tile
        The tile inside it.
    finder
        Calibrated on it alone.
    noise, scales
        Voxels of the noise lattice, and blocks of the scales, that one thread did in a second, with reading.
    """

    source: Source
    tile: Tile
    finder: CalibratedFinder
    noise: float
    scales: float


def calibrated_tile(source: Source, finder: SmoothAndClip, grid: Grid) -> CalibratedTile:
    """Calibrate a finder on a tile of a cube that has data: the middle one, or else another.

    Raises
    ------
    InputError
        None of those that were looked at has data.
    """
    n_tiles = len(grid)
    for number in dict.fromkeys((n_tiles // 2, n_tiles // 4, 3 * n_tiles // 4, 0)):
        found = _calibrated(source, finder, grid[number])
        if found is not None:
            return found
    raise InputError(
        f"{shown(source.meta.name)} is blank wherever it was looked at, or has too few negative voxels to measure "
        "its noise, so no search can be timed. Tune with a cube that has data, and its noise."
    )


def _calibrated(source: Source, finder: SmoothAndClip, tile: Tile) -> CalibratedTile | None:
    part, origin = RegionSource(source, tile.read), tile.read.start
    noise_stage = NoiseStage(part, "tune")
    samples, seconds = _timed(noise_stage)
    noise = noise_stage.reduce(samples)
    if noise is None or noise.empty:
        return None
    rate = noise_stage.lattice.n_read / seconds
    scale_stage = ScaleStage(part, finder, noise, "tune")
    counts, seconds = _timed(scale_stage)
    inside = Tile(0, tile.core.relative_to(origin), tile.read.relative_to(origin))
    return CalibratedTile(
        part, inside, scale_stage.reduce(counts), rate, scale_stage.n_units / max(seconds, 1e-9)
    )


def _timed(stage: Stage) -> tuple[list[tuple[int, Payload]], float]:
    """Return the results of all units of a stage and their seconds; the first unit is done once before that."""
    _results(stage, range(1))
    begin = perf_counter()
    made = _results(stage, range(stage.n_units))
    return made, max(perf_counter() - begin, 1e-9)


def _results(stage: Stage, units: Iterable[int]) -> list[tuple[int, Payload]]:
    made = []
    for passage in passages(stage.worker(), units, room=0):
        if passage.error is not None:
            raise passage.error
        made.append((passage.unit, passage.value.payload))
    return made
