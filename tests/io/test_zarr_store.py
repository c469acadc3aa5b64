"""Cubes in Zarr: any cut gives the same voxels, interrupted stores go on, damage and foreign stores are understood."""

from __future__ import annotations

import errno
import itertools
import json
import pickle
import shutil
import signal
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_cube import meta_of, names_in, noisy, numbered

from tessellar.errors import CubeNotFoundError, InputError, OutputError, UsageError
from tessellar.io import zarr_scratch
from tessellar.io.digest import ABSENT, digest_of_file
from tessellar.io.zarr_store import ZarrSink, ZarrSource
from tessellar.model import Beam, FloatArray, SpectralAxis
from tessellar.tiling.box import Box

SHAPE = (10, 11, 13)
CHUNK = (4, 4, 4)
SHARD = (4, 8, 8)


def write_all(sink: ZarrSink, voxels: FloatArray, order: list[int] | None = None) -> None:
    sink.begin()
    digests = {
        index: sink.write(index, voxels[sink.pieces[index].slices()])
        for index in (range(len(sink.pieces)) if order is None else order)
    }
    sink.publish(digests[index] for index in range(len(sink.pieces)))
    sink.tidy()


def make_sink(path: Path, **changes: Any) -> ZarrSink:
    return ZarrSink(path, meta_of(SHAPE), **{"shard": SHARD, "chunk": CHUNK, **changes})


@pytest.fixture
def store(tmp_path) -> Path:
    write_all(make_sink(tmp_path / "cube.zarr"), numbered(SHAPE))
    return tmp_path / "cube.zarr"


sizes = st.tuples(*[st.integers(1, 9)] * 3)


@settings(max_examples=25, deadline=None)
@given(data=st.data(), shape=sizes, chunk=sizes, many=sizes, codec=st.sampled_from(["zstd", "lz4", "none"]))
def test_any_cut_and_any_order_give_the_same_cube(data, shape, chunk, many, codec):
    voxels = noisy(shape)
    shard = tuple(min(c, n) * k for c, n, k in zip(chunk, shape, many, strict=True))
    with TemporaryDirectory() as folder:
        sink = ZarrSink(Path(folder) / "a.zarr", meta_of(shape), shard=shard, chunk=chunk, codec=codec)
        assert sum(box.size for box in sink.pieces) == voxels.size
        write_all(sink, voxels, data.draw(st.permutations(range(len(sink.pieces)))))
        source = ZarrSource(Path(folder) / "a.zarr")
        assert source.meta == meta_of(shape)
        start = data.draw(st.tuples(*[st.integers(0, n - 1) for n in shape]))
        stop = data.draw(st.tuples(*[st.integers(a + 1, n) for a, n in zip(start, shape, strict=True)]))
        for box in (Box(start, stop), Box.of_shape(shape)):
            found = source.read(box)
            assert found.dtype == np.float32
            assert found.flags.c_contiguous
            np.testing.assert_array_equal(found, voxels[box.slices()])
        assert names_in(folder) == ["a.zarr"]


def test_every_axis_is_where_it_belongs(store):
    import xarray

    with xarray.open_zarr(store, consolidated=False) as image:
        assert image.SKY.dims == ("time", "frequency", "polarization", "l", "m")
        assert image.SKY.shape == (1, 10, 1, 11, 13)
        assert image.SKY.isel(frequency=7, l=5, m=12).values.item() == 70512
        assert image.frequency[7] == 1.4e9 + 7e5
    assert ZarrSource(store).read(Box((7, 5, 12), (8, 6, 13))).item() == 70512
    assert ZarrSource(store).chunks == CHUNK


@pytest.mark.parametrize("beams", [0, 1, 10])
@pytest.mark.parametrize("kind", ["freq", "v_opt", "channel"])
def test_xradio_opens_the_store_and_finds_no_fault(tmp_path, beams, kind):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = pytest.importorskip("xradio.image")
        axis = SpectralAxis(kind, "m/s" if kind == "v_opt" else "Hz", tuple(map(float, range(1, 11))))
        several = tuple(Beam(0.03 + i / 1000, 0.02, 5.0) for i in range(beams))
        sink = ZarrSink(tmp_path / "cube.zarr", meta_of(SHAPE, spectral=axis, beams=several))
        write_all(sink, noisy(SHAPE))
        dataset = image.open_image(str(tmp_path / "cube.zarr"))
        assert list(image.check_image(dataset)) == []
        np.testing.assert_array_equal(dataset.SKY.values[0, :, 0], noisy(SHAPE))


def test_reading_is_done_by_zarrs_and_nobody_else_is_affected(store):
    before = zarr.config.get("codec_pipeline.path")
    source = ZarrSource(store)
    pipeline = source._array._async_array.codec_pipeline
    assert type(pipeline).__module__ == "zarrs"
    assert pipeline.impl is not None
    pipeline.python_impl = None  # zarrs would hand over to it what it cannot do
    for box in (Box.of_shape(SHAPE), Box((3, 1, 2), (10, 11, 13)), Box((9, 10, 12), SHAPE)):
        np.testing.assert_array_equal(source.read(box), numbered(SHAPE)[box.slices()])
    assert zarr.config.get("codec_pipeline.path") == before
    assert "zarrs" not in before


def test_the_usual_layout_follows_the_halo_and_is_cut_for_small_cubes():
    def cut(shape):
        sink = ZarrSink(Path("x.zarr"), meta_of((1, 1, 1)))
        sink = replace(sink, meta=replace(sink.meta, shape=shape), chunk=None, shard=None)
        return sink.chunk, sink.shard

    assert cut((6668, 5851, 5851)) == ((16, 32, 32), (64, 256, 256))
    assert cut((20, 40, 300)) == ((16, 32, 32), (32, 64, 256))
    assert cut((3, 5, 7)) == ((3, 5, 7), (3, 5, 7))


@pytest.mark.parametrize("wish", [{"shard": (4, 6, 8)}, {"chunk": (0, 4, 4)}, {"codec": "blosc"}])
def test_a_layout_that_makes_no_sense_is_refused(tmp_path, wish):
    with pytest.raises(UsageError):
        make_sink(tmp_path / "a.zarr", **wish)


def test_a_piece_of_the_wrong_shape_is_refused(tmp_path):
    sink = make_sink(tmp_path / "a.zarr")
    sink.begin()
    with pytest.raises(UsageError, match="needs voxels of shape"):
        sink.write(0, np.zeros((1, 2, 3), np.float32))


def test_a_blank_shard_takes_no_file_and_replaces_an_older_one(tmp_path):
    sink, voxels = make_sink(tmp_path / "a.zarr"), numbered(SHAPE)
    sink.begin()
    written = sink.write(0, voxels[sink.pieces[0].slices()])
    voxels[sink.pieces[0].slices()] = np.nan
    blank = sink.write(0, voxels[sink.pieces[0].slices()])
    assert blank == ABSENT != written
    assert sink.verify(0, blank)
    assert not sink.verify(0, written)
    write_all(sink, voxels)
    assert not (tmp_path / "a.zarr/SKY/c/0/0/0/0/0").exists()
    np.testing.assert_array_equal(ZarrSource(tmp_path / "a.zarr").read(Box.of_shape(SHAPE)), voxels)


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("codec", ["zstd", "none"])
def test_the_same_voxels_are_the_same_bytes_whoever_writes_them(tmp_path, codec):
    shape = (16, 64, 64)  # 256 chunks in a shard: two threads would not end in the same order twice
    voxels, trees = noisy(shape), []
    voxels[:4, :4, :4] = np.nan
    for name in ("a", "b", "c"):
        sink = ZarrSink(tmp_path / f"{name}.zarr", meta_of(shape), shard=shape, chunk=(4, 8, 8), codec=codec)
        with ThreadPoolExecutor(1) as pool:
            pool.submit(write_all, sink, voxels).result()
        trees.append(files_in(sink.path))
    assert trees[0] == trees[1] == trees[2]


def test_writing_in_one_thread_leaves_the_rest_of_zarr_its_threads(tmp_path):
    write_all(make_sink(tmp_path / "a.zarr"), numbered(SHAPE))
    assert zarr.config.get("threading.max_workers") is None
    assert zarr.core.sync._get_executor()._max_workers > 1


def test_the_digests_of_the_shards_are_kept_in_the_store_and_disturb_nobody(tmp_path):
    sink, voxels = make_sink(tmp_path / "a.zarr"), numbered(SHAPE)
    voxels[sink.pieces[5].slices()] = np.nan
    write_all(sink, voxels)
    table = np.load(tmp_path / "a.zarr/SKY/digests.npy")
    assert (table.shape, table.dtype) == ((12, 24), np.uint8)
    assert table[5].tobytes() == ABSENT
    shard = (tmp_path / "a.zarr/SKY/c/0/1/0/1/0").read_bytes()
    assert table[6].tobytes() == len(shard).to_bytes(8, "little") + blake2b(shard, digest_size=16).digest()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        group = zarr.open_group(tmp_path / "a.zarr", mode="r")
        assert "SKY" in [name for name, _ in group.members()]
        assert group["SKY"].nchunks_initialized == 11 * 4  # shards with a file, of four chunks each
    assert [str(warning.message) for warning in caught if "digests" in str(warning.message)] == []


def test_threads_write_side_by_side(tmp_path):
    voxels = noisy((16, 32, 32))
    sink = ZarrSink(tmp_path / "a.zarr", meta_of((16, 32, 32)), shard=(4, 8, 8), chunk=(4, 4, 4))
    sink.begin()
    with ThreadPoolExecutor(8) as pool:
        done = pool.map(lambda i: sink.write(i, voxels[sink.pieces[i].slices()]), range(len(sink.pieces)))
        sink.publish(done)
    np.testing.assert_array_equal(ZarrSource(tmp_path / "a.zarr").read(Box.of_shape((16, 32, 32))), voxels)


WRITER = """
import os, pickle, signal, sys
import numpy as np
from tessellar.io import zarr_scratch
sink, voxels, pieces, deadly = pickle.load(sys.stdin.buffer)
move = zarr_scratch.move_into_place
def die_first(made, target):
    if index == deadly:
        os.kill(os.getpid(), signal.SIGKILL)
    move(made, target)
zarr_scratch.move_into_place = die_first
for index in pieces:
    digest = sink.write(index, voxels[sink.pieces[index].slices()])
    print(index, digest.hex(), flush=True)
"""


def start_writer(
    sink: ZarrSink, voxels: FloatArray, pieces: range, deadly: int = -1
) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", WRITER]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    with process.stdin:
        pickle.dump((sink, voxels, pieces, deadly), process.stdin)
    return process


def digests_of(process: subprocess.Popen[bytes], code: int) -> dict[int, bytes]:
    """Return the digests that a writer printed, once it has ended."""
    assert process.stdout is not None
    with process.stdout:
        lines = process.stdout.read().decode().splitlines()
    assert process.wait() == code
    return {int(index): bytes.fromhex(digest) for index, digest in map(str.split, lines)}


def test_two_processes_write_one_is_killed_and_the_store_is_finished_later(tmp_path):
    sink, voxels = make_sink(tmp_path / "a.zarr"), noisy(SHAPE)
    count = len(sink.pieces)
    assert count == 12
    sink.begin()
    even = start_writer(sink, voxels, range(0, count, 2))
    odd = start_writer(sink, voxels, range(1, count, 2), deadly=7)
    digests = digests_of(even, 0) | digests_of(odd, -signal.SIGKILL)
    assert not (tmp_path / "a.zarr").exists()
    resumed = make_sink(tmp_path / "a.zarr")
    assert resumed.resumable
    resumed.begin()
    left = [index for index in range(count) if index not in digests]
    assert left == [7, 9, 11]
    assert all(resumed.verify(index, digest) for index, digest in digests.items())
    with pytest.raises(OutputError, match="9 of 12 pieces are written"):
        resumed.publish(digests.values())
    digests |= {index: resumed.write(index, voxels[resumed.pieces[index].slices()]) for index in left}
    resumed.publish(digests[index] for index in range(count))
    resumed.tidy()
    np.testing.assert_array_equal(ZarrSource(tmp_path / "a.zarr").read(Box.of_shape(SHAPE)), voxels)
    assert names_in(tmp_path) == ["a.zarr"]


@pytest.mark.parametrize("change", [{"codec": "none"}, {"content": "other"}, {"shard": (8, 8, 8)}])
def test_an_unfinished_store_with_other_settings_starts_again(tmp_path, change):
    sink = make_sink(tmp_path / "a.zarr")
    sink.begin()
    digest = sink.write(0, numbered(SHAPE)[sink.pieces[0].slices()])
    same = make_sink(tmp_path / "a.zarr")
    same.begin()
    assert same.verify(0, digest)
    other = make_sink(tmp_path / "a.zarr", **change)
    assert not other.resumable
    other.begin()
    assert not other.verify(0, digest)


@pytest.mark.parametrize("harm", ["gone", "empty", "cut", "longer", "flipped"])
def test_a_shard_that_was_harmed_after_it_was_written_is_known_by_its_digest(tmp_path, harm):
    sink, voxels = make_sink(tmp_path / "a.zarr"), noisy(SHAPE)
    sink.begin()
    digests = [sink.write(index, voxels[sink.pieces[index].slices()]) for index in range(12)]
    (shard,) = tmp_path.rglob("a.zarr/SKY/c/0/1/0/1/0")
    before = shard.read_bytes()
    if harm == "gone":
        shard.unlink()
    elif harm == "longer":
        shard.write_bytes(before + b"x")
    else:
        damage(shard, harm)
    assert [index for index, digest in enumerate(digests) if not sink.verify(index, digest)] == [6]
    assert sink.write(6, voxels[sink.pieces[6].slices()]) == digests[6]
    assert shard.read_bytes() == before


def test_a_shard_that_is_lost_is_no_blank_sky(tmp_path):
    voxels = noisy(SHAPE)
    first = make_sink(tmp_path / "a.zarr").pieces[0]
    voxels[first.slices()] = np.nan  # is not stored
    write_all(make_sink(tmp_path / "a.zarr"), voxels)
    source = ZarrSource(tmp_path / "a.zarr")
    assert np.array_equal(source.read(Box.of_shape(SHAPE)), voxels, equal_nan=True)
    (shard,) = tmp_path.rglob("a.zarr/SKY/c/0/1/0/1/0")
    shard.unlink()
    with pytest.raises(
        InputError, match=r"a\.zarr is damaged: .*SKY/c/0/1/0/1/0 is missing\. Copy or convert"
    ):
        source.read(Box.of_shape(SHAPE))
    assert np.isnan(source.read(first)).all()
    (tmp_path / "a.zarr" / "SKY" / "digests.npy").unlink()  # nobody knows what was written
    assert np.isnan(ZarrSource(tmp_path / "a.zarr").read(Box.of_shape(SHAPE))).any()


def test_metadata_that_was_harmed_is_written_again_when_the_store_goes_on(tmp_path):
    write_all(make_sink(tmp_path / "a.zarr"), noisy(SHAPE))
    sink = make_sink(tmp_path / "b.zarr")
    sink.begin()
    digests = [sink.write(index, noisy(SHAPE)[sink.pieces[index].slices()]) for index in range(12)]
    for path in tmp_path.rglob("b.zarr/**/zarr.json"):
        path.write_bytes(b"{}")
    again = make_sink(tmp_path / "b.zarr")
    again.begin()
    again.publish(digests)
    assert files_in(tmp_path / "b.zarr") == files_in(tmp_path / "a.zarr")


@pytest.mark.parametrize("content", ["same", "other"])
def test_a_late_worker_of_a_run_that_was_killed_changes_nothing(tmp_path, monkeypatch, content):
    """It stands between encoding and renaming when another run goes on with the store, or begins it anew."""
    voxels, late = noisy(SHAPE), make_sink(tmp_path / "a.zarr", content="same")
    now = replace(late, content=content)
    late.begin()
    index = next(i for i, box in enumerate(late.pieces) if not np.isnan(voxels[box.slices()]).all())
    piece = np.ascontiguousarray(voxels[late.pieces[index].slices()])
    digests = [late.write(index, piece)]

    def slow(made: Path) -> bytes:
        monkeypatch.undo()
        now.begin()
        digests.append(now.write(index, 2 * piece) if content == "other" else digests[0])
        return digest_of_file(made)

    monkeypatch.setattr("tessellar.io.zarr_write.digest_of_file", slow)
    with pytest.raises(OutputError):
        late.write(index, piece)
    assert now.verify(index, digests[1])
    if content == "other":
        with pytest.raises(OutputError, match="came too late"):
            late.write(index, piece)
        assert now.verify(index, digests[1])


def test_a_finished_store_is_replaced_only_when_asked(store):
    with pytest.raises(OutputError, match="exists already"):
        make_sink(store).begin()
    write_all(make_sink(store, overwrite=True), -numbered(SHAPE))
    assert ZarrSource(store).read(Box((9, 0, 0), (10, 1, 1))).item() == -90000
    assert names_in(store.parent) == ["cube.zarr"]


def test_a_full_disk_is_one_sentence_and_the_store_can_go_on(tmp_path, monkeypatch):
    sink, voxels = make_sink(tmp_path / "a.zarr"), numbered(SHAPE)
    sink.begin()

    def full(source: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(zarr_scratch, "move_into_place", full)
        with pytest.raises(OutputError, match="no space is left"):
            sink.write(0, voxels[sink.pieces[0].slices()])
    assert not list(tmp_path.rglob("c/0/0/0/0/0"))
    write_all(make_sink(tmp_path / "a.zarr"), voxels)


LIMITED = """
import pickle, resource, sys
sink, voxels = pickle.load(sys.stdin.buffer)
resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))
try:
    sink.write(0, voxels)
except OSError as error:
    print(type(error).__name__, error)
"""


def test_a_disk_that_is_full_for_the_compiled_codec_is_one_sentence_too(tmp_path):
    shape = (16, 32, 32)
    sink = ZarrSink(tmp_path / "a.zarr", meta_of(shape))
    sink.begin()
    done = subprocess.run(
        [sys.executable, "-c", LIMITED],
        input=pickle.dumps((sink, noisy(shape))),
        capture_output=True,
        check=True,
    )
    assert done.stdout.startswith(b"OutputError")
    assert b"no space is left" in done.stdout
    assert not list(tmp_path.rglob("c/0/0/0/0/0"))


def test_a_source_pickles_to_its_name(store):
    text = pickle.dumps(ZarrSource(store))
    assert len(text) < 300
    assert pickle.loads(text).read(Box((1, 2, 3), (2, 3, 4))).item() == 10203


def test_the_identity_changes_with_the_store(store):
    before = ZarrSource(store).identity
    assert ZarrSource(store).identity == before
    write_all(make_sink(store, overwrite=True, codec="none"), numbered(SHAPE))
    assert ZarrSource(store).identity != before


def test_stored_bytes_are_those_of_the_files(store):
    files = [path for path in (store / "SKY").rglob("*") if path.is_file()]
    assert ZarrSource(store).stored_bytes == sum(path.stat().st_size for path in files) > 0


def damage(path: Path, how: str) -> None:
    content = bytearray(path.read_bytes())
    if how == "flipped":
        content[len(content) // 3] ^= 255
    path.write_bytes({"empty": b"", "cut": content[:-9]}.get(how, content))


@pytest.mark.parametrize(
    ("codec", "how"),
    [("zstd", "empty"), ("zstd", "cut"), ("zstd", "flipped"), ("none", "empty"), ("none", "cut")],
)
def test_a_damaged_shard_is_named_and_the_others_stay_readable(tmp_path, codec, how):
    write_all(make_sink(tmp_path / "cube.zarr", codec=codec), noisy(SHAPE))
    shard = tmp_path / "cube.zarr/SKY/c/0/1/0/0/1"
    damage(shard, how)
    source = ZarrSource(tmp_path / "cube.zarr")
    with pytest.raises(InputError) as caught:
        source.read(Box.of_shape(SHAPE))
    assert str(shard) in str(caught.value)
    assert "\n" not in str(caught.value)
    box = Box((4, 0, 0), (8, 8, 8))
    np.testing.assert_array_equal(source.read(box), noisy(SHAPE)[box.slices()])


def read_or_none(store: Path, box: Box) -> FloatArray | None:
    """Return the voxels, or None where damage is found."""
    try:
        return ZarrSource(store).read(box)
    except InputError:
        return None


@pytest.mark.parametrize("box", [Box((0, 0, 0), (4, 8, 8)), Box((1, 3, 3), (3, 5, 5))])
def test_no_flipped_bit_and_no_lost_byte_of_a_shard_is_ever_read_as_voxels(tmp_path, box):
    shape, voxels = (4, 8, 8), noisy((4, 8, 8))
    voxels[:2, :4, :4] = np.nan
    write_all(ZarrSink(tmp_path / "a.zarr", meta_of(shape), shard=shape, chunk=(2, 4, 4)), voxels)
    shard = tmp_path / "a.zarr/SKY/c/0/0/0/0/0"
    whole = shard.read_bytes()
    index = len(whole) - 16 * 8 - 4  # eight chunks: offset and length of each, and a checksum
    np.testing.assert_array_equal(read_or_none(tmp_path / "a.zarr", box), voxels[box.slices()])
    for at in (*range(0, index, 11), *range(index, len(whole), 3)):
        shard.write_bytes(whole[:at] + bytes([whole[at] ^ (1 << at % 8)]) + whole[at + 1 :])
        assert read_or_none(tmp_path / "a.zarr", box) is None, at
    for size in (0, 1, index - 1, index, len(whole) - 1, *range(2, len(whole), 97)):
        shard.write_bytes(whole[:size])
        assert read_or_none(tmp_path / "a.zarr", box) is None, size
    shard.write_bytes(whole + b"x")
    assert read_or_none(tmp_path / "a.zarr", box) is None


def test_zarr_without_zarrs_reads_the_same_and_finds_a_flipped_bit_too(store):
    shard = store / "SKY/c/0/1/0/1/0"
    array = zarr.open_array(store / "SKY", mode="r")
    assert type(array._async_array.codec_pipeline).__module__.startswith("zarr.")
    np.testing.assert_array_equal(array[0, :, 0], numbered(SHAPE))
    damage(shard, "flipped")
    with pytest.raises(RuntimeError, match=r"checksum|corruption"):
        array[...]


def break_store(store: Path, how: str) -> Path:
    metadata = store / "SKY" / "zarr.json"
    if how == "empty folder":
        shutil.rmtree(store)
        store.mkdir()
    elif how == "corrupt group":
        (store / "zarr.json").write_text('{"zarr_format": 3, "node')
    elif how == "corrupt array":
        metadata.write_text("[]")
    elif how == "no array":
        shutil.rmtree(store / "SKY")
    elif how == "wrong shape":
        document = json.loads(metadata.read_text())
        document["shape"][1] = 9
        metadata.write_text(json.dumps(document))
    elif how == "newer format":
        document = json.loads((store / "zarr.json").read_text())
        document["attributes"]["tessellar"]["format"] = 2
        (store / "zarr.json").write_text(json.dumps(document))
    elif how == "file":
        return metadata
    return store


@pytest.mark.parametrize(
    "how",
    ["empty folder", "corrupt group", "corrupt array", "no array", "wrong shape", "newer format", "file"],
)
def test_a_broken_store_is_refused_in_one_sentence(store, how):
    path = break_store(store, how)
    with pytest.raises(InputError) as caught:
        ZarrSource(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 3


def test_a_missing_store_is_not_found(tmp_path):
    with pytest.raises(CubeNotFoundError):
        ZarrSource(tmp_path / "no.zarr")


def plain(path: Path, voxels: np.ndarray[Any, Any], names: Any = None, **more: Any) -> Path:
    more.setdefault("dimension_names", names)
    zarr.create_array(path, data=voxels, chunks=(3,) * voxels.ndim, **more)
    return path


def said(source: ZarrSource, words: str) -> bool:
    return any(words in sentence for sentence in source.meta.missing)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_foreign_array_with_named_axes_is_turned_round(tmp_path, order):
    names = [("frequency", "l", "m")[axis] for axis in order]
    source = ZarrSource(plain(tmp_path / "a.zarr", numbered(SHAPE).transpose(order), names))
    assert source.meta.shape == SHAPE
    assert source.chunks == (3, 3, 3)
    box = Box((1, 2, 3), (8, 9, 13))
    np.testing.assert_array_equal(source.read(box), numbered(SHAPE)[box.slices()])
    assert not said(source, "taken as frequency")


def test_what_is_assumed_of_a_bare_array_is_said(tmp_path):
    source = ZarrSource(plain(tmp_path / "a.zarr", numbered(SHAPE)))
    np.testing.assert_array_equal(source.read(Box.of_shape(SHAPE)), numbered(SHAPE))
    assert source.meta.spectral.kind == "channel"
    assert source.meta.wcs_header == ""
    for words in ("taken as frequency, l, m", "channels are numbered", "No unit", "No beam", "No sky"):
        assert said(source, words)


def test_five_axes_without_names_are_those_of_an_image(tmp_path):
    voxels = np.stack([numbered(SHAPE), -numbered(SHAPE)], axis=1)[np.newaxis]
    source = ZarrSource(plain(tmp_path / "a.zarr", voxels))
    np.testing.assert_array_equal(source.read(Box.of_shape(SHAPE)), numbered(SHAPE))
    assert said(source, "2 planes: only the first is read")


def test_four_axes_of_which_one_is_short_make_a_cube(tmp_path):
    source = ZarrSource(plain(tmp_path / "a.zarr", numbered(SHAPE)[:, np.newaxis]))
    np.testing.assert_array_equal(source.read(Box.of_shape(SHAPE)), numbered(SHAPE))


@pytest.mark.parametrize("dtype", [">f4", "f8", "i2"])
@pytest.mark.parametrize("version", [2, 3])
def test_other_numbers_and_the_older_format_are_read(tmp_path, dtype, version):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=version)
    voxels = np.arange(60).reshape(3, 4, 5).astype(dtype)
    array = group.create_array("data", data=voxels, chunks=(2, 2, 2))
    array.attrs["_ARRAY_DIMENSIONS"] = ["z", "y", "x"]
    source = ZarrSource(tmp_path / "a.zarr" / ("data" if dtype == "i2" else ""))
    np.testing.assert_array_equal(source.read(Box.of_shape((3, 5, 4))), voxels.transpose(0, 2, 1))
    assert source.read(Box((0, 0, 0), (1, 1, 1))).dtype == np.float32
    assert said(source, "read as float32") == (dtype in ("f8", "i2"))


REFUSED = {
    "two axes": np.zeros((3, 4), np.float32),
    "complex": np.zeros((3, 4, 5), np.complex64),
    "four long axes": np.zeros((3, 4, 5, 6), np.float32),
}


@pytest.mark.parametrize("voxels", list(REFUSED.values()), ids=list(REFUSED))
def test_an_array_that_is_no_cube_is_refused(tmp_path, voxels):
    with pytest.raises(InputError):
        ZarrSource(plain(tmp_path / "a.zarr", voxels))


def test_scaled_numbers_are_refused_and_not_misread(tmp_path):
    plain(tmp_path / "a.zarr", numbered(SHAPE), attributes={"scale_factor": 2.0})
    with pytest.raises(InputError, match="scaled numbers"):
        ZarrSource(tmp_path / "a.zarr")


@pytest.mark.parametrize(("names", "words"), [(("a", "b"), "several cubes"), ((), "no cube")])
def test_a_group_must_hold_one_cube(tmp_path, names, words):
    zarr.open_group(tmp_path / "a.zarr", mode="w")
    for name in names:
        plain(tmp_path / "a.zarr" / name, numbered(SHAPE))
    with pytest.raises(InputError, match=words):
        ZarrSource(tmp_path / "a.zarr")


@pytest.mark.parametrize("count", [1, 10])
def test_an_image_of_xradio_that_is_not_ours_tells_its_axes_beams_and_sky(store, tmp_path, count):
    beams = tuple(Beam(0.03 + i / 1000, 0.02, 5.0) for i in range(count))
    meta = meta_of(SHAPE, beams=beams)
    write_all(ZarrSink(tmp_path / "b.zarr", meta), numbered(SHAPE))
    document = json.loads((tmp_path / "b.zarr/zarr.json").read_text())
    del document["attributes"]["tessellar"]
    (tmp_path / "b.zarr/zarr.json").write_text(json.dumps(document))
    source = ZarrSource(tmp_path / "b.zarr")
    np.testing.assert_array_equal(source.read(Box.of_shape(SHAPE)), numbered(SHAPE))
    assert source.meta.spectral == meta.spectral
    assert source.meta.unit == "Jy / beam"
    assert source.meta.pixel_size == pytest.approx((0.01, 0.02))
    assert len(source.meta.beams) == count
    for found, beam in zip(source.meta.beams, beams, strict=True):
        assert (found.major, found.minor, found.pa) == pytest.approx((beam.major, beam.minor, beam.pa))
    assert "RA---SIN" in source.meta.wcs_header
    assert source.meta.header == ""
    assert source.meta.missing == ()


def test_the_source_tells_its_shards_in_the_order_of_the_cube(tmp_path):
    sink = ZarrSink(tmp_path / "cube.zarr", meta_of((8, 12, 16)), shard=(4, 6, 8), chunk=(2, 3, 4))
    write_all(sink, numbered((8, 12, 16)))
    source = ZarrSource(tmp_path / "cube.zarr")
    assert (source.chunks, source.shards) == ((2, 3, 4), (4, 6, 8))


def test_infinite_voxels_are_blank_as_in_fits(tmp_path):
    voxels = numbered((4, 4, 4))
    voxels[1, 2, 3], voxels[0, 0, 0] = np.inf, -np.inf
    sink = ZarrSink(tmp_path / "cube.zarr", meta_of((4, 4, 4)))
    write_all(sink, voxels)
    found = ZarrSource(tmp_path / "cube.zarr").read(Box.of_shape((4, 4, 4)))
    assert np.isnan(found).sum() == 2
    assert np.isnan(found[1, 2, 3])


def test_voxels_that_were_written_anew_are_another_cube(tmp_path):
    sink = ZarrSink(tmp_path / "cube.zarr", meta_of((4, 4, 4)))
    write_all(sink, numbered((4, 4, 4)))
    before = ZarrSource(tmp_path / "cube.zarr").identity
    assert ZarrSource(tmp_path / "cube.zarr").identity == before
    zarr.open_array(tmp_path / "cube.zarr" / "SKY", mode="r+")[...] = 1.0
    assert ZarrSource(tmp_path / "cube.zarr").identity != before
