"""The law: one tile = many tiles. Any tiling, any executor, any order gives the same catalogue, to the bit."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_cube import MemorySource, meta_of

import tessellar as ts
from tessellar.engine.executors.serial import SerialExecutor
from tessellar.engine.find.pipeline import FindRun
from tessellar.engine.find.recipes import Recipes
from tessellar.errors import UsageError
from tessellar.io.catalogue import write_catalogue
from tessellar.kernels.components import Linker
from tessellar.kernels.reliability import Reliability
from tessellar.kernels.smooth_clip import SmoothAndClip
from tessellar.simulate.hi import HiSky

FILES = ("catalogue.vot", "catalogue.parquet", "catalogue.ecsv")
SKY = HiSky((48, 96, 80), seed=4, n_sources=12, touch_edges=True)
QUICK = ts.Products(report=False)  # pages take longer to draw than the rest, and are no part of the law


def catalogue_bytes(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in FILES]


def random_cube(shape: tuple[int, int, int], seed: int) -> np.ndarray:
    """Correlated noise, elongated sources of both signs, some at the edges, and blank holes."""
    rng = np.random.default_rng(seed)
    cube = rng.normal(size=shape).astype(np.float32)
    for _ in range(rng.integers(1, 6)):
        start = [int(rng.integers(-2, n)) for n in shape]
        stop = [a + int(rng.integers(2, max(3, n))) for a, n in zip(start, shape, strict=True)]
        part = tuple(slice(max(a, 0), b) for a, b in zip(start, stop, strict=True))
        cube[part] += np.float32(rng.choice([-8.0, 2.0, 4.0, 12.0]))
    for _ in range(rng.integers(0, 4)):
        start = [int(rng.integers(0, n)) for n in shape]
        cube[tuple(slice(a, a + int(rng.integers(1, 5))) for a in start)] = np.nan
    return cube


@given(st.data())
@settings(max_examples=25)
def test_random_cubes_kernels_links_and_tiles(data: st.DataObject) -> None:
    shape = tuple(data.draw(st.integers(6, n)) for n in (20, 40, 40))
    source = MemorySource(
        random_cube(shape, data.draw(st.integers(0, 99))),
        meta_of(shape),
        chunks=data.draw(
            st.sampled_from([None, (3, 7, 8), (5, 16, 40)])
        ),  # then tiles share what was decoded
    )
    finder = SmoothAndClip(
        kernels_xy=(0, 3), kernels_z=(0, 3, 5), threshold=data.draw(st.sampled_from([3.0, 4.0]))
    )
    linker = Linker(
        radius_xy=data.draw(st.integers(1, 3)),
        radius_z=data.draw(st.integers(1, 3)),
        min_size_xy=data.draw(st.integers(0, 3)),
        min_size_z=data.draw(st.integers(0, 3)),
        shape=data.draw(st.sampled_from(["ellipsoid", "box"])),
    )
    reliability = data.draw(st.sampled_from([None, Reliability(0.5, min_snr=0.0)]))
    core = tuple(data.draw(st.integers(max(2, n // 5), n)) for n in shape)
    one, many = (catalogue_of(source, finder, linker, reliability, tile) for tile in (shape, core))
    assert one == many


def catalogue_of(
    source: MemorySource,
    finder: SmoothAndClip,
    linker: Linker,
    reliability: Reliability | None,
    tile: tuple[int, int, int],
) -> list[bytes]:
    """The catalogue files of a run without a report."""
    plan = ts.plan(source, finder, executor="serial", tile=tile)
    with TemporaryDirectory() as folder:
        found = FindRun(
            source, Recipes(finder, linker, reliability), plan, Path(folder), SerialExecutor()
        ).run()
        write_catalogue(found.table, Path(folder))
        return catalogue_bytes(Path(folder))


def test_reliability_is_the_same_for_any_tiling(tmp_path: Path) -> None:
    recipes = {
        "kernel": SmoothAndClip(threshold=3.3),
        "linker": Linker(min_size_xy=2, min_size_z=2),
        "reliability": Reliability(0.8),
    }
    one, many = (
        ts.find_sources(SKY, **recipes, products=QUICK, executor=executor, tile=tile, out=tmp_path / executor)
        for executor, tile in (("serial", SKY.shape), ("processes", (13, 32, 29)))
    )
    assert one.info["n_negative"] > 8
    assert 5 <= len(one.catalogue) < one.info["n_detections"]
    assert np.all(one.catalogue["rel"] >= 0.8)
    assert catalogue_bytes(one.folder) == catalogue_bytes(many.folder)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> ts.Run:
    return ts.find_sources(
        SKY, products=QUICK, executor="serial", tile=SKY.shape, out=tmp_path_factory.mktemp("whole") / "run"
    )


@pytest.mark.parametrize(
    ("executor", "tile"),
    [
        ("serial", (16, 32, 40)),
        ("serial", (48, 17, 19)),
        ("threads", (16, 32, 40)),
        ("threads", (13, 29, 80)),
        ("processes", (16, 32, 40)),
    ],
)
def test_executors_and_tilings(
    whole: ts.Run, tmp_path: Path, executor: str, tile: tuple[int, int, int]
) -> None:
    run = ts.find_sources(SKY, products=QUICK, executor=executor, workers=2, tile=tile, out=tmp_path / "run")
    assert run.info["n_tiles"] > 6
    assert len(whole.catalogue) >= 5
    assert catalogue_bytes(run.folder) == catalogue_bytes(whole.folder)


def test_an_interrupted_run_goes_on_to_the_same_catalogue(whole: ts.Run, tmp_path: Path) -> None:
    class Impatient:
        """Stops the run in the middle of the detect stage."""

        def begin(self, stage: str, total: int) -> None: ...
        def say(self, text: str) -> None: ...
        def end(self, stage: str) -> None: ...

        def progress(self, event: object) -> None:
            if event.stage == "detect" and event.done >= 3:
                raise KeyboardInterrupt

    folder, tile = tmp_path / "run", (16, 32, 40)
    with pytest.raises(KeyboardInterrupt):
        ts.find_sources(SKY, products=QUICK, executor="threads", tile=tile, out=folder, observer=Impatient())
    assert not any((folder / name).exists() for name in FILES)
    run = ts.find_sources(SKY, executor="threads", tile=tile, out=folder)
    assert run.info["stages"]["detect"]["resumed"] >= 3
    assert catalogue_bytes(folder) == catalogue_bytes(whole.folder)


def test_a_tile_that_cannot_be_read_is_flagged_and_the_rest_stays(tmp_path: Path) -> None:
    shape = (24, 40, 40)
    rng = np.random.default_rng(0)
    cube = rng.normal(size=shape).astype(np.float32)
    cube[8:16, 4:12, 4:12] += 10
    cube[8:16, 10:30, 28:36] += 10
    broken = (0, 39, 39)
    source = MemorySource(cube, meta_of(shape), broken=[broken])
    run = ts.find_sources(
        source, SmoothAndClip(kernels_xy=(0,), kernels_z=(0,)), executor="serial", tile=(24, 20, 20)
    )
    assert not run.complete
    assert run.info["tiles_failed"] == 1
    assert run.catalogue["flag"].tolist() == [0, 32]


def test_a_run_whose_cube_was_unreadable_in_part_ends_as_one_that_never_failed(tmp_path: Path) -> None:
    shape, tile = (64, 40, 40), (16, 20, 20)
    voxels = random_cube(shape, 11)
    sick = MemorySource(voxels, meta_of(shape), broken=[(40, 20, 20)])
    well = MemorySource(voxels, meta_of(shape))
    first = ts.find_sources(sick, products=QUICK, executor="serial", tile=tile, out=tmp_path / "run")
    assert first.info["stages"]["noise"]["failed"]
    again = ts.find_sources(well, products=QUICK, executor="serial", tile=tile, out=tmp_path / "run")
    assert again.complete
    ts.find_sources(well, products=QUICK, executor="serial", tile=tile, out=tmp_path / "clean")
    assert catalogue_bytes(tmp_path / "run") == catalogue_bytes(tmp_path / "clean")


def test_a_cube_with_data_between_the_sampled_cells_only_is_searched() -> None:
    voxels = np.full((12, 512, 40), np.nan, np.float32)
    voxels[:, 112:144] = np.random.default_rng(0).normal(size=(12, 32, 40))
    voxels[3:9, 120:130, 10:20] += 9
    run = ts.find_sources(MemorySource(voxels, meta_of(voxels.shape)), executor="serial")
    assert len(run.catalogue) == 1


def test_starting_afresh_waits_for_nobody_and_disturbs_nobody(tmp_path: Path) -> None:
    class Rival:
        """Starts the same run afresh while the first is at work."""

        refused = ""

        def begin(self, stage: str, total: int) -> None:
            if stage == "detect":
                with pytest.raises(UsageError) as caught:
                    ts.find_sources(SKY, executor="serial", out=tmp_path / "run", fresh=True)
                self.refused = str(caught.value)

        def progress(self, event: object) -> None: ...
        def say(self, text: str) -> None: ...
        def end(self, stage: str) -> None: ...

    rival = Rival()
    run = ts.find_sources(SKY, products=QUICK, executor="serial", out=tmp_path / "run", observer=rival)
    assert "Another run writes" in rival.refused
    assert run.complete


def test_whole_and_real_numbers_in_a_recipe_are_the_same_recipe() -> None:
    assert SmoothAndClip(kernels_xy=(0, 3), kernels_z=(0.0, 3.0), threshold=5) == SmoothAndClip(
        kernels_xy=(0.0, 3.0), kernels_z=(0, 3), threshold=5.0
    )
    assert repr(SmoothAndClip(threshold=np.int64(5))) == repr(SmoothAndClip(threshold=5.0))
