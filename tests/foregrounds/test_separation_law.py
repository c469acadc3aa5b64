"""One tile = many tiles for clean cubes: tile, storage, executor, order and interruption change no bit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from mock_sky import SIGNAL_RMS, MockSky, mock_sky, svd_residual, write_cube

import tessellar as ts
from tessellar.model import FloatArray, Progress
from tessellar.tiling.box import Box

SHAPE = (48, 70, 75)  # rows of the sky in three units; odd pieces everywhere
TILES = [(48, 32, 32), (48, 64, 96), (1, 96, 32), (48, 1, 1), (48, 200, 200)]
CLUSTERS = ["dask", "ray"]


class Interrupting:
    """An observer that stops the run after so many units of a stage."""

    def __init__(self, stage: str, after: int) -> None:
        self.stage, self.after = stage, after

    def begin(self, stage: str, total: int) -> None: ...

    def progress(self, event: Progress) -> None:
        if event.stage == self.stage and event.done >= self.after:
            raise KeyboardInterrupt

    def say(self, text: str) -> None: ...

    def end(self, stage: str) -> None: ...


@pytest.fixture(scope="module")
def sky() -> MockSky:
    return mock_sky(SHAPE)


@pytest.fixture(scope="module")
def cubes(sky: MockSky, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The sky with some blank voxels, as FITS and as Zarr."""
    folder = tmp_path_factory.mktemp("sky")
    return {
        suffix: write_cube(folder / f"sky.{suffix}", with_blanks(sky.cube)) for suffix in ("fits", "zarr")
    }


def with_blanks(cube: FloatArray) -> FloatArray:
    cube = cube.copy()
    cube[np.random.default_rng(3).random(cube.shape) < 0.05] = np.nan
    cube[7] = np.nan
    cube[:, 3, 4] = np.nan
    return cube


def voxels_of(path: Path) -> FloatArray:
    cube = ts.open_cube(path)
    return cube.read(Box.of_shape(cube.meta.shape))


def same(a: FloatArray, b: FloatArray) -> bool:
    return a.tobytes() == b.tobytes()


@pytest.fixture(scope="module")
def reference(cubes: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> FloatArray:
    out = tmp_path_factory.mktemp("reference") / "clean.zarr"
    ts.separate_foregrounds(cubes["zarr"], ts.PCA(modes=3), out=out, executor="serial")
    return voxels_of(out)


@pytest.mark.parametrize("tile", TILES, ids=str)
@pytest.mark.parametrize("stored", ["fits", "zarr"])
def test_any_tile_and_any_storage_give_the_same_bits(cubes, reference, tmp_path, tile, stored):
    ts.separate_foregrounds(cubes[stored], ts.PCA(modes=3), out=tmp_path / "clean.zarr", tile=tile)
    assert same(voxels_of(tmp_path / "clean.zarr"), reference)


@pytest.mark.parametrize("executor", ["threads", "processes", *CLUSTERS])
def test_any_executor_gives_the_same_bits(cubes, reference, tmp_path, executor):
    """In a process of its own: clusters that other tests have joined leave their marks on one."""
    out = tmp_path / "clean.zarr"
    options = ["--modes", "3", "--executor", executor, "--workers", "2", "--tile", "48,32,32", "--no-power"]
    command = [sys.executable, "-m", "tessellar", "foregrounds", cubes["zarr"], out, *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert same(voxels_of(out), reference)


@pytest.mark.parametrize("out", ["clean.zarr", "clean.fits"])
@pytest.mark.parametrize(("stage", "after"), [("moments", 1), ("separate", 2), ("copy", 1)])
def test_an_interrupted_run_goes_on_to_the_same_bits(cubes, reference, tmp_path, out, stage, after):
    options = {"out": tmp_path / out, "tile": (48, 32, 32), "executor": "serial"}
    if (stage, out) != ("copy", "clean.zarr"):
        with pytest.raises(KeyboardInterrupt):
            ts.separate_foregrounds(
                cubes["zarr"], ts.PCA(modes=3), observer=Interrupting(stage, after), **options
            )
        assert not (tmp_path / out).exists()
    clean = ts.separate_foregrounds(cubes["zarr"], ts.PCA(modes=3), **options)
    assert same(voxels_of(tmp_path / out), reference)
    assert sum(done["resumed"] for done in clean.info["stages"].values()) > 0 or stage == "copy"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == sorted(["clean.foregrounds", out])


def test_the_result_is_that_of_numpy_on_the_whole_cube(sky, tmp_path):
    cube = write_cube(tmp_path / "sky.fits", sky.cube)
    ts.separate_foregrounds(cube, ts.PCA(modes=3), out=tmp_path / "clean.zarr", tile=(48, 32, 64))
    difference = voxels_of(tmp_path / "clean.zarr") - svd_residual(sky.cube, 3)
    assert np.abs(difference).max() < 1e-5 * SIGNAL_RMS


def test_residual_and_foreground_add_up_to_the_cube(sky, cubes, tmp_path):
    ts.separate_foregrounds(
        cubes["fits"], ts.Polynomial(4), out=tmp_path / "clean.fits", foreground=tmp_path / "smooth.zarr"
    )
    cube, clean, smooth = (
        voxels_of(path) for path in (cubes["fits"], tmp_path / "clean.fits", tmp_path / "smooth.zarr")
    )
    good = np.isfinite(cube)
    assert np.array_equal(np.isfinite(clean), good)
    assert np.abs(clean[good] + smooth[good] - cube[good]).max() < 1e-4
