"""Channels and pixels that are flagged for their noise: the statistics, the decision, and what is said of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from conditioned import column, cube, find
from hypothesis import given
from hypothesis import strategies as st

import tessellar as ts
from tessellar.engine.precondition.pixel_noise import PIXELS, rows_of_sky
from tessellar.engine.precondition.recipe import Preconditioning
from tessellar.errors import UsageError
from tessellar.kernels.noise import channel_levels
from tessellar.kernels.outliers import FEWEST_VALUES, Usual, usual
from tessellar.kernels.pixel_noise import count_by_pixel, no_counts, noise_of_counts

SHAPE = (96, 40, 44)


def bad_cube() -> np.ndarray:
    """Return noise of one source, three channels and two pixels of another noise."""
    voxels = np.random.default_rng(3).normal(size=SHAPE).astype(np.float32)
    voxels[40:48, 20:28, 16:24] += 9
    voxels[30:32] *= 2
    voxels[70] *= 0.4
    voxels[:, 12, 33] *= 4
    voxels[:, 30, 5] *= 5
    return voxels


def test_the_median_and_the_spread_are_those_of_the_values() -> None:
    values = np.random.default_rng(0).normal(5, 0.5, 4000).astype(np.float32)
    found = usual(lambda: [values])
    assert found is not None
    assert found.middle == pytest.approx(np.median(values), rel=2e-3)
    mad = np.median(np.abs(values - np.median(values)))
    assert found.spread == pytest.approx(1.4826 * mad, rel=1e-2)


@given(st.integers(0, 9), st.permutations(range(5)))
def test_neither_pieces_nor_their_order_matter(seed: int, order: list[int]) -> None:
    values = np.random.default_rng(seed).exponential(size=100).astype(np.float32)
    values[::7] = np.nan
    pieces = np.split(values, [3, 30, 31, 80])
    assert usual(lambda: [values.reshape(4, 25)]) == usual(lambda: (pieces[i] for i in order))


def test_too_few_values_are_not_judged_and_nan_is_never_far() -> None:
    values = np.ones(FEWEST_VALUES, np.float32)
    values[0] = np.nan
    assert usual(lambda: [values]) is None
    far = Usual(2.0, 0.5).far(np.array([2.0, 4.4, 4.6, -0.6, np.nan], np.float32), 5.0)
    assert far.tolist() == [False, False, True, True, False]


def test_equal_values_have_no_outlier() -> None:
    values = np.full(50, 3.3, np.float32)
    found = usual(lambda: [values])
    assert found is not None
    assert not found.far(values, 5.0).any()


def test_few_values_of_coarse_steps_have_no_outlier_but_the_far_one() -> None:
    values = np.array([14.8] * 40 + [16.3] * 11 + [13.3] * 9 + [40.0], np.float32)
    found = usual(lambda: [values])
    assert found is not None
    assert np.flatnonzero(found.far(values, 5.0)).tolist() == [60]


def test_a_value_is_no_outlier_within_its_error() -> None:
    values = np.full(99, 2.0, np.float32)
    values[:2] = 3.0, 5.0
    far = [found.far(values, 5.0) for error in (0.0, 0.2) if (found := usual(lambda: [values], error))]
    assert [int(one.sum()) for one in far] == [2, 1]


@pytest.mark.parametrize("counts", [6, 20])
def test_coarsely_stored_noise_is_not_flagged(counts: int) -> None:
    voxels = np.random.default_rng(0).normal(size=(64, 64, 64)) * counts
    run = find(cube(np.rint(voxels).astype(np.float32)), Preconditioning(flag_auto="true"))
    assert "flagged" not in run.info


def test_the_noise_of_a_pixel_is_the_scaled_median_of_its_negative_voxels() -> None:
    voxels = np.random.default_rng(1).normal(size=(200, 3, 2)).astype(np.float32)
    voxels[:, 2, 1] *= 7
    voxels[20:, 0, 0] = np.nan
    voxels[4] *= 1000
    inverse_channel, inverse_sky = np.full(200, 0.5, np.float32), np.full((3, 2), 2, np.float32)
    inverse_channel[4] = 0
    counts = no_counts((3, 2))
    for first in (100, 0, 190):
        part = slice(first, {100: 190, 0: 100, 190: 200}[first])
        count_by_pixel(voxels[part], inverse_channel[part], inverse_sky, counts)
    noise = noise_of_counts(counts)
    assert np.isnan(noise[0, 0])
    voxels[4] = np.nan
    for x, y in ((0, 1), (1, 0), (2, 1)):
        negative = -voxels[:, x, y][voxels[:, x, y] < 0]
        assert noise[x, y] == pytest.approx(1.4826 * np.median(negative), rel=0.03)


def test_the_level_of_a_channel_takes_nothing_from_its_neighbours() -> None:
    sigmas = np.ones((9, 2, 2), np.float32) * np.array([[1, 2], [3, 4]], np.float32)
    sigmas[4] *= 3
    sigmas[6] = np.nan
    levels = channel_levels(sigmas)
    np.testing.assert_allclose(levels / levels[0], [1, 1, 1, 1, 3, 1, np.nan, 1, 1], rtol=1e-6)


@pytest.mark.parametrize("shape", [(3, 40, 44), (3, 300, 70_000), (3, 2 * PIXELS, 2)])
def test_units_are_rows_of_the_sky_of_bounded_size(shape: tuple[int, int, int]) -> None:
    grid = rows_of_sky(shape)
    assert all(grid[unit].core.size <= PIXELS for unit in range(0, len(grid), 97))
    assert sum(grid[unit].core.size for unit in range(len(grid))) == shape[1] * shape[2]


@pytest.mark.parametrize(
    ("mode", "channels", "pixels"),
    [
        ("off", None, None),
        ("channels", [[30, 31], [70, 70]], 0),
        ("pixels", [], 2),
        ("true", [[30, 31], [70, 70]], 2),
    ],
)
def test_bad_channels_and_pixels_are_flagged_and_told(
    mode: str, channels: list[list[int]] | None, pixels: int | None, tmp_path: Path
) -> None:
    recipe, products = Preconditioning(flag_auto=mode, flag_threshold=7), ts.Products(report=mode == "true")
    run = find(cube(bad_cube()), recipe, out=tmp_path / "run", products=products)
    flagged = run.info.get("flagged", {})
    assert (flagged.get("channels"), flagged.get("pixels")) == (channels, pixels)
    said = [sentence for sentence in run.info["warnings"] if sentence.startswith("Flagged and not searched:")]
    assert len(said) == (mode != "off")
    listed = tmp_path / "run" / "flags.txt"
    assert listed.exists() == (mode != "off")
    if mode == "true":
        assert "3 of 96 channels for their noise (30-31, 70), 2 of 1,760 pixels" in said[0]
        assert listed.read_text().splitlines()[1:] == [
            "channel 30",
            "channel 31",
            "channel 70",
            "pixel 12 33",
            "pixel 30 5",
        ]
        assert said[0] in (tmp_path / "run" / "report.html").read_text()
        assert said[0] in (tmp_path / "run" / "run.log").read_text()
        assert json.loads((tmp_path / "run" / "run.json").read_text())["flagged"] == flagged
        assert [int(x) for x in column(run, "x")] == [23]


def test_flags_are_counted_in_the_whole_cube(tmp_path: Path) -> None:
    recipe = Preconditioning(flag_auto="true", flag_threshold=7, region=(10, 39, 4, 43, 20, 95))
    run = find(cube(bad_cube()), recipe, out=tmp_path / "run")
    assert run.info["flagged"]["channels"] == [[30, 31], [70, 70]]
    assert "pixel 30 5\n" in (tmp_path / "run" / "flags.txt").read_text()


def test_a_cube_without_noise_has_nothing_to_flag() -> None:
    run = find(cube(np.ones((8, 20, 20), np.float32)), Preconditioning(flag_auto="true"))
    assert "flagged" not in run.info


@pytest.mark.parametrize("wrong", [{"flag_auto": "yes"}, {"flag_threshold": 0}, {"flag_threshold": np.nan}])
def test_wrong_values_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong))):
        Preconditioning(**wrong)


def test_the_plan_counts_what_is_read_in_addition() -> None:
    source = cube(bad_cube())
    plain, channels, pixels = (
        ts.plan(source, tile=(40, 30, 30), preconditioning=Preconditioning(flag_auto=mode)).bytes_read
        for mode in ("off", "channels", "true")
    )
    assert channels - plain == 4 * 96 * 32 * 32  # the middle of the lattice's only cell
    assert pixels - channels == 4 * source.voxels.size
