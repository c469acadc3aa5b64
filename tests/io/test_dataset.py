"""What xarray has opened is the cube that was opened: the same voxels, words and catalogue; what was cut, is cut."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray
from memory_cube import MemorySource, meta_of, noisy

import tessellar as ts
from tessellar.api import simulate
from tessellar.errors import InputError, UsageError
from tessellar.io import dataset
from tessellar.io.dataset import DatasetSource
from tessellar.io.virtual_zarr import virtual_zarr
from tessellar.io.wcs import sky_position
from tessellar.io.zarr_store import ZarrSink
from tessellar.model import Beam, Source
from tessellar.simulate.hi import HiSky
from tessellar.tiling.box import Box, Shape

SHAPE: Shape = (12, 22, 19)
LIKE: dict[str, Any] = {"dask": {"chunks": {}}, "lazy": {"chunks": None}}


def stored(path: Path) -> Path:
    voxels = noisy(SHAPE)
    voxels[3, 4:9, 5] = np.nan
    sink = ZarrSink(path, meta_of(SHAPE, beams=(Beam(0.04, 0.03, 20.0),)), shard=(8, 8, 16), chunk=(4, 8, 8))
    sink.begin()
    sink.publish([sink.write(k, voxels[piece.slices()]) for k, piece in enumerate(sink.pieces)])
    return path


def opened(path: Path, how: str) -> xarray.Dataset:
    if how == "loaded":
        return xarray.open_zarr(path, consolidated=False, chunks=None).load()
    return xarray.open_zarr(path, consolidated=False, **LIKE[how])


def assert_same(found: Source, here: Source) -> None:
    rng = np.random.default_rng(1)
    for _ in range(10):
        ends = [sorted(map(int, rng.integers(0, n + 1, 2))) for n in here.meta.shape]
        (z, x, y), (zs, xs, ys) = zip(*ends, strict=True)
        box = Box((z, x, y), (zs, xs, ys))
        np.testing.assert_array_equal(found.read(box), here.read(box), str(box))


@pytest.mark.parametrize("how", ["dask", "lazy", "loaded"])
def test_an_image_of_ours_is_the_cube_that_lies_there(tmp_path: Path, how: str) -> None:
    path = stored(tmp_path / "cube.zarr")
    found, here = ts.open_cube(opened(path, how)), ts.open_cube(path)
    assert found.meta == here.meta
    assert_same(found, here)
    again = pickle.loads(pickle.dumps(found))
    assert again.identity == found.identity
    assert_same(again, here)


@pytest.mark.parametrize("how", ["dask", "loaded"])
def test_its_identity_is_that_of_what_it_holds(tmp_path: Path, how: str) -> None:
    path = stored(tmp_path / "cube.zarr")
    identity = ts.open_cube(opened(path, how)).identity
    assert ts.open_cube(opened(path, how)).identity == identity
    assert ts.open_cube(opened(path, how) * 2.0).identity != identity
    assert ts.open_cube(opened(path, how).isel(frequency=slice(1, None))).identity != identity


def test_dask_chunks_are_those_of_the_cube(tmp_path: Path) -> None:
    path = stored(tmp_path / "cube.zarr")
    image = opened(path, "dask")
    assert ts.open_cube(image).chunks == tuple(image["SKY"].chunks[axis][0] for axis in (1, 3, 4))
    assert ts.open_cube(image.chunk(frequency=(3, 5, 4))).chunks is None
    assert ts.open_cube(opened(path, "lazy")).chunks is None


def test_what_was_cut_has_the_coordinates_of_what_is_left(tmp_path: Path) -> None:
    here = ts.open_cube(stored(tmp_path / "cube.zarr"))
    part = opened(tmp_path / "cube.zarr", "dask").isel(
        frequency=slice(2, 9), l=slice(5, None), m=slice(3, 17)
    )
    found = ts.open_cube(part)
    assert found.meta.shape == (7, 17, 14)
    assert found.meta.spectral.values == here.meta.spectral.values[2:9]
    assert found.meta.beams[0].major == pytest.approx(here.meta.beams[0].major, rel=1e-12)
    assert found.meta.unit == here.meta.unit
    assert "was cut or changed" in found.meta.missing[0]
    np.testing.assert_array_equal(
        found.read(Box.of_shape((7, 17, 14))), here.read(Box((2, 5, 3), (9, 22, 17)))
    )
    there = sky_position(found.meta, [1.0], [2.0], [0.0])
    whole = sky_position(here.meta, [6.0], [5.0], [2.0])
    for name in ("ra", "dec"):
        assert there[name][0] == pytest.approx(whole[name][0], abs=1e-9)


def test_another_unit_is_not_taken_for_the_old_one(tmp_path: Path) -> None:
    image = opened(stored(tmp_path / "cube.zarr"), "loaded")
    image["SKY"].attrs["units"] = "K"
    assert ts.open_cube(image).meta.unit == "K"
    del image["SKY"].attrs["units"]
    assert ts.open_cube(image).meta.unit == ""


@pytest.mark.parametrize(
    "dims",
    [("frequency", "l", "m"), ("m", "frequency", "l"), ("time", "freq", "y", "x"), ("ra", "dec", "channel")],
)
def test_axes_are_told_by_their_names(dims: tuple[str, ...]) -> None:
    voxels = noisy((5, 6, 7)).astype(np.float64)
    voxels[1, 2, 3] = np.inf
    roles = {"freq": 0, "frequency": 0, "channel": 0, "l": 1, "x": 1, "ra": 1, "m": 2, "y": 2, "dec": 2}
    axes = [roles[name] for name in dims if name in roles]
    array = voxels.transpose(axes)
    if "time" in dims:
        array = array[np.newaxis]
    found = ts.open_cube(xarray.DataArray(array, dims=dims, attrs={"units": "Jy/beam"}))
    assert found.meta.unit == "Jy / beam"
    whole = found.read(Box.of_shape((5, 6, 7)))
    assert whole.dtype == np.float32
    np.testing.assert_array_equal(whole, np.where(np.isinf(voxels), np.nan, voxels).astype(np.float32))


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (xarray.Dataset(), "holds no cube: nothing"),
        (xarray.Dataset({"a": (("x", "y"), np.zeros((2, 2)))}), "holds no cube: a"),
        (
            xarray.Dataset({name: (("frequency", "l", "m"), np.zeros((2, 2, 2))) for name in "ab"}),
            "holds several cubes",
        ),
        (xarray.DataArray(np.zeros((2, 2), np.float32)), "a cube has three axes"),
        (xarray.DataArray(np.zeros((2, 2, 2, 2, 2, 2))), "a cube has three axes"),
        (xarray.DataArray(np.zeros((2, 2, 2), complex)), "real numbers"),
    ],
)
def test_what_is_no_cube(image: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        ts.open_cube(image)


def test_what_stands_behind_it_and_fails_is_a_sentence() -> None:
    source = MemorySource(noisy(SHAPE), meta_of(SHAPE), broken=[(3, 4, 5)])
    image = xarray.open_zarr(virtual_zarr(source, (4, 8, 8)), consolidated=False, chunks={})
    found = DatasetSource(image)
    found.read(Box((4, 0, 0), (12, 22, 19)))
    with pytest.raises(InputError, match="bad sector"):
        found.read(Box.of_shape(SHAPE))


def test_large_arrays_in_memory_stay_in_their_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset, "TRAVELS", 1000)
    image = opened(stored(tmp_path / "cube.zarr"), "loaded")
    with pytest.raises(UsageError, match=r"in the memory of this process\. Use --executor threads"):
        ts.find_sources(image, out=tmp_path / "run", executor="processes", workers=1, reliability=None)
    assert ts.find_sources(image, out=tmp_path / "run", executor="threads", reliability=None).folder.exists()


@pytest.mark.parametrize(
    ("how", "executor"), [("dask", "processes"), ("dask", "threads"), ("loaded", "threads")]
)
def test_it_gives_the_same_catalogue(tmp_path: Path, how: str, executor: str) -> None:
    whole = tmp_path / "sky.zarr"
    simulate(HiSky((48, 96, 80), n_sources=5), whole)
    here = ts.find_sources(whole, out=tmp_path / "here", products=None).folder
    found = ts.find_sources(
        opened(whole, how),
        out=tmp_path / "found",
        executor=executor,
        workers=2,
        tile=(48, 48, 40),
        products=None,
    ).folder
    names = ("catalogue.ecsv", "catalogue.vot")
    assert [(found / name).read_bytes() for name in names] == [(here / name).read_bytes() for name in names]
