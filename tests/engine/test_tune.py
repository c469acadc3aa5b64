"""Tuning: rates that can be true, predictions by hand, notes that are found again, and a floor that says its origin."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from pathlib import Path

import pytest

import tessellar as ts
from tessellar.api import convert, plan, simulate
from tessellar.engine.floor import NOMINAL_PLAIN, floor_record
from tessellar.engine.tune.codecs import CodecRate
from tessellar.engine.tune.disk import measure_disk
from tessellar.engine.tune.notes import keep_rates, machine_words, rates_for, storage_words
from tessellar.engine.tune.proposal import AS_IT_IS, Tuning, propose
from tessellar.engine.tune.rates import MachineRates
from tessellar.errors import InputError, UsageError
from tessellar.io.extents import Extent
from tessellar.simulate.hi import HiSky
from tessellar.tiling.box import Shape

SHAPE = (24, 64, 80)
RATES = MachineRates(
    machine="m",
    storage="s",
    executor="threads",
    date="2026-01-01",
    disk_cold=1e9,
    disk_cached=4e9,
    fetched=1.0,
    read=((1, 1e9), (4, 2e9)),
    search=((1, 100e6), (4, 400e6)),
    noise=1e12,
    scales=1e12,
)


@pytest.fixture(scope="module")
def cube(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small cube as FITS, and as Zarr beside it."""
    path = tmp_path_factory.mktemp("sky") / "sky.fits"
    simulate(HiSky(SHAPE, seed=1, n_sources=4), path)
    convert(path, path.with_suffix(".zarr"), tile=(16, 32, 32))
    return path


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def tuning_of(
    cube: Path, rates: MachineRates, codecs: tuple[CodecRate, ...] = (), expansion: float = 1.0
) -> Tuning:
    """Return what is proposed with such rates, for a cube that does not fit the file cache."""
    return propose(
        "cube",
        rates,
        plan_of=lambda hands: plan(cube, workers=hands, tile=SHAPE, memory="8GiB"),
        expansion=expansion,
        codecs=codecs,
        cached=False,
    )


@pytest.mark.parametrize(("suffix", "executor"), [(".zarr", "threads"), (".fits", "serial")])
def test_a_cube_is_measured_and_what_is_proposed_can_be_run(cube: Path, suffix: str, executor: str) -> None:
    path = cube.with_suffix(suffix)
    before = {file: file.stat().st_mtime_ns for file in sorted(path.parent.rglob("*"))}
    tuning = ts.tune(path, executor=executor, workers=2, seconds=0.01)
    assert {file: file.stat().st_mtime_ns for file in sorted(path.parent.rglob("*"))} == before
    rates = tuning.rates
    assert [hands for hands, _ in rates.read] == ([1, 2] if executor == "threads" else [1])
    assert min(rates.disk_cold, rates.disk_cached, rates.noise, rates.scales) > 0
    assert all(rate > 0 for _, rate in (*rates.read, *rates.search))
    assert tuning.codecs[0].codec == AS_IT_IS
    assert {each.codec for each in tuning.codecs} >= {"zstd", "none"}
    assert tuning.record()["proposal"]["voxels_per_second"] == tuning.best.forecast.rate
    settings = tuning.settings()
    tile: Shape = tuple(settings.pop("tile"))
    assert plan(path, **settings, tile=tile).grid.core == tile
    assert rates_for(ts.open_cube(path)) == rates


def test_predictions_by_hand(cube: Path) -> None:
    n = prod(SHAPE)
    tuning = tuning_of(cube, RATES)
    assert [c.workers for c in tuning.candidates] == [1, 2, 4]
    one, four = tuning.candidates[0].forecast, tuning.candidates[2].forecast
    # one tile holds the cube: 4 bytes a voxel at 1 GB/s from disk and codec, 100 Mvoxel/s of the kernel
    assert (one.disk, one.decode) == pytest.approx((4e-9 * n, 4e-9 * n))
    assert one.kernel == pytest.approx(1e-8 * n, rel=1e-3)
    assert one.limit == "kernel"
    assert one.rate == pytest.approx(1e9 / 14, rel=1e-3)
    # four workers: 2 ns to decode and 2.5 ns to compute, and the disk is idle for the difference to its 4 ns
    assert four.seconds == pytest.approx(4.5e-9 * n, rel=1e-3)
    assert tuning.best.workers == 4
    assert tuning.settings() == {"executor": "threads", "workers": 4, "tile": list(SHAPE)}


def test_workers_that_only_wait_for_the_disk_are_not_proposed(cube: Path) -> None:
    tuning = tuning_of(cube, replace(RATES, disk_cold=0.2e9))
    assert tuning.best.workers == 1
    assert tuning.best.forecast.limit == "disk"


def test_a_codec_is_proposed_where_it_pays(cube: Path) -> None:
    slow = replace(RATES, disk_cold=0.1e9)
    lossless = (CodecRate("zstd", 2.0, 1.0), CodecRate("none", 1.0, 4.0))
    assert tuning_of(cube, slow, lossless).codec == "zstd"  # the disk has half to give
    assert tuning_of(cube, slow, lossless, expansion=2.0).codec == AS_IT_IS
    slow_codec = replace(RATES, read=((1, 0.1e9),), search=((1, 1e9),))
    assert tuning_of(cube, slow_codec, lossless, expansion=2.0).codec == "none"  # 10 + 1 ns against 40 + 1


def test_what_cannot_be_measured_is_refused(cube: Path, tmp_path: Path) -> None:
    import numpy as np
    from astropy.io import fits

    with pytest.raises(UsageError, match="made as it is read"):
        ts.tune("procedural://hi?shape=16,32,32", seconds=0.01)
    with pytest.raises(UsageError, match="above 0"):
        ts.tune(cube, seconds=0)
    fits.writeto(tmp_path / "blank.fits", np.full((4, 8, 8), np.nan, np.float32))
    with pytest.raises(InputError, match="blank wherever"):
        ts.tune(tmp_path / "blank.fits", executor="serial", seconds=0.01)


def test_a_sample_of_the_disk_is_read_where_the_cube_is(tmp_path: Path) -> None:
    file = tmp_path / "bytes"
    file.write_bytes(bytes(1000))
    rates = measure_disk([Extent(file, 100, 900)], 1.0)
    assert min(rates.cold, rates.cached) > 0
    assert rates.fetched is None or 0 <= rates.fetched <= 1
    with pytest.raises(InputError, match="There is no cube"):
        measure_disk([Extent(tmp_path / "none", 0, 1)], 1.0)


def test_the_floor_says_where_it_comes_from(cube: Path, cache: Path) -> None:
    source = ts.open_cube(cube)
    n = prod(SHAPE)

    def floor(**more: object) -> dict[str, object]:
        return floor_record(source, [], n_voxels=n, workers=2, seconds=1.0, **more).get("floor", {})

    assert floor()["origin"] == "nominal rates"
    assert floor()["share"] == pytest.approx(4 * n / (2 * NOMINAL_PLAIN))
    mine = replace(RATES, machine=machine_words(), storage=storage_words(source))  # type: ignore[arg-type]
    file = keep_rates(mine)
    assert file is not None
    assert file.is_relative_to(cache)
    # two workers decode 4/3 GB/s, less than the 4 GB/s that come from the file cache
    assert floor()["bytes_per_second"] == pytest.approx(4e9 / 3)
    assert "2026-01-01" in str(floor()["origin"])
    assert floor(remote=True)["origin"] == "nominal rates"
    file.write_text("{")
    assert floor()["origin"] == "nominal rates"
    procedural = ts.open_cube("procedural://hi?shape=16,32,32")
    assert floor_record(procedural, [], n_voxels=n, workers=2, seconds=1.0) == {}
