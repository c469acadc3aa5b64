"""Growing masks: whose voxel, which ring, and when to stop, on skies small enough to count by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tessellar.errors import UsageError
from tessellar.kernels.dilate import (
    Dilation,
    add_rings,
    labelled_runs,
    nearest_in_frequency,
    nearest_on_sky,
    rings_of,
    touching,
)
from tessellar.kernels.label_cube import paint
from tessellar.tiling.box import Box


def along_frequency(masks: np.ndarray, reach: int) -> tuple[np.ndarray, np.ndarray]:
    owner, ring = np.empty_like(masks), np.empty(masks.shape, np.uint8)
    nearest_in_frequency(masks, reach, owner, ring)
    return owner, ring


def on_sky(masks: np.ndarray, reach: int) -> tuple[np.ndarray, np.ndarray]:
    owner, square = np.empty_like(masks), np.empty_like(masks)
    nearest_on_sky(masks, reach, owner, square)
    return owner, rings_of(square, reach)


def column(*labels: int) -> np.ndarray:
    return np.array(labels, np.int32).reshape(-1, 1, 1)


def test_channels_belong_to_the_nearest_mask_and_to_the_smaller_id_half_way() -> None:
    owner, ring = along_frequency(column(0, 2, 0, 0, 0, 1, 0, 0, 0), 2)
    assert owner.ravel().tolist() == [2, 2, 2, 1, 1, 1, 1, 1, 0]
    assert ring.ravel().tolist() == [1, 0, 1, 2, 1, 0, 1, 2, 0]


def test_rings_on_the_sky_are_one_pixel_wide() -> None:
    masks = np.zeros((1, 9, 9), np.int32)
    masks[0, 4, 4] = 7
    owner, ring = on_sky(masks, 3)
    assert ring[0, 4].tolist() == [255, 3, 2, 1, 0, 1, 2, 3, 255]
    assert (ring[0, 5, 5], ring[0, 6, 5], ring[0, 6, 6], ring[0, 7, 5]) == (2, 3, 3, 255)
    assert [(ring == k).sum() for k in range(4)] == [1, 4, 8, 16]
    assert set(np.unique(owner[ring <= 3]).tolist()) == {7}


@given(st.integers(0, 200), st.integers(0, 4))
def test_the_nearest_mask_is_the_nearest_of_all(seed: int, reach: int) -> None:
    """Against a look at every pair of voxels."""
    rng = np.random.default_rng(seed)
    masks = (rng.integers(1, 4, (2, 9, 11)) * (rng.random((2, 9, 11)) < 0.1)).astype(np.int32)
    owner, ring = on_sky(masks, reach)
    for z, x, y in np.ndindex(masks.shape):
        there = np.argwhere(masks[z])
        square = ((there - (x, y)) ** 2).sum(axis=1)
        near = square <= reach * reach
        if not near.any():
            assert ring[z, x, y] == 255
            continue
        nearest = there[square == square.min()]
        assert owner[z, x, y] == min(masks[z, a, b] for a, b in nearest)
        assert ring[z, x, y] == np.ceil(np.sqrt(square.min()))


def test_flux_is_summed_by_ring_without_blank_voxels_and_what_lies_outside_of_the_core() -> None:
    owner, ring = along_frequency(column(0, 0, 1, 0, 0, 0), 3)
    voxels = np.array([8, 4, 2, 1, np.nan, 64], np.float32).reshape(-1, 1, 1)
    flux = np.zeros((2, 4))
    core = np.array([[1, 6], [0, 1], [0, 1]])
    add_rings(voxels, np.array([1.0, 1.0, 1.0, 10.0, 1.0, 1.0]), owner, ring, core, -1.0, flux)
    assert flux.tolist() == [[0, 0, 0, 0], [-2.0, -14.0, 0.0, -64.0]]


def test_growth_stops_at_the_first_ring_that_gains_too_little() -> None:
    flux = np.array(
        [
            [100.0, 10.0, 1.0, 0.1, 50.0],  # 0.1 of 111 is less than 1 in 1000
            [100.0, -1.0, 50.0, 0.0, 0.0],
            [100.0, 10.0, 10.0, 10.0, 10.0],
            [0.0, 1.0, 1.0, 1.0, 1.0],  # nothing to compare a gain with
        ]
    )
    assert Dilation(threshold=0.001).steps(flux).tolist() == [2, 0, 4, 0]
    assert Dilation(threshold=0.095).steps(flux).tolist() == [1, 0, 1, 0]
    assert Dilation(threshold=-1).steps(flux).tolist() == [4, 4, 4, 4]
    assert Dilation(iterations_z=0).steps(flux[:, :1]).tolist() == [0, 0, 0, 0]


def test_masks_that_meet_are_told() -> None:
    labels = np.zeros((3, 4, 4), np.int32)
    labels[0, 0, :2], labels[0, 0, 2], labels[2, 3, 3], labels[2, 0, 0] = 1, 2, 3, 1
    whole = np.array([[0, 3], [0, 4], [0, 4]])
    assert touching(labels, whole, 3).tolist() == [False, True, True, False]
    second = np.array([[0, 3], [0, 4], [2, 4]])  # a core whose neighbour holds the first source
    assert touching(labels, second, 3).tolist() == [False, False, True, False]


@given(st.integers(0, 50))
def test_labels_become_runs_and_runs_labels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, (3, 4, 9)).astype(np.int32)
    runs, number = labelled_runs(labels, (5, 6, 7))
    order = np.lexsort((runs[:, 2], runs[:, 1], runs[:, 0]))
    assert order.tolist() == list(range(len(runs)))
    again = np.zeros_like(labels)
    paint(again, Box((5, 6, 7), (8, 10, 16)), runs, number)
    assert (again == labels).all()


def test_bad_parameters_are_all_named() -> None:
    with pytest.raises(UsageError, match=r"iterations_xy is 21.*iterations_z is -1.*threshold is nan"):
        Dilation(21, -1, float("nan"))
