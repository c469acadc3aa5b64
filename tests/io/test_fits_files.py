"""Files as they come: with extensions, cut short, damaged, of another kind, or with odd names."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from cubes import hdu_bytes, header, numbers, refusal, write_cube
from hypothesis import given, settings
from hypothesis import strategies as st

from tessellar.errors import CubeNotFoundError, InputError
from tessellar.io.fits import FitsSource
from tessellar.io.open import open_source
from tessellar.io.wcs import sky_position
from tessellar.report.describe import describe
from tessellar.tiling.box import Box

STORED = numbers((4, 6, 5))
ALL = Box((0, 0, 0), (4, 6, 5))


@pytest.fixture
def plain(tmp_path) -> Path:
    return write_cube(tmp_path / "cube.fits", STORED)


def several(path: Path) -> Path:
    """Write a file with an empty primary part, an image, two cubes and a table."""
    cube = header({"l": 6, "m": 5, "spectral": 4})
    parts = [
        fits.PrimaryHDU(),
        fits.ImageHDU(numbers((5, 6)), name="FLAT"),
        fits.ImageHDU(STORED.transpose(0, 2, 1), cube, name="SCI"),
        fits.ImageHDU(-STORED.transpose(0, 2, 1), cube, name="ERR"),
        fits.BinTableHDU.from_columns([fits.Column("A", "E", array=[1.0])], name="TAB"),
    ]
    fits.HDUList(parts).writeto(path)
    return path


@pytest.mark.parametrize(("suffix", "sign"), [("", 1), ("[SCI]", 1), ("[2]", 1), ("[err]", -1), ("[3]", -1)])
def test_extensions_by_name_and_number(tmp_path, suffix, sign):
    path = several(tmp_path / "many.fits")
    source = open_source(f"{path}{suffix}")
    assert source.meta.name == f"many.fits{suffix}"
    np.testing.assert_array_equal(source.read(ALL), sign * STORED)


def test_extensions_that_are_no_cube(tmp_path):
    path = several(tmp_path / "many.fits")
    assert "6 x 5 pixels" in refusal(f"{path}[FLAT]")
    assert "tables only (TAB)" in refusal(f"{path}[TAB]")
    assert "it has [0] primary, [1] FLAT, [2] SCI" in refusal(f"{path}[NONE]")


def test_a_truncated_file_is_refused_with_both_sizes(plain):
    whole = plain.read_bytes()
    start = len(whole) - 2880
    plain.write_bytes(whole[: start + 479])
    text = refusal(plain)
    assert "truncated" in text
    assert str(start + 480) in text
    assert str(start + 479) in text
    plain.write_bytes(whole[: start + 480])
    np.testing.assert_array_equal(open_source(plain).read(ALL), STORED)


def test_bytes_after_the_last_part_do_not_matter(plain):
    plain.write_bytes(plain.read_bytes() + b"garbage" * 1000)
    np.testing.assert_array_equal(open_source(plain).read(ALL), STORED)


def random_groups() -> bytes:
    made = fits.Header()
    made["SIMPLE"], made["BITPIX"], made["NAXIS"] = True, -32, 3
    made["NAXIS1"], made["NAXIS2"], made["NAXIS3"] = 0, 3, 4
    made["GROUPS"], made["PCOUNT"], made["GCOUNT"] = True, 2, 5
    return made.tostring().encode() + bytes(2880)


def broken(**cards: object) -> bytes:
    made = header({"l": 6, "m": 5, "spectral": 4})
    made.update(cards)
    return hdu_bytes(made, STORED)


BAD = {
    "empty.fits": (b"", "is empty"),
    "text.fits": (b"Dear colleague,\nhere is the cube.\n", "is a text file"),
    "picture.fits": (b"\x89PNG\r\n\x1a\n" + bytes(100), "is a PNG picture"),
    "noise.fits": (bytes(range(128, 256)) * 20, "is no FITS file"),
    "zeros.fits": (bytes(5760), "is no FITS file"),
    "h5.fits": (b"\x89HDF\r\n\x1a\n", "is an HDF5 file"),
    "noend.fits": (b"SIMPLE  =                    T".ljust(5760), "no END card"),
    "short.fits": (b"SIMPLE  =", "no END card"),
    "bitpix.fits": (broken(BITPIX=12), "BITPIX = 12"),
    "naxis.fits": (header({}).tostring().encode().replace(b"NAXIS   =", b"NOAXIS  ="), "NAXIS = absent"),
    "nodata.fits": (hdu_bytes(fits.PrimaryHDU().header, np.zeros(0, "f4")), "it holds no data"),
    "noaxis.fits": (broken(NAXIS3=0), "it holds no data"),
    "groups.fits": (random_groups(), "visibilities"),
    "stokes.fits": (broken(CTYPE3="STOKES"), "no spectral axis"),
    "negative.fits": (broken(NAXIS2=-5), "it holds no data"),
    "huge.fits": (broken(NAXIS1=10**9, NAXIS2=10**9), "truncated"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_cube_is_refused_in_a_sentence(tmp_path, name):
    content, words = BAD[name]
    (tmp_path / name).write_bytes(content)
    assert words in refusal(tmp_path / name)


def test_a_table_only_file_is_refused(tmp_path):
    table = fits.BinTableHDU.from_columns([fits.Column("A", "E", array=[1.0])], name="SOURCES")
    table.writeto(tmp_path / "t.fits")
    assert "tables only (SOURCES)" in refusal(tmp_path / "t.fits")


@pytest.mark.parametrize("cut", range(0, 2880, 311))
def test_any_cut_of_a_header_is_refused(plain, cut):
    plain.write_bytes(plain.read_bytes()[:cut])
    refusal(plain)


def test_a_header_with_unreadable_cards_opens(tmp_path):
    path = write_cube(tmp_path / "c.fits", STORED, OBJECT="M 31", EQUINOX=2000.0)
    whole = path.read_bytes()
    for old, new in ((b"OBJECT  = 'M 31", b"OBJECT  = \xfcM 31"), (b"EQUINOX =     ", b"EQUINOX =  2,0")):
        assert old in whole
        whole = whole.replace(old, new)
    path.write_bytes(whole)
    source = open_source(path)
    np.testing.assert_array_equal(source.read(ALL), STORED)
    assert "OBJECT  = ?M 31" in source.meta.header


ODD_VALUES = [
    "'RA---XYZ'", "'VOPT-F2W'", "'FREQ-TAB'", "'STOKES'", "'WAVE'", "'VELO-F2V'", "'GLS'", "'unclosed", "'abc'", "2,5",
    "1E400", "1E-300", "-1", "0", "0.0", "90.0", "-90.0", "NaN", "999999999999", "T", "",
]  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    odd=st.lists(st.tuples(st.integers(1, 27), st.sampled_from(ODD_VALUES)), min_size=1, max_size=4),
    bits=st.lists(st.tuples(st.integers(80, 28 * 80 - 1), st.integers(0, 255)), max_size=2),
)
def test_however_a_header_is_damaged_it_gives_a_cube_or_a_sentence(odd, bits):
    damaged = bytearray(hdu_bytes(header({"l": 6, "m": 5, "spectral": 4}), STORED))
    for card, value in odd:
        damaged[80 * card + 10 : 80 * card + 80] = value.ljust(70).encode()
    for place, byte in bits:
        damaged[place] = byte
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "c.fits"
        path.write_bytes(damaged)
        try:
            source = open_source(path)
        except InputError:
            return
        assert describe(source).isascii()
        positions = sky_position(source.meta, [0.0], [0.0], [0.0])
    assert all(values.shape == (1,) for values in positions.values())


def test_the_header_is_kept_card_by_card(tmp_path):
    path = write_cube(tmp_path / "c.fits", STORED, OBJECT="it's")
    made = header({"l": 6, "m": 5, "spectral": 4}, OBJECT="it's")
    assert open_source(path).meta.header == made.tostring(sep="\n", endcard=False, padding=False).rstrip("\n")


HOSTILE = ["with space.fits", "größe.fits", "a[1].fits", "[x]", "two\nlines.fits", "-o", "ü\udc80"]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_names(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    write_cube(Path(name), STORED)
    source = open_source(name)
    np.testing.assert_array_equal(source.read(ALL), STORED)
    assert source.meta.name.isprintable()
    Path(name).write_bytes(b"")
    assert "is empty" in refusal(name)


ABSENT = ["gone.fits", "gone\n.fits", "no/such/folder.fits", "cube.fits/x", "gone.fits[SCI]"]


@pytest.mark.parametrize("name", ABSENT)
def test_a_missing_file_is_named(plain, name, monkeypatch):
    monkeypatch.chdir(plain.parent)
    assert re.match(r"There is no cube .*\.", refusal(name, CubeNotFoundError))


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b", "s3://bucket/cube.zarr", "https://x.org/c.fits"])
def test_what_is_no_file_name_is_refused(name):
    refusal(name)


def test_folders_are_told_apart(tmp_path):
    assert "without zarr.json" in refusal(tmp_path)
    (tmp_path / "table.dat").touch()
    assert "CASA image" in refusal(tmp_path)
    (tmp_path / ".zgroup").touch()
    assert "version 2" in refusal(tmp_path)


def test_a_pipe_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe.fits")
    assert "neither a file nor a folder" in refusal(tmp_path / "pipe.fits")


def test_a_link_to_itself_is_refused(tmp_path):
    (tmp_path / "loop.fits").symlink_to(tmp_path / "loop.fits")
    refusal(tmp_path / "loop.fits")


def test_an_unreadable_file_is_said(plain, monkeypatch):
    def denied(self, *args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    assert "may not be read" in refusal(plain)


def test_a_file_may_be_opened_without_open_source(tmp_path):
    (tmp_path / "text.fits").write_bytes(b"hello")
    with pytest.raises(InputError, match="no FITS file"):
        FitsSource(tmp_path / "text.fits")
