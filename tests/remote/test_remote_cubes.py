"""A cube behind an address is the cube that was put there: the same voxels, words and catalogue, to the bit."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from cli_calls import call
from cubes import numbers, write_cube
from memory_cube import meta_of, noisy
from web_server import Web
from zarr.codecs import BloscCodec

import tessellar as ts
from tessellar.io.zarr_store import ZarrSink
from tessellar.model import Source
from tessellar.tiling.box import Box, Shape

Put = Callable[[Path, str], str]
SHAPE: Shape = (20, 44, 37)
KINDS = ("sharded", "blank shards", "foreign", "fits", "integers", "turned")


def made(path: Path, kind: str) -> Path:
    """Return a cube of some kind in a folder."""
    if kind in ("sharded", "blank shards"):
        voxels = noisy(SHAPE)
        if kind == "blank shards":
            voxels[:, :20] = np.nan
        return stored(path / "cube.zarr", voxels)
    if kind == "foreign":
        array = zarr.create_array(
            path / "cube.zarr", shape=SHAPE, chunks=(7, 16, 9), dtype="f8", compressors=BloscCodec()
        )
        array[...] = noisy(SHAPE)
        return path / "cube.zarr"
    if kind == "integers":
        return write_cube(
            path / "cube.fits", numbers(SHAPE, "i2"), BSCALE=0.37, BZERO=3.0, BLANK=-32768, BUNIT=None
        )
    order = ("spectral", "m", "l") if kind == "turned" else ("l", "m", "spectral")
    return write_cube(path / "cube.fits", numbers(SHAPE), order)


def stored(path: Path, voxels: np.ndarray, shard: Shape = (8, 16, 16), chunk: Shape = (4, 8, 8)) -> Path:
    sink = ZarrSink(path, meta_of(voxels.shape), shard=shard, chunk=chunk)
    sink.begin()
    sink.publish([sink.write(k, voxels[piece.slices()]) for k, piece in enumerate(sink.pieces)])
    return path


def sky(path: Path) -> Path:
    """Return a cube with sources in many files."""
    whole = path.with_name("whole.zarr")
    assert call("simulate", "hi", whole, "--shape", "48,96,80", "--quiet").exit_code == 0
    return ts.convert(whole, path, tile=(16, 32, 32))


def some_boxes(shape: Shape) -> list[Box]:
    rng = np.random.default_rng(5)
    boxes = [Box.of_shape(shape)]
    for _ in range(12):
        ends = [sorted(map(int, rng.integers(0, n + 1, 2))) for n in shape]
        (z, x, y), (zs, xs, ys) = zip(*ends, strict=True)
        boxes.append(Box((z, x, y), (zs, xs, ys)))
    return boxes


def assert_same(found: Source, here: Source) -> None:
    assert found.meta == here.meta
    for box in some_boxes(here.meta.shape):
        np.testing.assert_array_equal(
            found.read(box).view(np.uint32), here.read(box).view(np.uint32), str(box)
        )


@pytest.mark.parametrize("kind", KINDS)
def test_a_cube_in_a_bucket_is_the_cube_that_was_put_there(tmp_path: Path, s3: Put, kind: str) -> None:
    path = made(tmp_path, kind)
    found = ts.open_cube(s3(path, f"{kind.replace(' ', '-')}/{path.name}"))
    assert_same(found, ts.open_cube(path))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "foreign"])
def test_a_cube_on_a_web_server_is_the_cube_that_lies_there(tmp_path: Path, web: Web, kind: str) -> None:
    path = made(tmp_path, kind)
    assert_same(ts.open_cube(f"{web.url}/{path.name}"), ts.open_cube(path))


def test_an_array_alone_is_read_from_a_web_server(tmp_path: Path, web: Web) -> None:
    path = made(tmp_path, "foreign")
    assert_same(ts.open_cube(f"{web.url}/{path.name}"), ts.open_cube(path))


def test_names_with_blanks_and_umlauts(tmp_path: Path, web: Web, s3: Put) -> None:
    path = write_cube(tmp_path / "grüne Würfel.fits", numbers(SHAPE))
    here = ts.open_cube(path)
    assert_same(ts.open_cube(f"{web.url}/gr%C3%BCne%20W%C3%BCrfel.fits"), here)
    assert_same(ts.open_cube(s3(path, "mein Ordner/grüne Würfel.fits")), here)


def test_an_extension_is_named_as_in_a_file(tmp_path: Path, web: Web) -> None:
    path = write_cube(tmp_path / "cube.fits", numbers(SHAPE))
    assert_same(ts.open_cube(f"{web.url}/cube.fits[0]"), ts.open_cube(f"{path}[0]"))


@pytest.mark.parametrize("kind", ["sharded", "fits"])
def test_it_travels_to_a_worker_as_its_address(tmp_path: Path, web: Web, kind: str) -> None:
    found = ts.open_cube(f"{web.url}/{made(tmp_path, kind).name}")
    text = pickle.dumps(found)
    again = pickle.loads(text)
    assert len(text) < 500
    assert again.identity == found.identity
    assert_same(again, found)


def rows_of(folder: Path) -> list[str]:
    """Return the rows of a catalogue; above them stands the cube's name, which a file and a store do not share."""
    lines = (folder / "catalogue.ecsv").read_text().splitlines()
    return [line for line in lines if not line.startswith("#")]


def test_any_place_gives_the_same_catalogue(tmp_path: Path, s3: Put, web: Web) -> None:
    here = sky(tmp_path / "cube.zarr")
    ts.convert(here, tmp_path / "cube.fits")
    expected = rows_of(ts.find_sources(here, out=tmp_path / "here", products=None).folder)
    assert len(expected) == 4
    places = {
        "bucket": (s3(here, "law/cube.zarr"), {"executor": "processes", "workers": 2, "tile": (24, 96, 40)}),
        "file": (s3(tmp_path / "cube.fits", "law/cube.fits"), {"tile": (48, 32, 80)}),
        "web": (f"{web.url}/cube.zarr", {"executor": "serial"}),
    }
    for name, (address, how) in places.items():
        folder = ts.find_sources(address, out=tmp_path / name, products=None, **how).folder
        assert rows_of(folder) == expected, name
        assert f'cube = "{address}"' in (folder / "run.toml").read_text()


def test_a_copy_of_a_file_in_a_bucket_is_the_file(tmp_path: Path, s3: Put) -> None:
    path = write_cube(tmp_path / "cube.fits", numbers(SHAPE))
    copy = ts.convert(
        ts.convert(s3(path, "copied/cube.fits"), tmp_path / "cube.zarr"), tmp_path / "copy.fits"
    )
    assert copy.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("place", ["bucket", "web"])
def test_info_says_what_it_says_of_a_cube_here(tmp_path: Path, s3: Put, web: Web, place: str) -> None:
    path = made(tmp_path, "sharded")
    address = f"{web.url}/cube.zarr" if place == "web" else s3(path, "info/cube.zarr")
    here, there = (call("info", "--verify", name).stdout.splitlines() for name in (path, address))
    assert "All 27 shards of voxels are what was written: their digests agree." in there
    assert [line for line in there if line.startswith("Schema")] == ["Schema      a valid xradio image 0.0.2"]
    if place == "web":  # which does not tell how large all files are
        here, there = ([line for line in lines if not line.startswith("Stored")] for lines in (here, there))
    assert there == here


def test_few_requests_fetch_many_chunks(tmp_path: Path, web: Web) -> None:
    stored(tmp_path / "cube.zarr", noisy((32, 64, 64)), shard=(32, 64, 64), chunk=(4, 8, 8))
    source = ts.open_cube(f"{web.url}/cube.zarr")
    web.asked.clear()
    source.read(Box((0, 0, 0), (16, 64, 64)))
    ends = [entry for entry in web.asked if entry[2].startswith("bytes=-")]
    assert len(ends) == 1
    assert len(web.asked) - len(ends) <= 3  # for 256 chunks
    web.asked.clear()
    source.read(Box((16, 0, 0), (32, 64, 64)))
    assert not [entry for entry in web.asked if entry[2].startswith("bytes=-")]


def test_where_what_is_not_there_is_forbidden_blank_shards_are_blank(tmp_path: Path, web: Web) -> None:
    path = made(tmp_path, "blank shards")
    web.forbids = True
    assert_same(ts.open_cube(f"{web.url}/cube.zarr"), ts.open_cube(path))


@pytest.mark.parametrize("kind", ["sharded", "fits"])
def test_tune_measures_the_server_and_runs_are_held_against_it(
    tmp_path: Path, web: Web, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "notes"))
    whole = sky(tmp_path / "cube.zarr")
    name = "cube.zarr" if kind == "sharded" else ts.convert(whole, tmp_path / "cube.fits").name
    address = f"{web.url}/{name}"
    assert "floor" not in info_of(ts.find_sources(address, out=tmp_path / "before", products=None).folder)
    tuning = ts.tune(address, workers=1, seconds=0.05)
    assert tuning.rates.remote
    assert not tuning.cached
    assert web.url in tuning.rates.storage
    assert tuning.rates.disk_cold > 0
    floor = info_of(ts.find_sources(address, out=tmp_path / "after", products=None).folder)["floor"]
    assert floor["origin"].endswith("from the server")


def info_of(folder: Path) -> dict[str, Any]:
    info: dict[str, Any] = json.loads((folder / "run.json").read_text())
    return info
