"""A network of somebody else behind principal components: what it is given, and that tiles do not change its result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from mock_sky import mock_sky, write_cube

import tessellar as ts
from tessellar.errors import UsageError
from tessellar.kernels.foregrounds.network import network_inputs
from tessellar.model import FloatArray
from tessellar.tiling.box import Box


@dataclass(frozen=True)
class Neighbours:
    """Adds the five pixels of a cross, so that it needs to see one pixel beyond a piece."""

    halo: tuple[int, int] = (1, 1)

    def __call__(self, inputs: FloatArray) -> FloatArray:
        padded = np.pad(inputs[0], ((0, 0), (1, 1), (1, 1)))
        return (
            padded[:, 1:-1, 1:-1]
            + padded[:, :-2, 1:-1]
            + padded[:, 2:, 1:-1]
            + padded[:, 1:-1, :-2]
            + padded[:, 1:-1, 2:]
        )


@dataclass(frozen=True)
class Crossing(ts.PcaNetwork):
    name: ClassVar[str] = "crossing"

    def network(self) -> Neighbours:
        return Neighbours()


@dataclass(frozen=True)
class Wrong(ts.PcaNetwork):
    name: ClassVar[str] = "wrong"

    def network(self) -> object:
        return type("Flat", (), {"halo": (0, 0), "__call__": lambda self, inputs: inputs[0, 0]})()


def test_tiles_do_not_change_what_a_network_gives(tmp_path):
    cube = write_cube(tmp_path / "sky.zarr", mock_sky((24, 70, 40)).cube)
    found = []
    for number, tile in enumerate([(24, 128, 64), (24, 32, 32), (24, 64, 32)]):
        out = tmp_path / f"{number}.zarr"
        ts.separate_foregrounds(cube, Crossing(2), out=out, tile=tile, executor="serial", power=False)
        found.append(ts.open_cube(out).read(Box.of_shape((24, 70, 40))))
    plain = ts.separate_foregrounds(cube, ts.PCA(2), out=tmp_path / "pca.zarr", power=False)
    residual = plain.cube.read(Box.of_shape((24, 70, 40)))
    assert np.array_equal(found[0], Neighbours()(np.stack([residual, residual])))
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])


def test_residual_and_foreground_of_a_network_add_up(tmp_path):
    sky = mock_sky((24, 40, 40)).cube
    cube = write_cube(tmp_path / "sky.zarr", sky)
    clean = ts.separate_foregrounds(
        cube, Crossing(2), out=tmp_path / "clean.zarr", foreground=tmp_path / "taken.zarr", power=False
    )
    taken = ts.open_cube(tmp_path / "taken.zarr").read(Box.of_shape(sky.shape))
    assert np.abs(clean.cube.read(Box.of_shape(sky.shape)) + taken - sky).max() < 1e-4


def test_a_network_is_given_residual_and_frequency_difference():
    cube, residual = np.arange(24, dtype=np.float32).reshape(4, 3, 2) ** 2, np.ones((4, 3, 2), np.float32)
    cube[2, 1, 1] = residual[2, 1, 1] = np.nan
    left, difference = network_inputs(cube, residual)
    assert left[2, 1, 1] == 0
    assert left.sum() == 23
    assert np.array_equal(difference[1], cube[1] - cube[0])
    assert np.array_equal(difference[0], difference[1])
    assert difference[2, 1, 1] == difference[3, 1, 1] == 0


def test_a_network_of_another_shape_is_told(tmp_path):
    cube = write_cube(tmp_path / "sky.zarr", mock_sky((24, 20, 20)).cube)
    with pytest.raises(UsageError, match="gave an array of shape"):
        ts.separate_foregrounds(cube, Wrong(2), out=tmp_path / "clean.zarr")
