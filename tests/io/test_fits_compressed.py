"""Compressed cubes read like plain ones; damaged ones, and disks without room, are told in a sentence."""

from __future__ import annotations

import gzip
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from cubes import BITPIX, header, numbers, refusal, write_cube

from tessellar.errors import InputError, OutputError
from tessellar.io.compressed import Scratch, unpack_image
from tessellar.io.open import open_source
from tessellar.tiling.box import Box

STORED = numbers((4, 6, 5))
ALL = Box((0, 0, 0), (4, 6, 5))


@pytest.fixture(autouse=True)
def scratch(tmp_path_factory, monkeypatch) -> Path:
    folder = tmp_path_factory.mktemp("scratch")
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.fixture
def plain(tmp_path) -> Path:
    return write_cube(tmp_path / "cube.fits", STORED)


def test_a_gzip_file_reads_like_the_plain_one(plain, tmp_path, scratch):
    packed = tmp_path / "cube.fits.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    source = open_source(packed)
    np.testing.assert_array_equal(source.read(ALL), STORED)
    assert source.stored_bytes == packed.stat().st_size
    assert source.chunks is None
    unpacked = list(scratch.rglob("*.*"))
    assert len(unpacked) == 1
    unpacked[0].unlink()
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(source)).read(ALL), STORED)
    assert (scratch / f"tessellar-{os.getuid()}").stat().st_mode & 0o077 == 0


def test_a_gzip_file_is_told_by_its_content(plain, tmp_path):
    packed = tmp_path / "cube.fits"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    np.testing.assert_array_equal(open_source(packed).read(ALL), STORED)


def test_a_gzip_file_that_was_replaced_is_noticed(plain, tmp_path, scratch):
    packed = tmp_path / "cube.fits.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    source = open_source(packed)
    packed.write_bytes(gzip.compress(plain.read_bytes()) + bytes(8))
    next(scratch.rglob("*.unpacked")).unlink()
    with pytest.raises(InputError, match="was changed"):
        source.read(ALL)


def test_a_truncated_gzip_file_is_refused_and_leaves_nothing(plain, tmp_path, scratch):
    packed = tmp_path / "cube.fits.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes())[:-30])
    assert "gzip stream breaks off" in refusal(packed)
    assert not list(scratch.rglob("*.*"))


def test_a_damaged_gzip_file_is_refused(plain, tmp_path):
    packed = bytearray(gzip.compress(plain.read_bytes()))
    packed[-6] ^= 0xFF
    (tmp_path / "cube.fits.gz").write_bytes(packed)
    assert "damaged gzip" in refusal(tmp_path / "cube.fits.gz")


def test_a_gzip_file_of_something_else_is_refused(tmp_path):
    (tmp_path / "text.fits.gz").write_bytes(gzip.compress(b"hello"))
    assert "holds no FITS" in refusal(tmp_path / "text.fits.gz")


def test_no_room_to_unpack_is_said(plain, tmp_path, monkeypatch):
    packed = tmp_path / "cube.fits.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))

    def full(original, file):
        file.write(b"some")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tessellar.io.compressed.gunzip", full)
    with pytest.raises(OutputError, match=r"no room .* TMPDIR"):
        open_source(packed)


def test_a_scratch_folder_of_another_user_is_refused(tmp_path, scratch, monkeypatch):
    monkeypatch.setattr("os.getuid", lambda: 12345)
    path = tmp_path / "cube.fits.gz"
    path.write_bytes(gzip.compress(b"SIMPLE"))
    with pytest.raises(OutputError, match="another user"):
        Scratch.of(path).path()


@pytest.mark.parametrize("dtype", ["i2", "i4", "f4", "f8"])
@pytest.mark.parametrize("tile", [(1, 1, 5), (2, 6, 5), (3, 4, 3)])
def test_a_tile_compressed_file_reads_like_the_plain_one(tmp_path, dtype, tile):
    stored = numbers((4, 5, 6), dtype)
    if dtype[0] == "i":
        stored = stored % 1000
    path = tmp_path / "cube.fits.fz"
    made = header({"l": 6, "m": 5, "spectral": 4}, BITPIX=BITPIX[dtype])
    coded = "RICE_1" if dtype[0] == "i" else "GZIP_2"
    options = {"compression_type": coded, "tile_shape": tile, "quantize_level": 0.0}
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(stored, made, **options)]).writeto(path)
    with fits.open(path, disable_image_compression=True, mode="update") as parts:
        parts[1].header["BSCALE"], parts[1].header["BZERO"] = 0.5, 3.0
        if dtype[0] == "i":
            parts[1].header["BLANK"] = int(stored.flat[0])
    source = open_source(path)
    expected = (stored * 0.5 + 3.0).astype(np.float32).transpose(0, 2, 1)
    if dtype[0] == "i":
        expected[stored.transpose(0, 2, 1) == stored.flat[0]] = np.nan
    assert source.meta.shape == (4, 6, 5)
    assert source.meta.unit == "Jy / beam"
    np.testing.assert_array_equal(source.read(ALL), expected)


def test_a_tile_compressed_image_is_unpacked_a_layer_at_a_time(tmp_path):
    path = tmp_path / "cube.fits.fz"
    fits.CompImageHDU(numbers((1, 9, 8, 7)), tile_shape=(1, 2, 3, 7), quantize_level=0.0).writeto(path)
    sizes = []

    class Recorder:
        def write(self, data):
            sizes.append(memoryview(data).nbytes)

    unpack_image(path, 1, Recorder())
    assert sizes == [4 * 2 * 8 * 7] * 4 + [4 * 8 * 7]


def test_quantised_floats_keep_their_blanks(tmp_path):
    voxels = numbers((3, 40, 30))
    voxels[1, 2, 3] = np.nan
    path = tmp_path / "cube.fz"
    fits.CompImageHDU(voxels, header({"l": 30, "m": 40, "spectral": 3})).writeto(path)
    read = open_source(path).read(Box((0, 0, 0), (3, 30, 40)))
    expected = fits.getdata(path).transpose(0, 2, 1)
    np.testing.assert_array_equal(read, expected)
    assert np.isnan(read[1, 3, 2])
    assert np.isnan(read).sum() == 1


def test_a_broken_tile_is_refused(tmp_path):
    path = tmp_path / "cube.fits.fz"
    fits.CompImageHDU(numbers((3, 8, 8)), compression_type="GZIP_1").writeto(path)
    damaged = bytearray(path.read_bytes())
    damaged[-2880 : -2880 + 400] = bytes(400)
    path.write_bytes(damaged)
    source = open_source(path)
    with pytest.raises(InputError, match=r"compressed image \[1\] .* damaged"):
        source.read(Box((0, 0, 0), (3, 8, 8)))
