"""Runs and their links, against a comparison of every pair of voxels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tessellar.kernels.runs import Link, extract_runs, label_runs, merge_touching, run_voxels

links = st.builds(Link, st.integers(1, 4), st.integers(1, 4), st.sampled_from(["ellipsoid", "box"]))
masks = hnp.arrays(np.uint8, hnp.array_shapes(min_dims=3, max_dims=3, max_side=7), elements=st.integers(0, 3))


def linked(a: np.ndarray, b: np.ndarray, link: Link) -> bool:
    dz, dx, dy = (int(v) for v in np.abs(a - b))
    if link.shape == "box":
        return dz <= link.radius_z and max(dx, dy) <= link.radius_xy
    return (dx * dx + dy * dy) * link.radius_z**2 + dz * dz * link.radius_xy**2 <= (
        link.radius_xy * link.radius_z
    ) ** 2


def groups_of_pairs(voxels: np.ndarray, link: Link) -> list[int]:
    """Group numbers by flooding from each voxel in order, the slow and certain way."""
    group = [-1] * len(voxels)
    count = 0
    for seed in range(len(voxels)):
        if group[seed] >= 0:
            continue
        group[seed], todo = count, [seed]
        while todo:
            i = todo.pop()
            for j in range(len(voxels)):
                if group[j] < 0 and linked(voxels[i], voxels[j], link):
                    group[j] = count
                    todo.append(j)
        count += 1
    return group


@given(masks, st.sampled_from([1, 2]), links)
@settings(max_examples=80)
def test_labels_are_those_of_all_pairs(mask: np.ndarray, bit: int, link: Link) -> None:
    runs = extract_runs(mask, bit, (0, 0, 0))
    labels, count = label_runs(runs, link)
    voxels = np.argwhere(mask & bit)
    assert np.array_equal(np.stack(run_voxels(runs), axis=1), voxels)
    expected = groups_of_pairs(voxels, link)
    assert np.repeat(labels, runs[:, 3] - runs[:, 2]).tolist() == expected
    assert count == len(set(expected))


@pytest.mark.parametrize(
    ("radius", "shape", "neighbours"),
    [(1, "ellipsoid", 6), (1, "box", 26), (2, "ellipsoid", 32), (2, "box", 124)],
)
def test_number_of_neighbours(radius: int, shape: str, neighbours: int) -> None:
    """Radius 1 is 6-connectivity and radius 2 has 32 neighbours, as in SoFiA."""
    offsets = Link(radius, radius, shape).offsets()
    count = sum((2 * dy + 1) * (1 if (dz, dx) == (0, 0) else 2) for dz, dx, dy in offsets.tolist())
    assert count - 1 == neighbours


@given(masks, st.integers(1, 6))
def test_runs_cut_at_a_plane_join_again(mask: np.ndarray, cut: int) -> None:
    parts = [extract_runs(mask[:, :, :cut], 1, (0, 0, 0)), extract_runs(mask[:, :, cut:], 1, (0, 0, cut))]
    assert np.array_equal(merge_touching(np.concatenate(parts)), extract_runs(mask, 1, (0, 0, 0)))


def test_origin_is_added() -> None:
    mask = np.zeros((2, 3, 9), np.uint8)
    mask[1, 2, 4:6] = 1
    assert extract_runs(mask, 1, (10, 20, 30)).tolist() == [[11, 22, 34, 36]]
