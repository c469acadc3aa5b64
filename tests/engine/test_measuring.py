"""Sources that are larger than what is held of them at once are measured all the same, for any tiling."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.table import QTable
from memory_cube import MemorySource, meta_of

import tessellar as ts
from tessellar.engine.executors.serial import SerialExecutor
from tessellar.engine.find import measuring as module
from tessellar.engine.find.pipeline import FindRun
from tessellar.engine.find.recipes import Recipes
from tessellar.kernels import sum_noise
from tessellar.kernels.smooth_clip import SmoothAndClip
from tessellar.tiling.box import Shape

SHAPE = (20, 48, 60)
FINDER = SmoothAndClip(kernels_xy=(0, 3), kernels_z=(0, 3), threshold=5.0)


def rotating_disc() -> MemorySource:
    """A disc over most of the sky whose upper channels lie at larger m, and a small source."""
    z, x, y = np.indices(SHAPE)
    cube = np.random.default_rng(1).normal(size=SHAPE).astype(np.float32)
    disc = ((x - 22) / 17) ** 2 + ((y - 28) / 22) ** 2 < 1
    cube[disc & (np.abs(z - 3 - y / 5) < 2)] += 9
    cube[12:18, 40:46, 3:9] += 9
    return MemorySource(cube, meta_of(SHAPE))


def catalogue(folder: Path, tile: Shape = SHAPE) -> QTable:
    source = rotating_disc()
    plan = ts.plan(source, FINDER, executor="serial", tile=tile)
    folder.mkdir()
    return FindRun(source, Recipes(FINDER), plan, folder, SerialExecutor()).run().table


def numbers(table: QTable) -> dict[str, np.ndarray]:
    names = [name for name in table.colnames if name != "name"]
    return {name: np.asarray(getattr(table[name], "value", table[name]), np.float64) for name in names}


def test_the_columns_say_what_the_disc_is(tmp_path: Path) -> None:
    disc, small = numbers(catalogue(tmp_path / "run")), 1
    assert len(disc["id"]) == 2
    assert min(disc["kin_pa"][0], 360 - disc["kin_pa"][0]) < 2.0
    assert np.isnan(disc["kin_pa"][small]) or disc["kin_pa"][small] >= 0
    assert disc["ell3s_maj"][0] == pytest.approx(22.0, rel=0.06)  # twice the spread of a filled ellipse
    assert disc["ell3s_min"][0] == pytest.approx(17.0, rel=0.06)
    assert abs(disc["ell3s_pa"][0]) < 5.0
    assert disc["wm50"][small] == pytest.approx(6e5, rel=0.05)
    assert disc["err_freq"] == pytest.approx(disc["err_z"] * 1e5)


@pytest.mark.parametrize("tile", [(7, 13, 60), (20, 11, 17)])
def test_small_windows_measure_the_same_for_any_tiling(
    tile: Shape, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = numbers(catalogue(tmp_path / "whole"))
    monkeypatch.setattr(module, "WINDOW_VOXELS", 300)
    monkeypatch.setattr(sum_noise, "STRIP_PIXELS", 300)
    one, many = (numbers(catalogue(tmp_path / str(k), t)) for k, t in enumerate((SHAPE, tile)))
    for name, values in whole.items():
        np.testing.assert_array_equal(one[name], many[name], err_msg=name)
        np.testing.assert_allclose(one[name], values, rtol=1e-9, err_msg=name)
