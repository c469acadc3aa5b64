"""The local background is measured on a lattice that is anchored to the cube, and subtracted between its nodes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conditioned import conditioned, cube
from hypothesis import given, settings
from hypothesis import strategies as st

import tessellar as ts
from tessellar.engine.precondition.lattice import SIDE, Lattice
from tessellar.engine.precondition.prepare import Prepared
from tessellar.engine.precondition.recipe import Preconditioning
from tessellar.engine.precondition.ripple import Ripple
from tessellar.errors import UsageError
from tessellar.tiling.box import Box

SHAPE = (12, 150, 20)
SMALL = {"ripple_window_xy": 5, "ripple_window_z": 3, "ripple_grid_xy": 3, "ripple_grid_z": 1}


def test_sofia_s_lattice_steps_by_half_the_window() -> None:
    assert Ripple("median", 31, 15, 0, 0, False).lattice(SHAPE) == Lattice(SHAPE, (7, 15, 15), (15, 31, 31))
    assert Ripple("median", 30, 14, 4, 2, False).lattice(SHAPE) == Lattice(SHAPE, (3, 5, 5), (15, 31, 31))


def test_nodes_lie_in_the_middle_of_their_steps_and_windows_inside_the_cube() -> None:
    lattice = Lattice((7, 10, 3), (3, 4, 5), (3, 5, 7))
    assert lattice.nodes == (3, 3, 1)
    assert [lattice.place(0, n) for n in range(3)] == [1, 4, 6]
    assert [lattice.place(1, n) for n in range(3)] == [2, 6, 9]
    assert lattice.place(2, 0) == 2
    assert lattice.window_of((2, 1, 0)) == Box((5, 4, 0), (7, 9, 3))
    assert lattice.nodes_near(Box((4, 2, 0), (5, 3, 3))) == Box((1, 0, 0), (3, 2, 1))


@pytest.mark.parametrize("window", [3, 31, 301])
def test_units_reach_as_far_as_the_plan_says(window: int) -> None:
    lattice = Lattice((40, 300, 500), (9, 9, 9), (15, window, window))
    reaches = [lattice.reach_of(lattice.units[unit].core).size for unit in range(len(lattice.units))]
    assert (lattice.n_read, lattice.most_read) == (sum(reaches), max(reaches))
    assert lattice.most_read <= 40 * max(SIDE + 18, window) ** 2


@pytest.mark.parametrize("statistic", ["mean", "median"])
def test_the_nearest_node_gives_the_background(statistic: str, tmp_path: Path) -> None:
    voxels = np.random.default_rng(0).normal(size=(4, 9, 9)).astype(np.float32)
    voxels[2, 4, 4] = np.nan
    left = conditioned(voxels, Preconditioning(ripple_filter=statistic, **SMALL), tmp_path).source.read(
        Box.of_shape(voxels.shape)
    )
    level = np.nanmedian if statistic == "median" else np.nanmean
    for z, x, y in ((0, 0, 0), (2, 5, 3), (3, 8, 8), (1, 2, 6)):
        i, j = 3 * (x // 3) + 1, 3 * (y // 3) + 1
        window = voxels[max(z - 1, 0) : z + 2, max(i - 2, 0) : i + 3, max(j - 2, 0) : j + 3]
        assert left[z, x, y] == pytest.approx(voxels[z, x, y] - level(window.astype(np.float64)), abs=1e-6)
    assert np.argwhere(np.isnan(left)).tolist() == [[2, 4, 4]]


def test_between_nodes_the_background_is_linear(tmp_path: Path) -> None:
    slope = np.broadcast_to(np.arange(20, dtype=np.float32)[:, None], (1, 20, 9)).copy()
    recipe = Preconditioning(ripple_filter="mean", ripple_interpolate=True, **SMALL)
    left = conditioned(slope, recipe, tmp_path).source.read(Box.of_shape(slope.shape))
    np.testing.assert_allclose(left[:, 4:16], 0, atol=1e-5)


def test_what_is_blank_or_flagged_is_no_background(tmp_path: Path) -> None:
    voxels = np.ones((3, 12, 12), np.float32)
    voxels[:, 6:] = 1000
    recipe = Preconditioning(ripple_filter="mean", flag_region=(6, 11, 0, 11, 0, 2), **SMALL)
    left = conditioned(voxels, recipe, tmp_path).source.read(Box.of_shape(voxels.shape))
    np.testing.assert_array_equal(left[:, :6], 0)
    assert np.isnan(left[:, 6:]).all()


@pytest.fixture(scope="module", params=[False, True])
def rippled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    voxels = np.random.default_rng(1).normal(size=SHAPE).astype(np.float32)
    recipe = Preconditioning(ripple_filter="median", ripple_interpolate=request.param, **SMALL)
    assert len(Ripple("median", 5, 3, 3, 1, request.param).lattice(SHAPE).units) > 1
    return conditioned(voxels, recipe, tmp_path_factory.mktemp("partials"))


@given(st.data())
@settings(max_examples=20)
def test_any_box_is_that_of_the_whole(rippled: Prepared, data: st.DataObject) -> None:
    ends = [sorted((data.draw(st.integers(0, n - 1)), data.draw(st.integers(0, n - 1)))) for n in SHAPE]
    box = Box(tuple(a for a, _ in ends), tuple(b + 1 for _, b in ends))
    whole = rippled.source.read(Box.of_shape(SHAPE))
    np.testing.assert_array_equal(rippled.source.read(box), whole[box.slices()])


def test_the_plan_counts_reading_and_memory() -> None:
    source = cube(np.zeros((64, 400, 400), np.float32))
    plain, filtered = (
        ts.plan(source, tile=(8, 16, 16), executor="serial", preconditioning=recipe)
        for recipe in (Preconditioning(), Preconditioning(ripple_filter="mean", ripple_window_xy=301))
    )
    lattice = Ripple("mean", 301, 15, 0, 0, False).lattice((64, 400, 400))
    assert filtered.bytes_read - plain.bytes_read == 4 * lattice.n_read
    assert filtered.unit_bytes == 32 * lattice.most_read > plain.unit_bytes
    assert "voxels for the local background" in str(filtered)


@pytest.mark.parametrize(
    "wrong",
    [{"ripple_filter": "mode"}, {"ripple_window_xy": 0}, {"ripple_grid_z": -1}, {"ripple_window_z": 999}],
)
def test_wrong_values_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong))):
        Preconditioning(**wrong)
