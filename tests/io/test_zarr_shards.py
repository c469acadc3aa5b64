"""Chunks of shards: the same voxels as the Zarr library reads, wherever they are wanted; the library does the rest."""

from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import zarr
from google_crc32c import value
from memory_cube import meta_of
from zarr.codecs import BloscCodec, BytesCodec, GzipCodec, ShardingCodec, ZstdCodec
from zarr.codecs.sharding import ShardingCodecIndexLocation

from tessellar.errors import InputError
from tessellar.io import zarr_threads
from tessellar.io.zarr_shards import DamagedShardError, Shards, _Chunk
from tessellar.io.zarr_store import ZarrSink, ZarrSource
from tessellar.io.zarr_threads import BATCH_BYTES, batches, share
from tessellar.model import FloatArray, Order, is_by_chunk
from tessellar.tiling.box import Box, Shape

SHAPE: Shape = (10, 11, 13)
CHUNK: Shape = (2, 3, 4)
SHARD: Shape = (4, 6, 8)


@pytest.fixture(autouse=True, params=[True, False], ids=["compiled", "in Python"])
def compiled(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Say whether the compiler is at hand: so few voxels are not worth to load it for."""
    monkeypatch.setattr("tessellar.io.compiler.has_compiler", lambda: request.param)
    return bool(request.param)


def some_voxels() -> FloatArray:
    """Return noise with single blanks, blank and infinite chunks, and a blank shard."""
    voxels = np.random.default_rng(3).normal(size=SHAPE).astype(np.float32)
    voxels[::3, ::4, ::5] = np.nan
    voxels[:4, :6, :8] = np.nan
    voxels[4:6, 6:9, 8:12] = np.nan
    voxels[6:8, 3:6, 4:8] = np.inf
    voxels[9, 10, 12] = -np.inf
    return voxels


def random_box(rng: np.random.Generator) -> Box:
    ends = [sorted(map(int, rng.integers(0, n + 1, 2))) for n in SHAPE]
    (z, x, y), (zs, xs, ys) = zip(*ends, strict=True)
    return Box((z, x, y), (zs, xs, ys))


def shards_of(source: ZarrSource) -> Shards:
    assert source._shards is not None
    return source._shards


@pytest.mark.parametrize("codec", ["zstd", "lz4", "none"])
def test_any_orders_are_filled_with_the_voxels_of_the_cube(tmp_path: Path, codec: str) -> None:
    voxels, rng = some_voxels(), np.random.default_rng(4)
    sink = ZarrSink(tmp_path / "cube.zarr", meta_of(SHAPE), shard=SHARD, chunk=CHUNK, codec=codec)
    sink.begin()
    sink.publish([sink.write(k, voxels[sink.pieces[k].slices()]) for k in range(len(sink.pieces))])
    source, right = ZarrSource(sink.path), np.where(np.isinf(voxels), np.nan, voxels)
    assert is_by_chunk(source)
    for _ in range(30):
        orders, expected = [], []
        for _ in range(int(rng.integers(1, 4))):
            box = random_box(rng)
            targets = [(where, np.full(where.shape, 7, np.float32)) for where in (random_box(rng), box)]
            orders.append(Order(box, tuple(targets)))
            for where, _array in targets:
                one, common = np.full(where.shape, 7, np.float32), box & where
                one[common.relative_to(where.start).slices()] = right[common.slices()]
                expected.append(one)
        shards_of(source).fill(orders)
        found = [array for order in orders for _, array in order.targets]
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(source.read(orders[0].box), right[orders[0].box.slices()])
    with pytest.raises(ValueError, match="is not inside the array"):
        shards_of(source).fill([Order(Box((0, 0, 0), (11, 1, 1)), ())])


def test_threads_share_the_work_and_each_piece_is_done_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zarr_threads, "_cores", lambda: 3)
    done: list[int] = []
    met = threading.Barrier(3)

    def piece(number: int) -> None:
        if number < 3:
            met.wait(30)  # breaks unless three threads are at work at once
        done.append(number)

    share(partial(piece, number) for number in range(20))
    assert sorted(done) == list(range(20))


@pytest.mark.parametrize("bad", [0, 19])
def test_a_piece_that_fails_is_told_and_the_next_call_has_its_cores(
    monkeypatch: pytest.MonkeyPatch, bad: int
) -> None:
    monkeypatch.setattr(zarr_threads, "_cores", lambda: 3)

    def piece(number: int) -> None:
        if number == bad:
            raise OSError("a bad piece")

    with pytest.raises(OSError, match="a bad piece"):
        share(partial(piece, number) for number in range(20))
    assert zarr_threads._READERS._count == 0


def test_orders_are_cut_between_chunks_into_batches_that_are_all_of_them() -> None:
    box, many, target = Box((5, 7, 9), (70, 300, 300)), Box((0, 0, 0), (2, 3, 4)), np.zeros((1, 1, 1))
    wanted = [Order(box, ((box, target),)), *(Order(many.shift((0, 0, 4 * n)), ()) for n in range(9))]  # type: ignore[arg-type]
    cut = list(batches(wanted, (16, 32, 32)))
    assert sum(order.box.size for batch in cut for order in batch) == sum(order.box.size for order in wanted)
    assert len(cut[-1]) >= 9
    assert {order.box.start[0] % 16 for batch in cut for order in batch} == {0, 5}
    assert {order.box.start[1] % 32 for batch in cut for order in batch} == {0, 7}
    assert all(sum(4 * order.box.size for order in batch) < 2 * BATCH_BYTES for batch in cut)


def foreign(path: Path, codec: ShardingCodec, axes: tuple[int, int, int] = (0, 1, 2)) -> ZarrSource:
    """Write a bare array of one shard with a sharding codec, and open it."""
    voxels = some_voxels().transpose(axes)
    names = [("frequency", "l", "m")[axis] for axis in axes]
    array = zarr.create_array(
        path, shape=voxels.shape, dtype="float32", chunks=voxels.shape, serializer=codec, compressors=None,
        filters=None, dimension_names=names, fill_value=1.5,
    )  # fmt: skip
    array[...] = voxels
    return ZarrSource(path)


def sharding(shape: Shape, *packing: object, start: bool = False, endian: str = "little") -> ShardingCodec:
    location = ShardingCodecIndexLocation.start if start else ShardingCodecIndexLocation.end
    return ShardingCodec(
        chunk_shape=shape, codecs=(BytesCodec(endian=endian), *packing), index_location=location
    )  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "codec",
    [
        sharding((5, 11, 13), ZstdCodec(level=3)),
        sharding((5, 11, 13), BloscCodec(cname="zstd", typesize=4), start=True),
        sharding((10, 11, 1), start=True),
    ],
)
def test_shards_of_others_are_decoded_too(tmp_path: Path, codec: ShardingCodec) -> None:
    source, right = foreign(tmp_path / "cube.zarr", codec), some_voxels()
    target = np.zeros(SHAPE, np.float32)
    shards_of(source).fill([Order(Box.of_shape(SHAPE), ((Box.of_shape(SHAPE), target),))])
    np.testing.assert_array_equal(target, np.where(np.isinf(right), np.nan, right))


def test_what_is_not_stored_is_the_fill_value(tmp_path: Path) -> None:
    source = foreign(tmp_path / "cube.zarr", sharding((5, 11, 13)))
    next((tmp_path / "cube.zarr" / "c").rglob("0")).rename(tmp_path / "away")
    assert (source.read(Box((2, 3, 4), (4, 5, 6))) == 1.5).all()


@pytest.mark.parametrize(
    ("codec", "axes"),
    [
        (sharding((5, 11, 13), GzipCodec()), (0, 1, 2)),
        (sharding((5, 11, 13), ZstdCodec(), endian="big"), (0, 1, 2)),
        (sharding((13, 11, 5), ZstdCodec()), (2, 1, 0)),
    ],
)
def test_other_layouts_are_left_to_the_library(
    tmp_path: Path, codec: ShardingCodec, axes: tuple[int, int, int]
) -> None:
    source, right = foreign(tmp_path / "cube.zarr", codec, axes), some_voxels()
    assert not is_by_chunk(source)
    box, outer = Box((2, 3, 4), (8, 9, 13)), Box((0, 3, 5), (8, 11, 13))
    target = np.zeros(outer.shape, np.float32)
    source.fill([Order(box, ((outer, target),))])
    expected, common = np.zeros(outer.shape, np.float32), box & outer
    expected[common.relative_to(outer.start).slices()] = np.where(np.isinf(right), np.nan, right)[
        common.slices()
    ]
    np.testing.assert_array_equal(target, expected)


def test_a_chunk_that_is_too_short_is_not_completed_by_the_one_before(tmp_path: Path) -> None:
    shards = shards_of(foreign(tmp_path / "cube.zarr", sharding((5, 11, 13), ZstdCodec())))
    assert shards.packing.unpack is not None
    whole, unpack = Box.of_shape(SHAPE), shards.packing.unpack

    def half(packed: object, voxels: FloatArray) -> None:
        into = voxels.copy()
        unpack(packed, into)
        voxels[:2] = into[:2]

    short = replace(shards, packing=replace(shards.packing, unpack=half, is_zstd=False))
    with pytest.raises(DamagedShardError, match="fewer voxels"):
        short.fill([Order(whole, ((whole, np.zeros(SHAPE, np.float32)),))])


def test_what_cannot_be_decoded_here_is_read_by_the_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, right = foreign(tmp_path / "cube.zarr", sharding((5, 11, 13), ZstdCodec())), some_voxels()

    def fail(self: Shards, orders: list[Order]) -> None:
        raise RuntimeError("a codec of another version")

    monkeypatch.setattr(Shards, "fill", fail)
    np.testing.assert_array_equal(source.read(Box.of_shape(SHAPE)), np.where(np.isinf(right), np.nan, right))


@pytest.mark.parametrize("codec", ["zstd", "none"])
@pytest.mark.parametrize("chunk", [(3, 4, 40), (2, 5, 17)])
def test_compiled_loops_do_it_all_and_what_they_cannot_is_done_in_python(
    tmp_path: Path, codec: str, chunk: Shape, compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    shape = (7, 11, 90)
    voxels = np.random.default_rng(6).normal(size=shape).astype(np.float32)
    sink = ZarrSink(tmp_path / "cube.zarr", meta_of(shape), chunk=chunk, codec=codec)
    sink.begin()
    sink.publish([sink.write(k, voxels[sink.pieces[k].slices()]) for k in range(len(sink.pieces))])
    shards, loaded = shards_of(ZarrSource(sink.path)), []
    load = _Chunk.load
    monkeypatch.setattr(_Chunk, "load", lambda self, *given: loaded.append(1) or load(self, *given))
    box, near = Box((1, 2, 3), (6, 11, 88)), Box((0, 0, 30), (7, 11, 70))
    made = [np.full(where.shape, np.nan, np.float32) for where in (box, near)]
    shards.fill([Order(box, ((box, made[0]), (near, made[1])))])
    assert bool(loaded) != compiled
    np.testing.assert_array_equal(made[0], voxels[box.slices()])
    common = (box & near).relative_to(near.start).slices()
    np.testing.assert_array_equal(made[1][common], voxels[(box & near).slices()])
    assert np.count_nonzero(~np.isnan(made[1])) == (box & near).size
    many = np.full((4, *box.shape), np.nan, np.float32)[::2, ...].transpose(0, 1, 2, 3)
    shards.fill([Order(box, ((box, many[0]), (box, many[1]), (box, many[1])))])
    assert loaded
    np.testing.assert_array_equal(many, np.stack([voxels[box.slices()]] * 2))


@pytest.mark.parametrize("place", [9, -9])
def test_a_damaged_chunk_is_told_whoever_decodes(tmp_path: Path, place: int) -> None:
    voxels = np.random.default_rng(7).normal(size=SHAPE).astype(np.float32)
    sink = ZarrSink(tmp_path / "cube.zarr", meta_of(SHAPE), chunk=SHAPE, shard=SHAPE)
    sink.begin()
    sink.publish([sink.write(0, voxels)])
    voxel_files = (path for path in (sink.path / "SKY").rglob("*") if path.is_file())
    shard = max(voxel_files, key=lambda path: path.stat().st_size)
    content = bytearray(shard.read_bytes())
    content[len(content) // 2 if place > 0 else len(content) - 40] ^= 1
    shard.write_bytes(content)
    source, box = ZarrSource(sink.path), Box.of_shape(SHAPE)
    out = np.zeros(SHAPE, np.float32)
    with pytest.raises((InputError, ValueError, RuntimeError)):
        shards_of(source).fill([Order(box, ((box, out),))])
    with pytest.raises(InputError, match="is damaged"):
        source.read(box)


@pytest.mark.parametrize("codec", ["zstd", "none", "lz4"])
def test_a_new_process_reads_what_any_codec_wrote(tmp_path: Path, codec: str) -> None:
    """Compiled loops name a function of the codec's library, which nobody may have loaded yet."""
    voxels = np.random.default_rng(8).normal(size=SHAPE).astype(np.float32)
    sink = ZarrSink(tmp_path / "cube.zarr", meta_of(SHAPE), chunk=CHUNK, shard=SHARD, codec=codec)
    sink.begin()
    sink.publish([sink.write(k, voxels[sink.pieces[k].slices()]) for k in range(len(sink.pieces))])
    program = (
        "import sys, numba\nfrom tessellar.io.zarr_store import ZarrSource\nfrom tessellar.tiling.box import Box\n"
        "source = ZarrSource(sys.argv[1])\n"
        "sys.stdout.buffer.write(source.read(Box.of_shape(source.meta.shape)).tobytes())"
    )
    done = subprocess.run([sys.executable, "-c", program, sink.path], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == voxels.tobytes()


@pytest.mark.parametrize("entry", [(100, 2**62), (0, 2**64 - 1), (2**64 - 1, 0), (2**63, 100), (10**7, 100)])
def test_an_index_that_points_nowhere_is_damage(tmp_path: Path, entry: tuple[int, int]) -> None:
    voxels = np.random.default_rng(9).normal(size=SHAPE).astype(np.float32)
    sink = ZarrSink(tmp_path / "cube.zarr", meta_of(SHAPE), chunk=CHUNK, shard=SHARD)
    sink.begin()
    sink.publish([sink.write(k, voxels[sink.pieces[k].slices()]) for k in range(len(sink.pieces))])
    shard = sink.path / "SKY" / "c" / "0" / "1" / "0" / "0" / "1"
    content, size = bytearray(shard.read_bytes()), 16 * 2 * 2 * 2
    content[-size - 4 : -size + 12] = np.array(entry, "<u8").tobytes()
    content[-4:] = value(bytes(content[-size - 4 : -4])).to_bytes(4, "little")
    shard.write_bytes(content)
    with pytest.raises(InputError, match="is damaged"):
        ZarrSource(sink.path).read(Box.of_shape(SHAPE))
