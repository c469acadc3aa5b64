"""Any window of any FITS cube is that part of the whole cube, whatever the type and order of its axes."""

from __future__ import annotations

import mmap
import os
import pickle
import subprocess
import sys
import tempfile
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from pathlib import Path

import numpy as np
import psutil
import pytest
from cubes import header, numbers, write_cube
from hypothesis import given, settings
from hypothesis import strategies as st

from tessellar.errors import CubeNotFoundError, InputError, UsageError
from tessellar.io.fits import FitsSource
from tessellar.io.layout import AROUND, PIECE, Layout
from tessellar.io.window import BLOCK, read_window
from tessellar.tiling.box import Box

ORDERS = [
    *permutations(("l", "m", "spectral")),
    ("l", "m", "spectral", "stokes"),
    ("l", "m", "stokes", "spectral"),
    ("stokes", "m", "l", "spectral"),
    ("l", "stokes", "spectral", "m"),
    ("l", "m", "spectral", "stokes", "other"),
]
SIDE = st.integers(1, 7)


@st.composite
def boxes(draw, shape):
    ends = [sorted((draw(st.integers(0, n)), draw(st.integers(0, n)))) for n in shape]
    return Box(tuple(a for a, _ in ends), tuple(b for _, b in ends))


@settings(max_examples=80, deadline=None)
@given(
    data=st.data(),
    shape=st.tuples(SIDE, SIDE, SIDE),
    planes=st.integers(1, 3),
    order=st.sampled_from(ORDERS),
    dtype=st.sampled_from(["u1", "i2", "i4", "i8", "f4", "f8"]),
    scaling=st.sampled_from([(1.0, 0.0), (0.25, 0.0), (3.0e-6, 0.0575), (1.0, 32768.0)]),
    block=st.sampled_from([16, 64, BLOCK]),
)
def test_a_window_is_that_part_of_the_cube(data, shape, planes, order, dtype, scaling, block):
    stored = numbers((planes, *shape), dtype)
    blank = int(stored.flat[0]) if dtype[0] != "f" else None
    scale, zero = scaling
    expected = (stored[0].astype(np.float64) * scale + zero).astype(np.float32)
    if blank is not None:
        expected[stored[0] == blank] = np.nan
    box = data.draw(boxes(shape))
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("tessellar.io.window.BLOCK", block)
        patch.setattr("tessellar.io.window.COLLIDING", 2)
        path = write_cube(Path(folder) / "c.fits", stored, order, BSCALE=scale, BZERO=zero, BLANK=blank)
        source = FitsSource(path)
        voxels = source.read(box)
    assert source.meta.shape == shape
    assert voxels.dtype == np.float32
    assert voxels.flags.c_contiguous
    np.testing.assert_array_equal(voxels, expected[box.slices()])


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("block", "compiler"), [(1000, True), (BLOCK, True), (1000, False), (BLOCK, False)])
def test_with_a_compiler_and_without_a_window_is_that_part(tmp_path, monkeypatch, order, block, compiler):
    monkeypatch.setattr("tessellar.io.window.BLOCK", block)
    monkeypatch.setattr("tessellar.io.compiler.has_compiler", lambda: compiler)
    stored = numbers((2, 37, 41, 39), "f4")
    source = FitsSource(write_cube(tmp_path / "c.fits", stored, order))
    for box in (Box((0, 0, 0), (37, 41, 39)), Box((1, 2, 3), (36, 36, 36)), Box((5, 0, 11), (6, 41, 30))):
        np.testing.assert_array_equal(source.read(box), stored[0][box.slices()])


@settings(max_examples=60, deadline=None)
@given(data=st.data(), shape=st.tuples(SIDE, SIDE, SIDE), order=st.permutations((0, 1, 2)))
def test_the_pieces_of_a_window_partition_it_and_span_little(data, shape, order):
    strides = np.empty(3, int)
    strides[list(order)] = np.cumprod([4, *(shape[axis] for axis in order[:-1])])
    layout = Layout(0, ">f4", shape, tuple(map(int, strides)))
    box = data.draw(boxes(shape).filter(lambda b: not b.empty))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tessellar.io.layout.PIECE", 64)
        pieces = list(layout.pieces(box))
    seen = np.zeros(shape, int)
    for piece in pieces:
        seen[piece.slices()] += 1
        assert layout.span(piece)[1] <= 64
    assert (seen[box.slices()] == 1).all()
    assert seen.sum() == box.size


def test_a_small_window_of_a_wide_cube_is_in_few_pieces_of_which_little_is_resident():
    layout = Layout(0, ">f4", (500, 8192, 8192), (4 * 8192**2, 4, 4 * 8192))
    pieces = list(layout.pieces(Box((100, 4000, 5000), (140, 4020, 5020))))
    assert len(pieces) < 5
    for piece in pieces:
        plane = Box(piece.start, (piece.start[0] + 1, *piece.stop[1:]))
        assert piece.shape[0] * (layout.span(plane)[1] + AROUND) <= PIECE


def test_a_small_window_does_not_load_the_compiler(tmp_path):
    path = write_cube(tmp_path / "c.fits", numbers((3, 40, 50), "f4"))
    reading = (
        "import sys; from tessellar.io.fits import FitsSource; from tessellar.tiling.box import Box; "
        f"FitsSource({str(path)!r}).read(Box((0, 0, 0), (3, 40, 50))); sys.exit('numba' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", reading], check=False).returncode == 0


@pytest.mark.parametrize("compiler", [True, False])
def test_infinite_and_nan_voxels_are_blank(tmp_path, monkeypatch, compiler):
    monkeypatch.setattr("tessellar.io.compiler.has_compiler", lambda: compiler)
    stored = np.array([[[1.0, np.inf], [-np.inf, np.nan]]], "f4")
    voxels = FitsSource(write_cube(tmp_path / "c.fits", stored)).read(Box((0, 0, 0), (1, 2, 2)))
    np.testing.assert_array_equal(voxels, [[[1.0, np.nan], [np.nan, np.nan]]])


def test_doubles_too_large_for_a_voxel_are_blank(tmp_path):
    stored = np.array([[[1e300, 1e-300, 2.0]]], "f8")
    voxels = FitsSource(write_cube(tmp_path / "c.fits", stored)).read(Box((0, 0, 0), (1, 1, 3)))
    np.testing.assert_array_equal(voxels, [[[np.nan, 0.0, 2.0]]])


def test_blank_of_a_float_cube_means_nothing(tmp_path):
    stored = np.full((1, 2, 2), -1.0, "f4")
    voxels = FitsSource(write_cube(tmp_path / "c.fits", stored, BLANK=-1)).read(Box((0, 0, 0), (1, 2, 2)))
    np.testing.assert_array_equal(voxels, stored)


def test_a_box_outside_the_cube_is_refused(tmp_path):
    source = FitsSource(write_cube(tmp_path / "c.fits", numbers((2, 3, 4))))
    with pytest.raises(UsageError, match="not inside the cube"):
        source.read(Box((0, 0, 0), (2, 3, 5)))


def test_a_source_pickles_small_and_reads_elsewhere(tmp_path, monkeypatch):
    stored = numbers((900, 3, 4))
    write_cube(tmp_path / "c.fits", stored)
    monkeypatch.chdir(tmp_path)
    source = FitsSource("c.fits")
    packed = pickle.dumps(source)
    monkeypatch.chdir("/")
    again = pickle.loads(packed)
    assert len(packed) < 1000
    np.testing.assert_array_equal(again.read(Box((5, 1, 0), (7, 3, 4))), stored[5:7, 1:3])
    assert again.meta == source.meta
    assert again.identity == source.identity


def test_many_threads_read_one_source(tmp_path):
    stored = numbers((16, 9, 7))
    source = FitsSource(write_cube(tmp_path / "c.fits", stored))
    with ThreadPoolExecutor(4) as pool:
        planes = list(pool.map(lambda z: source.read(Box((z, 0, 0), (z + 1, 9, 7))), range(16)))
    np.testing.assert_array_equal(np.concatenate(planes), stored)


def test_identity_follows_the_content_not_the_place(tmp_path):
    one = write_cube(tmp_path / "a.fits", numbers((2, 3, 4)))
    (tmp_path / "sub").mkdir()
    two = tmp_path / "sub" / "b.fits"
    two.write_bytes(one.read_bytes())
    os.utime(two, ns=(one.stat().st_mtime_ns, one.stat().st_mtime_ns))
    assert FitsSource(one).identity == FitsSource(two).identity
    os.utime(two, ns=(1, 1))
    assert FitsSource(one).identity != FitsSource(two).identity
    write_cube(two, numbers((2, 3, 4)), OBJECT="another")
    os.utime(two, ns=(one.stat().st_mtime_ns, one.stat().st_mtime_ns))
    assert FitsSource(one).identity != FitsSource(two).identity


def test_a_file_that_changes_under_way_is_noticed(tmp_path, monkeypatch):
    path = write_cube(tmp_path / "c.fits", numbers((40, 30, 20)))
    source = pickle.loads(pickle.dumps(FitsSource(path)))
    whole = path.read_bytes()
    path.write_bytes(whole[:8000])
    # rows that are copied, those that are picked from copies, and those that are mapped
    for l_stop, block in ((30, BLOCK), (2, BLOCK), (2, 1000)):
        monkeypatch.setattr("tessellar.io.window.BLOCK", block)
        with pytest.raises(InputError, match=r"became shorter than \d+ bytes while it was read"):
            source.read(Box((0, 0, 0), (40, l_stop, 20)))
    path.write_bytes(whole[:-1] + b"\1")
    with pytest.raises(InputError, match="was changed"):
        _ = source.meta
    path.unlink()
    with pytest.raises(CubeNotFoundError, match="no cube"):
        source.read(Box((0, 0, 0), (1, 1, 1)))


def test_beside_the_window_there_is_never_more_than_one_block(tmp_path):
    source = FitsSource(write_cube(tmp_path / "c.fits", np.ones((64, 256, 256), "f4")))
    for box in (Box((0, 0, 0), (32, 256, 256)), Box((0, 0, 0), (64, 256, 64)), Box((0, 0, 0), (64, 64, 64))):
        tracemalloc.start()
        voxels = source.read(box)
        beside = tracemalloc.get_traced_memory()[1] - voxels.nbytes
        tracemalloc.stop()
        # what is stored of a block, the same in native numbers, and whether each of them is infinite
        assert beside < 2.5 * BLOCK


@pytest.mark.parametrize("order", [("l", "m", "spectral"), ("spectral", "m", "l")])
def test_resident_memory_does_not_grow_with_the_file(tmp_path, order, monkeypatch):
    path = tmp_path / "big.fits"
    lengths = {"l": 512, "m": 1024, "spectral": 80}
    with path.open("wb") as file:
        file.write(header(lengths, order).tostring().encode())
        file.truncate(file.tell() + 512 * 1024 * 80 * 4)
    source = FitsSource(path)
    mapped = []
    whole = mmap.mmap
    monkeypatch.setattr(mmap, "mmap", lambda file, n, **k: mapped.append(n) or whole(file, n, **k))
    small = Box((0, 0, 0), (1, 64, 64))
    source.read(small)
    before = psutil.Process().memory_info().rss
    peak = 0
    for z in range(0, 80, 8):
        source.read(Box((z, 0, 0), (z + 8, 128, 1024)))
        peak = max(peak, psutil.Process().memory_info().rss - before)
    assert peak < 24e6
    assert sum(mapped) > 20e6
    assert max(mapped) < PIECE + mmap.ALLOCATIONGRANULARITY


def test_read_window_names_the_file_it_misses(tmp_path):
    layout = Layout(0, ">f4", (1, 1, 1), (4, 4, 4))
    with pytest.raises(CubeNotFoundError, match=r"gone\.fits"):
        read_window(tmp_path / "gone.fits", layout, Box((0, 0, 0), (1, 1, 1)))
