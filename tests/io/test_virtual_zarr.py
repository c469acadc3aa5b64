"""Any cube as a Zarr store that is not there: it reads as the cube does, and nothing can be written."""

from __future__ import annotations

import asyncio
import pickle
import tracemalloc
import warnings
from typing import Any

import numpy as np
import pytest
import xarray
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_cube import MemorySource, meta_of
from zarr.abc.store import OffsetByteRequest, RangeByteRequest, SuffixByteRequest
from zarr.core.buffer import default_buffer_prototype

from tessellar.errors import UsageError
from tessellar.io.schema import DIMS, SKY, meta_from_attributes
from tessellar.io.virtual_image import VirtualImage
from tessellar.io.virtual_zarr import virtual_zarr
from tessellar.io.zarr_store import ZarrSink, ZarrSource
from tessellar.model import Source
from tessellar.simulate.procedural import ProceduralSky
from tessellar.tiling.box import Box

SHAPE = (13, 9, 11)  # no multiple of the chunk on any axis
CHUNK = (4, 5, 3)
PROCEDURAL = ProceduralSky("hi", (20, 40, 30), seed=1)
HUGE = ProceduralSky("hi", (65536, 8192, 8192), seed=1)


def memory_source() -> MemorySource:
    voxels = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    voxels[2, 3, 4] = np.nan
    return MemorySource(voxels, meta_of(SHAPE))


SOURCE = memory_source()


def opened(source: Source, chunks: Any = CHUNK) -> zarr.Group:
    return zarr.open_group(virtual_zarr(source, chunks), mode="r")


def content(store: Any, key: str, part: Any = None) -> bytes | None:
    found = asyncio.run(store.get(key, default_buffer_prototype(), part))
    return None if found is None else found.to_bytes()


async def _names(found: Any) -> list[str]:
    return [name async for name in found]


def names(found: Any) -> list[str]:
    return asyncio.run(_names(found))


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    starts = [draw(st.integers(0, n - 1)) for n in SHAPE]
    stops = [draw(st.integers(a + 1, n)) for a, n in zip(starts, SHAPE, strict=True)]
    return Box(tuple(starts), tuple(stops))  # type: ignore[arg-type]


@settings(max_examples=30)
@given(boxes(), st.tuples(*(st.integers(1, 14) for _ in SHAPE)))
def test_a_slice_is_the_box_of_the_cube(box: Box, chunks: tuple[int, int, int]) -> None:
    z, x, y = box.slices()
    assert np.array_equal(
        opened(SOURCE, chunks)[SKY][0, z, 0, x, y], SOURCE.voxels[box.slices()], equal_nan=True
    )


@pytest.mark.parametrize("chunks", [None, CHUNK, (1, 1, 30), (100, 100, 100)])
def test_a_procedural_cube_reads_the_same_through_the_store(chunks: Any) -> None:
    box = Box((3, 7, 0), (20, 31, 30))
    z, x, y = box.slices()
    assert np.array_equal(opened(PROCEDURAL, chunks)[SKY][0, z, 0, x, y], PROCEDURAL.read(box))


def test_chunks_are_those_of_the_cube_or_two_mebibytes() -> None:
    assert opened(SOURCE, None)[SKY].chunks == (1, 13, 1, 9, 11)
    in_chunks = memory_source()
    in_chunks.chunks = (2, 3, 11)
    assert opened(in_chunks, None)[SKY].chunks == (1, 2, 1, 3, 11)
    assert opened(HUGE, None)[SKY].chunks == (1, 32, 1, 128, 128)


def test_xarray_opens_it_as_the_image_that_convert_writes(tmp_path: Any) -> None:
    sink = ZarrSink(tmp_path / "written.zarr", PROCEDURAL.meta)
    sink.begin()
    digests = [sink.write(n, PROCEDURAL.read(box)) for n, box in enumerate(sink.pieces)]
    sink.publish(digests)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*does not have a Zarr V3 specification.*")
        written = xarray.open_zarr(tmp_path / "written.zarr", consolidated=False)
        virtual = xarray.open_zarr(virtual_zarr(PROCEDURAL), consolidated=False)
    xarray.testing.assert_identical(virtual.compute(), written.compute())
    assert virtual[SKY].dims == DIMS


def test_xradio_finds_no_fault() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_image = pytest.importorskip("xradio.image").check_image
        dataset = xarray.open_zarr(virtual_zarr(PROCEDURAL), consolidated=False)
    assert list(check_image(dataset)) == []


def test_its_description_is_that_of_the_cube() -> None:
    group = opened(HUGE, None)
    assert group[SKY].shape == (1, 65536, 1, 8192, 8192)
    assert meta_from_attributes(dict(group.attrs)) == HUGE.meta
    assert np.array_equal(group["frequency"][:], HUGE.meta.spectral.values)


def test_the_store_holds_what_it_lists() -> None:
    store = virtual_zarr(SOURCE, CHUNK)
    listed = names(store.list())
    assert len(listed) == len(set(listed))
    assert sum(key.startswith("SKY/c/") for key in listed) == 4 * 2 * 4
    for key in listed:
        found = content(store, key)
        assert found is not None
        assert asyncio.run(store.exists(key))
        assert asyncio.run(store.getsize(key)) == len(found)
    assert names(store.list_prefix("SKY/c/0/3/")) == [key for key in listed if key.startswith("SKY/c/0/3/")]


def test_folders_agree_with_the_list_at_every_level() -> None:
    store = virtual_zarr(SOURCE, CHUNK)
    listed = names(store.list())
    folders = {"", *("/".join(key.split("/")[:n]) for key in listed for n in range(1, key.count("/") + 1))}
    for folder in folders:
        inside = f"{folder}/" if folder else ""
        expected = {key.removeprefix(inside).split("/")[0] for key in listed if key.startswith(inside)}
        found = names(store.list_dir(folder))
        assert len(found) == len(expected)
        assert set(found) == expected
    for absent in ("SKY/c/1", "SKY/c/0/4", "SKY/c/0/x", "SKY/c/0/0/0/0/0", "nothing"):
        assert names(store.list_dir(absent)) == []


@pytest.mark.parametrize(
    "key",
    [
        "",
        "SKY",
        "SKY/c",
        "SKY/c/0/4/0/0/0",
        "SKY/c/1/0/0/0/0",
        "SKY/c/0/0/0/0/-1",
        "c/0/0/0",
        "SKY/c/0/0/0/0",
        "x",
    ],
)
def test_what_is_not_there_is_not_there(key: str) -> None:
    store = virtual_zarr(SOURCE, CHUNK)
    assert content(store, key) is None
    assert not asyncio.run(store.exists(key))
    with pytest.raises(FileNotFoundError):
        asyncio.run(store.getsize(key))


def test_parts_of_a_file_are_cut_from_the_whole() -> None:
    store = virtual_zarr(SOURCE, CHUNK)
    key = "SKY/c/0/3/0/1/3"
    everything = content(store, key)
    assert everything is not None
    assert len(everything) == 4 * 4 * 5 * 3
    assert content(store, key, RangeByteRequest(5, 17)) == everything[5:17]
    assert content(store, key, OffsetByteRequest(100)) == everything[100:]
    assert content(store, key, SuffixByteRequest(7)) == everything[-7:]
    assert content(store, key, SuffixByteRequest(1000)) == everything
    assert (
        asyncio.run(
            store.get_partial_values(default_buffer_prototype(), [(key, RangeByteRequest(0, 4)), ("x", None)])
        )[1]
        is None
    )


def test_chunks_at_the_edge_are_filled_up_with_blank_voxels() -> None:
    last = np.frombuffer(VirtualImage(SOURCE, CHUNK).read("SKY/c/0/3/0/1/3") or b"", "<f4").reshape(CHUNK)
    assert np.array_equal(last[:1, :4, :2], SOURCE.voxels[12:, 5:, 9:])
    assert np.isnan(last).sum() == last.size - 1 * 4 * 2


def test_the_far_corner_of_sixteen_tebibytes_takes_little_memory() -> None:
    store = virtual_zarr(HUGE)
    array = zarr.open_group(store, mode="r")[SKY]
    corner = Box((65530, 8180, 8170), HUGE.shape)
    z, x, y = corner.slices()
    array[0, z, 0, x, y]
    tracemalloc.start()
    found = array[0, z, 0, x, y]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.array_equal(found, HUGE.read(corner))
    assert peak < 4 * 4 * 32 * 128 * 128
    assert (
        next(iter(VirtualImage(HUGE).names("SKY/c/"))) == "SKY/c/0/0/0/0/0"
    )  # of eight million, made one by one


def test_it_pickles_small_and_equals_its_copy() -> None:
    store = virtual_zarr(HUGE, (16, 64, 64))
    copy = pickle.loads(pickle.dumps(store))
    assert len(pickle.dumps(store)) < 1000
    assert copy == store
    assert hash(copy) == hash(store)
    assert store != virtual_zarr(HUGE)
    assert store != virtual_zarr(PROCEDURAL, (16, 64, 64))
    assert str(store) == "virtual://procedural hi 1"
    assert zarr.open_group(copy, mode="r")[SKY].chunks == (1, 16, 1, 64, 64)


def test_writing_is_refused_in_a_sentence() -> None:
    store = virtual_zarr(SOURCE, CHUNK)
    assert store.read_only
    group = zarr.open_group(store, mode="r")
    with pytest.raises(UsageError, match="tessellar convert"):
        group[SKY][0, 0, 0, 0, 0] = 1.0
    with pytest.raises(UsageError, match=r"SKY/zarr\.json cannot be written"):
        asyncio.run(store.delete("SKY/zarr.json"))
    with pytest.raises(UsageError, match="cannot be written"):
        store.with_read_only(False)
    assert store.with_read_only(True) is store
    for mode in ("a", "r+", "w", "w-"):
        with pytest.raises(ValueError, match="read-only"):
            zarr.open_group(store, mode=mode)
    assert np.array_equal(group[SKY][0, :, 0], SOURCE.voxels, equal_nan=True)


def test_a_chunk_without_voxels_is_refused() -> None:
    with pytest.raises(UsageError, match="positive"):
        virtual_zarr(SOURCE, (0, 4, 4))


def test_a_cube_that_breaks_tells_so_through_the_store() -> None:
    from tessellar.errors import InputError

    broken = memory_source()
    broken.broken = [(0, 0, 0)]
    with pytest.raises(InputError, match="bad sector"):
        opened(broken)[SKY][0, 0, 0, 0, 0]


def test_a_written_store_may_be_looked_at_through_another_layout(tmp_path: Any) -> None:
    """Many chunks at once wait for zarr inside zarr: with shared threads none would ever come."""
    sink = ZarrSink(tmp_path / "cube.zarr", SOURCE.meta)
    sink.begin()
    sink.publish([sink.write(n, SOURCE.read(box)) for n, box in enumerate(sink.pieces)])
    source = ZarrSource(tmp_path / "cube.zarr")
    assert np.array_equal(opened(source, (1, 1, 11))[SKY][0, :, 0], SOURCE.voxels, equal_nan=True)
