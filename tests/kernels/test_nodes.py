"""Values between nodes: linear along each axis, the same however they are asked for."""

from __future__ import annotations

import numpy as np
import pytest

from tessellar.kernels.nodes import Between, one_everywhere, value_between
from tessellar.tiling.box import Box


def between(seed: int) -> Between:
    """A box of 3 x 4 x 5 voxels among 2 x 3 x 2 nodes."""
    rng = np.random.default_rng(seed)
    nodes = rng.uniform(0.5, 2.0, (2, 3, 2))
    before = tuple(rng.integers(0, n - 1, size) for n, size in zip(nodes.shape, (3, 4, 5), strict=True))
    way = tuple(rng.random(size) for size in (3, 4, 5))
    return Between(nodes, before, tuple(b + 1 for b in before), way)


def test_it_is_linear_along_each_axis() -> None:
    z, x, y = np.indices((2, 2, 2))
    (index, ways) = (
        tuple(np.zeros(1, np.int64) for _ in range(3)),
        tuple(np.array([w]) for w in (0.25, 0.5, 1.0)),
    )
    corner = Between(1.0 + 4.0 * z + 2.0 * x + y, index, tuple(i + 1 for i in index), ways)
    assert next(corner.planes()).tolist() == [[1.0 + 1.0 + 1.0 + 1.0]]


def test_one_voxel_is_that_of_the_planes() -> None:
    found = between(1)
    for z, plane in enumerate(found.planes()):
        for (x, y), value in np.ndenumerate(plane):
            one = value_between(found.nodes, found.before, found.after, found.way, z, x, y)
            assert one == pytest.approx(value, rel=1e-12)


def test_voxels_are_scaled_in_place() -> None:
    found, voxels = between(2), np.full((3, 4, 5), 2.0, np.float32)
    found.scale(voxels)
    np.testing.assert_allclose(voxels, 2.0 * np.array(list(found.planes())), rtol=1e-6)
    same = one_everywhere(Box((5, 6, 7), (8, 10, 12)))
    assert np.array_equal(np.array(list(same.planes())), np.ones((3, 4, 5)))
    assert value_between(same.nodes, same.before, same.after, same.way, 1, 2, 3) == 1.0
