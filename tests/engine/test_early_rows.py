"""Sources that are complete in a tile are measured there: the same bits, and nothing of them is read again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from memory_cube import MemorySource, meta_of

import tessellar as ts
from tessellar.engine.executors.serial import SerialExecutor
from tessellar.engine.find import measuring
from tessellar.engine.find.pipeline import FindRun, Found
from tessellar.engine.find.recipes import Recipes
from tessellar.engine.precondition.recipe import Preconditioning
from tessellar.kernels.components import Linker
from tessellar.kernels.deblend import Deblending
from tessellar.kernels.dilate import Dilation
from tessellar.kernels.reliability import Reliability
from tessellar.kernels.smooth_clip import SmoothAndClip
from tessellar.tiling.box import Shape

SHAPE = (24, 60, 70)
FINDER = SmoothAndClip(kernels_xy=(0, 3), kernels_z=(0, 3), threshold=4.0)
LINKER = Linker(min_size_xy=2, min_size_z=2)
TILES: list[Shape] = [SHAPE, (24, 31, 36), (9, 17, 70)]
PLACES = [
    (3, 8, 9),
    (12, 20, 30),
    (18, 52, 60),
    (5, 45, 20),
    (14, 30, 60),
    (10, 33, 36),
]  # the last cross tiles


@pytest.fixture(scope="module")
def sky() -> MemorySource:
    cube = np.random.default_rng(5).normal(size=SHAPE).astype(np.float32)
    for number, (z, x, y) in enumerate(PLACES):
        cube[z - 2 : z + 3, x - 3 : x + 4, y - 3 : y + 4] += 5
        cube[z - 1 : z + 2, x - 8 : x - 5, y - 2 : y + 2] -= 4 + number % 3
    cube[6, 44, 21] = np.nan
    return MemorySource(cube, meta_of(SHAPE))


def found(sky: MemorySource, folder: Path, recipes: Recipes, tile: Shape) -> tuple[Found, np.ndarray]:
    plan = ts.plan(sky, FINDER, executor="serial", tile=tile)
    folder.mkdir()
    run = FindRun(sky, recipes, plan, folder, SerialExecutor())
    run.refuse_another_cube()
    return run.run(), np.load(folder / "skymap.npz")["image"]


def voxels_read(run: Found, stage: str = "measure") -> int:
    return next(report.voxels for report in run.stages if report.name == stage)


RECIPES = {
    "plain": Recipes(FINDER, LINKER),
    "negative": Recipes(FINDER, Linker(min_size_xy=2, min_size_z=2, keep_negative=True)),
    "judged": Recipes(FINDER, LINKER, Reliability(min_snr=0.0)),
    "judged and grown": Recipes(FINDER, LINKER, Reliability(min_snr=0.0), dilation=Dilation()),
    "grown": Recipes(FINDER, LINKER, dilation=Dilation()),
    "deblended": Recipes(FINDER, Linker(radius_xy=3, radius_z=3), deblending=Deblending(contrast=0.9)),
    "inverted": Recipes(FINDER, LINKER, preconditioning=Preconditioning(invert=True, contsub_order=0)),
}


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("tile", TILES)
def test_rows_of_tiles_are_those_of_the_measure_stage(
    sky: MemorySource, name: str, tile: Shape, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    early, image = found(sky, tmp_path / "early", RECIPES[name], tile)
    monkeypatch.setattr(FindRun, "_early_rows", lambda *_: None)
    late, other = found(sky, tmp_path / "late", RECIPES[name], tile)
    assert len(late.table) > 2
    assert early.table.colnames == late.table.colnames
    for column in late.table.colnames:
        np.testing.assert_array_equal(early.table[column], late.table[column], err_msg=column)
    np.testing.assert_array_equal(image, other)
    assert voxels_read(early) <= voxels_read(late)


def test_what_lies_in_one_tile_is_not_read_again(sky: MemorySource, tmp_path: Path) -> None:
    whole, _ = found(sky, tmp_path / "whole", RECIPES["judged"], SHAPE)
    assert voxels_read(whole) == voxels_read(whole, "measure-negative") == 0
    parts, _ = found(sky, tmp_path / "parts", RECIPES["judged"], TILES[1])
    assert 0 < voxels_read(parts) < 0.5 * np.prod(SHAPE)


def test_a_row_of_small_windows_is_the_same(
    sky: MemorySource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "WINDOW_VOXELS", 60)
    early, _ = found(sky, tmp_path / "early", RECIPES["plain"], SHAPE)
    monkeypatch.setattr(FindRun, "_early_rows", lambda *_: None)
    late, _ = found(sky, tmp_path / "late", RECIPES["plain"], SHAPE)
    for column in late.table.colnames:
        np.testing.assert_array_equal(early.table[column], late.table[column], err_msg=column)


def test_what_is_measured_on_another_view_is_read_for_it(sky: MemorySource, tmp_path: Path) -> None:
    local = Preconditioning(scale_noise="local", scale_noise_window_xy=15, scale_noise_window_z=9)
    run, _ = found(sky, tmp_path / "run", Recipes(FINDER, LINKER, preconditioning=local), SHAPE)
    assert len(run.table) > 2
    assert voxels_read(run) > 0


def test_masks_that_grow_first_are_measured_as_they_are_then(sky: MemorySource, tmp_path: Path) -> None:
    run, _ = found(sky, tmp_path / "run", RECIPES["grown"], SHAPE)
    assert voxels_read(run) > 0
