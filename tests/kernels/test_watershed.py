"""Hills and saddles of sources, counted by hand and by another way of counting."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tessellar.errors import UsageError
from tessellar.kernels.deblend import Deblending
from tessellar.kernels.label_cube import paint
from tessellar.kernels.watershed import hills, parts_as_runs
from tessellar.model import CubeMeta, SpectralAxis
from tessellar.tiling.box import Box


def hills_of(
    cube: np.ndarray,
    mask: np.ndarray | None = None,
    reach: tuple[int, int] = (1, 1),
    prominence: float = 4.0,
    contrast: float = 0.5,
    fewest: int = 1,
) -> np.ndarray:
    """Return the hill of every voxel, 1, 2, … in the order of their first voxels; 0 outside of the mask."""
    mask = np.ones(cube.shape, bool) if mask is None else mask
    place = np.flatnonzero(mask)
    value = cube.ravel()[place].astype(np.float32)
    order = np.argsort(-value, kind="stable")
    part = hills(place, value, order, cube.shape[1:], *reach, prominence, contrast, fewest)
    names = list(dict.fromkeys(part.tolist()))
    out = np.zeros(cube.size, np.int32)
    out[place] = [names.index(p) + 1 for p in part.tolist()]
    return out.reshape(cube.shape)


def line(*values: float) -> np.ndarray:
    return np.array(values, np.float32).reshape(1, 1, -1)


def test_two_hills_part_at_their_saddle() -> None:
    found = hills_of(line(2, 9, 20, 9, 3, 5, 12, 7))
    assert found.ravel().tolist() == [1, 1, 1, 1, 1, 2, 2, 2]  # the saddle goes with its higher neighbour


@pytest.mark.parametrize(
    ("saddle", "parts"),
    [(6.0, 2), (6.1, 1), (5.9, 2)],  # half of the lower summit, 12
)
def test_the_saddle_must_be_low_beside_the_lower_summit(saddle: float, parts: int) -> None:
    assert hills_of(line(2, 9, 20, 9, saddle, 9, 12, 7)).max() == parts


@pytest.mark.parametrize(("summit", "parts"), [(5.0, 2), (4.9, 1)])
def test_the_lower_summit_must_rise_by_some_noise_levels(summit: float, parts: int) -> None:
    assert hills_of(line(9, 20, 1, summit, 1)).max() == parts


@pytest.mark.parametrize(("fewest", "parts"), [(3, 2), (4, 1)])
def test_a_part_needs_voxels_above_the_saddle(fewest: int, parts: int) -> None:
    higher_is_small = line(9, 9, 20, 1, 8, 9, 10, 9, 8)
    lower_is_small = line(8, 9, 30, 9, 8, 1, 9, 10, 9)
    for cube in (higher_is_small, lower_is_small):
        assert hills_of(cube, fewest=fewest).max() == parts


def test_a_bump_on_the_flank_of_one_part_stays_with_it() -> None:
    found = hills_of(line(30, 10, 2, 9, 12, 10, 11, 9, 1, 0))
    assert found.ravel().tolist() == [1, 1, 1, 2, 2, 2, 2, 2, 2, 2]


def test_equal_summits_and_flat_land_go_by_the_order_of_the_cube() -> None:
    assert hills_of(line(8, 1, 1, 1, 8)).ravel().tolist() == [1, 1, 1, 2, 2]
    assert hills_of(line(7, 7, 7)).ravel().tolist() == [1, 1, 1]


def test_a_gap_that_was_linked_over_is_no_wall() -> None:
    cube = line(20, 9, 0, 9, 15)
    mask = cube > 0
    assert hills_of(cube, mask, reach=(1, 2), contrast=0.7).ravel().tolist() == [1, 1, 0, 2, 2]
    assert hills_of(cube, mask, reach=(1, 2)).ravel().tolist() == [1, 1, 0, 1, 1]  # 9 is more than half of 15


def test_a_double_horn_stays_whole_and_two_gaussians_do_not() -> None:
    z, x, y = np.mgrid[:40, :20, :20].astype(float)
    horns = sum(
        np.exp(-(((z - c) / 4) ** 2) - ((x - a) / 3) ** 2 - ((y - 10) / 3) ** 2)
        for c, a in ((12, 8), (28, 12))
    )
    plateau = 0.7 * np.exp(-((x - 10) ** 2 + (y - 10) ** 2) / 12) * ((z > 12) & (z < 28))
    galaxy = 40 * np.maximum(horns, plateau)
    assert hills_of(galaxy, galaxy > 2).max() == 1
    pair = 40 * sum(
        np.exp(-(((z - 20) / 5) ** 2) - ((x - a) / 2.5) ** 2 - ((y - 10) / 3) ** 2) for a in (5, 14)
    )
    parts = hills_of(pair, pair > 1)
    assert parts.max() == 2
    assert (
        parts[:, :10][pair[:, :10] > 1] == 1
    ).all()  # x = 9.5 is the saddle, 40 exp(-(4.5 / 2.5)²) = 1.6 each
    assert (parts[:, 10:][pair[:, 10:] > 1] == 2).all()


@given(st.data())
@settings(max_examples=60)
def test_there_are_as_many_parts_as_summits_that_stand(data: st.DataObject) -> None:
    """Against a count of summits and saddles that follows no voxel."""
    shape = tuple(data.draw(st.integers(1, n)) for n in (3, 5, 6))
    rng = np.random.default_rng(data.draw(st.integers(0, 999)))
    cube = rng.integers(0, 15, shape).astype(np.float32)
    reach = data.draw(st.sampled_from([(1, 1), (2, 1), (1, 3)]))
    found = hills_of(cube, reach=reach)
    assert found.max() == 1 + sum(
        top - saddle >= 4 and saddle <= top / 2 for top, saddle in summits(cube, reach)
    )
    for part in range(1, found.max() + 1):
        assert connected(np.argwhere(found == part), reach)


def summits(cube: np.ndarray, reach: tuple[int, int]) -> list[tuple[float, float]]:
    """Return every summit but the highest with the saddle at which it meets a higher one."""
    order = sorted(np.ndindex(cube.shape), key=lambda place: (-cube[place], place))
    lands: list[list[tuple[int, ...]]] = []
    found = []
    for place in order:
        met = [land for land in lands if any(beside(place, other, reach) for other in land)]
        met.sort(key=lambda land: order.index(land[0]))
        found += [(float(cube[land[0]]), float(cube[place])) for land in met[1:]]
        lands = [land for land in lands if land not in met]
        lands.append([*[voxel for land in met for voxel in land], place])
    return found


def beside(a: tuple[int, ...], b: tuple[int, ...], reach: tuple[int, int]) -> bool:
    return all(abs(p - q) <= r for p, q, r in zip(a, b, (reach[0], reach[1], reach[1]), strict=True))


def connected(voxels: np.ndarray, reach: tuple[int, int]) -> bool:
    left = {tuple(v) for v in voxels.tolist()}
    ahead = [left.pop()]
    while ahead:
        here = ahead.pop()
        near = {v for v in left if beside(here, v, reach)}
        left -= near
        ahead += near
    return not left


def test_parts_become_runs_that_end_at_rows_and_at_other_parts() -> None:
    labels = np.zeros((2, 2, 4), np.int32)
    labels[0, 0, 2:], labels[0, 1, :2], labels[0, 1, 2:], labels[1, 1, 3] = 1, 1, 2, 2
    place = np.flatnonzero(labels)
    runs, part = parts_as_runs(place, labels.ravel()[place], (2, 4))
    assert runs.tolist() == [[0, 0, 2, 4], [0, 1, 0, 2], [0, 1, 2, 4], [1, 1, 3, 4]]
    assert part.tolist() == [1, 1, 2, 2]
    again = np.zeros_like(labels)
    paint(again, Box((0, 0, 0), (2, 2, 4)), runs, part)
    assert (again == labels).all()


@pytest.mark.parametrize(
    ("kind", "unit", "values", "channels"),
    [
        ("freq", "Hz", (1.0e9, 1.00002e9, 1.00004e9), 65e3 / (2e4 / 1.00002e9 * 299792458)),
        ("v_rad", "m/s", (0.0, -4e3, -8e3), 16.25),
        ("channel", "", (0.0, 1.0, 2.0), 7.0),
    ],
)
def test_the_boxcar_is_as_wide_in_velocity_for_any_channels(
    kind: str, unit: str, values: tuple[float, ...], channels: float
) -> None:
    meta = CubeMeta("c", (3, 5, 5), "K", SpectralAxis(kind, unit, values))
    assert Deblending().width(meta) == pytest.approx(channels, rel=1e-4)
    assert Deblending(channels=9).width(meta) == 9


@pytest.mark.parametrize("kind", ["freq", "v_rad", "v_opt", "v_app"])
def test_the_boxcar_does_not_depend_on_how_an_axis_is_written(kind: str) -> None:
    rest, c = 1.420405752e9, 299_792_458.0
    hertz = 0.95e9 + 3e4 * np.arange(-50.0, 51.0)
    speeds = {
        "freq": hertz,
        "v_rad": c * (1.0 - hertz / rest),
        "v_opt": c * (rest / hertz - 1.0),
        "v_app": c * (rest**2 - hertz**2) / (rest**2 + hertz**2),
    }
    unit = "Hz" if kind == "freq" else "m/s"
    axis = SpectralAxis(kind, unit, tuple(speeds[kind].tolist()), rest)
    meta = CubeMeta("c", (101, 4, 4), "K", axis)
    assert Deblending().width(meta) == pytest.approx(65e3 / (c * 3e4 / 0.95e9), rel=1e-4)


def test_bad_parameters_are_all_named() -> None:
    with pytest.raises(UsageError, match=r"contrast is 1.2.*prominence is -1.*boxcar is 0"):
        Deblending(1.2, -1, 0)
    assert [Deblending(c).contrast for c in (0, 1)] == [0.0, 1.0]
