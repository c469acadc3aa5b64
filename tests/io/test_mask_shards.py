"""Shards of a mask are written chunk by chunk where sources are: what the Zarr library writes of all voxels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import zarr
from memory_cube import meta_of

from tessellar.io.digest import ABSENT
from tessellar.io.mask_zarr import LABEL, MaskSink
from tessellar.io.zarr_layout import codecs
from tessellar.io.zarr_sparse import counts_of, n_chunks, shard_bytes
from tessellar.tiling.box import Box, Shape

SHAPE: Shape = (70, 300, 290)


def some_runs(rng: np.random.Generator, count: int) -> np.ndarray:
    """Return runs anywhere in the cube, some as long as it is wide, int32 array (run, 4)."""
    z, x = rng.integers(0, SHAPE[0], count), rng.integers(0, SHAPE[1], count)
    y = rng.integers(0, SHAPE[2], count)
    stop = np.minimum(y + rng.integers(1, 90, count), SHAPE[2])
    runs = np.stack([z, x, y, stop], axis=1)
    runs[0] = (69, 299, 0, 290)
    return runs[np.lexsort(runs.T[::-1])].astype(np.int32)


def painted(runs: np.ndarray) -> np.ndarray:
    labels = np.zeros(SHAPE, np.int32)
    for label, (z, x, y, stop) in enumerate(runs, start=1):
        labels[z, x, y:stop] = label
    return labels


def inside(runs: np.ndarray, box: Box) -> np.ndarray:
    """Return the parts of runs that lie in a box."""
    (z0, x0, y0), (z1, x1, y1) = box.start, box.stop
    z, x = runs[:, 0], runs[:, 1]
    kept = runs[(z >= z0) & (z < z1) & (x >= x0) & (x < x1) & (runs[:, 2] < y1) & (runs[:, 3] > y0)].copy()
    kept[:, 2], kept[:, 3] = np.maximum(kept[:, 2], y0), np.minimum(kept[:, 3], y1)
    return kept


@pytest.mark.parametrize("count", [1, 7, 400])
def test_a_mask_is_what_was_painted_and_has_the_bytes_of_the_library(tmp_path: Path, count: int) -> None:
    runs = some_runs(np.random.default_rng(count), count)
    labels = painted(runs)
    sink = MaskSink(tmp_path / "mask.zarr", meta_of(SHAPE))
    sink.begin(np.arange(count))
    digests = []
    for index, piece in enumerate(sink.pieces):
        here = inside(runs, piece)
        part = labels[piece.slices()]
        digests.append(sink.write(index, part if len(here) else None, sink.chunks_with(index, here).tolist()))
        assert (digests[-1] == ABSENT) == (not part.any())
        assert sink.verify(index, digests[-1])
    sink.publish(digests)
    stored = zarr.open_array(tmp_path / "mask.zarr" / LABEL, mode="r")
    np.testing.assert_array_equal(stored[0, :, 0], labels)
    usual = zarr.create_array(
        tmp_path / "usual.zarr",
        shape=stored.shape,
        dtype="int32",
        chunks=stored.chunks,
        shards=stored.shards,
        compressors=codecs("zstd"),
        fill_value=0,
        config={"write_empty_chunks": False},
    )
    usual[...] = labels[np.newaxis, :, np.newaxis]
    ours, theirs = tmp_path / "mask.zarr" / LABEL / "c", tmp_path / "usual.zarr" / "c"
    names = sorted(str(file.relative_to(theirs)) for file in theirs.rglob("*") if file.is_file())
    assert names == sorted(str(file.relative_to(ours)) for file in ours.rglob("*") if file.is_file())
    for name in names:  # the order of chunks in a file is free, but not how many bytes they are
        assert (ours / name).stat().st_size == (theirs / name).stat().st_size


def test_the_same_labels_are_the_same_bytes(tmp_path: Path) -> None:
    runs = some_runs(np.random.default_rng(9), 30)
    labels, content = painted(runs), []
    for name in ("one.zarr", "two.zarr"):
        sink = MaskSink(tmp_path / name, meta_of(SHAPE))
        sink.begin(np.arange(30))
        content.append(
            [
                sink.write(k, labels[piece.slices()], sink.chunks_with(k, inside(runs, piece)).tolist())
                for k, piece in enumerate(sink.pieces)
                if len(inside(runs, piece))
            ]
        )
    assert content[0] == content[1]


def test_an_empty_shard_is_an_index_of_nothing() -> None:
    chunk, shard = (2, 4, 4), (4, 8, 12)
    assert (counts_of(chunk, shard), n_chunks(chunk, shard)) == ((2, 2, 3), 12)
    content = b"".join(shard_bytes((), 12))
    assert content[: 12 * 16] == b"\xff" * 12 * 16
    assert len(content) == 12 * 16 + 4
