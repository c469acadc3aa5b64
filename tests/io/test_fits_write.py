"""FITS files that we write: the voxels where astropy expects them, the header as it was, whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_cube import card, header_of, meta_of, names_in, noisy, numbered

from tessellar.errors import OutputError, UsageError
from tessellar.io import fits_write
from tessellar.io.fits import FitsSource
from tessellar.io.fits_write import FitsSink
from tessellar.io.sinks import open_sink
from tessellar.io.zarr_store import ZarrSink
from tessellar.model import Beam, FloatArray, SpectralAxis
from tessellar.tiling.box import Box

SHAPE = (10, 11, 13)


def write_all(sink: FitsSink, voxels: FloatArray, order: list[int] | None = None) -> None:
    sink.begin()
    digests = {
        index: sink.write(index, voxels[sink.pieces[index].slices()])
        for index in (range(len(sink.pieces)) if order is None else order)
    }
    sink.publish(digests[index] for index in range(len(sink.pieces)))
    sink.tidy()


def in_file_order(voxels: FloatArray, axes: tuple[str, ...]) -> FloatArray:
    """Return the array that astropy must find: the last FITS axis first, short axes where the header has them."""
    numbers = {"z": 0, "l": 1, "m": 2}
    cube = voxels.transpose([numbers[axis] for axis in reversed(axes) if axis in numbers])
    return cube.reshape([voxels.shape[numbers[axis]] if axis in numbers else 1 for axis in reversed(axes)])


orders = st.permutations(["l", "m", "z", "stokes"]) | st.permutations(["l", "m", "z"])


@settings(max_examples=40, deadline=None)
@given(
    data=st.data(),
    shape=st.tuples(*[st.integers(1, 40)] * 3),
    axes=orders,
    voxels=st.sampled_from([1, 99, 4000, 10**7]),
)
def test_any_axis_order_and_any_cut_give_the_file_that_astropy_expects(data, shape, axes, voxels):
    cube = noisy(shape)
    meta = meta_of(shape, header=header_of(shape, axes))
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(fits_write, "PIECE_VOXELS", voxels)
        sink = FitsSink(Path(folder) / "a.fits", meta)
        assert sum(box.size for box in sink.pieces) == cube.size
        write_all(sink, cube, data.draw(st.permutations(range(len(sink.pieces)))))
        assert names_in(folder) == ["a.fits"]
        with fits.open(Path(folder) / "a.fits") as file:
            file.verify("exception")
            assert file[0].data.dtype == ">f4"
            np.testing.assert_array_equal(file[0].data, in_file_order(cube, tuple(axes)))
            assert file[0].header.tostring(sep="\n", endcard=False, padding=False) == meta.header
        source = FitsSource(Path(folder) / "a.fits")
        assert source.meta.header == meta.header
        np.testing.assert_array_equal(source.read(Box.of_shape(shape)), cube)


def test_the_voxel_that_says_where_it_is(tmp_path):
    write_all(FitsSink(tmp_path / "a.fits", meta_of(SHAPE)), numbered(SHAPE))
    assert fits.getdata(tmp_path / "a.fits")[7, 12, 5] == 70512  # frequency, m, l


@pytest.mark.parametrize(
    ("shape", "piece"),
    [
        ((100, 128, 128), (100, 128, 128)),  # 6 MiB: one piece
        ((6668, 643, 643), (40, 643, 643)),  # whole planes of 1.6 MB
        ((6668, 5851, 5851), (16, 5851, 160)),  # planes of 137 MB: rows, a multiple of a chunk's 32
        ((4, 60000, 60000), (4, 60000, 64)),
        ((3, 10**7, 50), (3, 10**7, 1)),
    ],
)
def test_a_piece_is_about_64_mib_and_lies_well_in_the_file(shape, piece):
    assert fits_write._piece(shape, (0, 2, 1)) == piece


def cards_of(path: Path) -> list[str]:
    return FitsSource(path).meta.header.split("\n")


def test_only_what_describes_the_numbers_is_replaced(tmp_path):
    kept = [
        card("BPA", "12.5", "kept"),
        "HISTORY BSCALE was fine",
        "COMMENT  two  spaces",
        card("DATAMIN", "1.0"),
    ]
    gone = [card("BLANK", -32768), card("BSCALE", "2.0"), card("BZERO", "1.0"), card("DATASUM", "'1'")]
    text = header_of(SHAPE, extra=[gone[0], kept[0], *gone[1:3], *kept[1:3], gone[3], kept[3]])
    text = text.replace(card("BITPIX", -32), card("BITPIX", 16))
    write_all(FitsSink(tmp_path / "a.fits", meta_of(SHAPE, header=text)), noisy(SHAPE))
    found = cards_of(tmp_path / "a.fits")
    assert [line.rstrip() for line in found[-4:]] == [line.rstrip() for line in kept]
    assert not {line[:8].strip() for line in found} & {"BLANK", "BSCALE", "BZERO", "DATASUM"}
    assert found[1].startswith(card("BITPIX", -32).rstrip())
    with fits.open(tmp_path / "a.fits") as file:
        file.verify("exception")
        np.testing.assert_array_equal(file[0].data, in_file_order(noisy(SHAPE), ("l", "m", "z")))


def test_scaling_cards_that_change_nothing_stay(tmp_path):
    text = header_of(SHAPE, extra=[card("BSCALE", "1.0"), card("BZERO", "0.0")])
    write_all(FitsSink(tmp_path / "a.fits", meta_of(SHAPE, header=text)), noisy(SHAPE))
    assert cards_of(tmp_path / "a.fits") == text.split("\n")


def test_the_cards_of_an_extension_become_those_of_a_primary_image(tmp_path):
    text = header_of(SHAPE).replace(card("SIMPLE", "T"), "XTENSION= 'IMAGE   '".ljust(80))
    text += "\n" + "\n".join(
        [card("PCOUNT", 0), card("GCOUNT", 1), card("EXTVER", 2), card("EXTNAME", "'SCI     '")]
    )
    write_all(FitsSink(tmp_path / "a.fits", meta_of(SHAPE, header=text)), noisy(SHAPE))
    with fits.open(tmp_path / "a.fits") as file:
        file.verify("exception")
        assert file[0].header["SIMPLE"] is True
        assert file[0].header["EXTNAME"] == "SCI"
        assert not {"PCOUNT", "GCOUNT", "EXTVER", "XTENSION"} & set(file[0].header)


def test_an_axis_of_which_one_plane_was_read_becomes_short(tmp_path):
    text = header_of(SHAPE, ("l", "stokes", "m", "z")).replace(
        card("NAXIS2", 1, "a length"), card("NAXIS2", 4)
    )
    write_all(FitsSink(tmp_path / "a.fits", meta_of(SHAPE, header=text)), noisy(SHAPE))
    assert fits.getdata(tmp_path / "a.fits").shape == (10, 13, 1, 11)


def test_a_header_of_another_shape_is_not_believed(tmp_path):
    meta = meta_of(SHAPE, header=header_of((9, 9, 9)))
    write_all(FitsSink(tmp_path / "a.fits", meta), numbered(SHAPE))
    source = FitsSource(tmp_path / "a.fits")
    np.testing.assert_array_equal(source.read(Box.of_shape(SHAPE)), numbered(SHAPE))
    assert source.meta.pixel_size == (0.01, 0.02)


BARE = {
    "all is known": {},
    "no sky": {"wcs_header": "", "pixel_size": None},
    "velocities": {
        "wcs_header": "",
        "pixel_size": None,
        "spectral": SpectralAxis("v_opt", "m/s", tuple(5e3 * i for i in range(10)), 1.42e9, "BARYCENT"),
    },
    "bare channels": {
        "wcs_header": "",
        "pixel_size": None,
        "beams": (),
        "unit": "",
        "spectral": SpectralAxis("channel", "", tuple(map(float, range(10)))),
    },
}


@pytest.mark.parametrize("changes", list(BARE.values()), ids=list(BARE))
def test_a_cube_without_a_header_gets_one_that_says_what_is_known(tmp_path, changes):
    meta = meta_of(SHAPE, header="", **changes)
    write_all(FitsSink(tmp_path / "a.fits", meta), numbered(SHAPE))
    with fits.open(tmp_path / "a.fits") as file:
        file.verify("exception")
    source = FitsSource(tmp_path / "a.fits")
    np.testing.assert_array_equal(source.read(Box.of_shape(SHAPE)), numbered(SHAPE))
    found = source.meta
    assert (found.unit, found.beams, found.pixel_size) == (meta.unit, meta.beams, meta.pixel_size)
    assert (found.spectral.kind, found.spectral.frame) == (meta.spectral.kind, meta.spectral.frame)
    np.testing.assert_allclose(found.spectral.values, meta.spectral.values, rtol=1e-12)


def single(value: float) -> float:
    return float(np.float32(value)) * (1 / 3600)


@pytest.mark.parametrize("kind", ["single precision arcseconds", "any numbers"])
def test_the_beams_of_the_channels_come_back(tmp_path, kind):
    if kind == "any numbers":
        beams = tuple(Beam(0.003 + i / 7000, 0.002 + i / 9000, 10 * i / 3) for i in range(10))
    else:
        beams = tuple(
            Beam(single(12.3 + i), single(8.1 + i / 3), float(np.float32(i / 7))) for i in range(10)
        )
    write_all(FitsSink(tmp_path / "a.fits", meta_of(SHAPE, beams=beams)), noisy(SHAPE))
    found = FitsSource(tmp_path / "a.fits").meta.beams
    if kind == "any numbers":
        np.testing.assert_allclose(
            [(b.major, b.minor, b.pa) for b in found], [(b.major, b.minor, b.pa) for b in beams]
        )
    else:
        assert found == beams
    with fits.open(tmp_path / "a.fits") as file:
        file.verify("exception")
        assert file["BEAMS"].columns["BMAJ"].unit == "arcsec"
        np.testing.assert_array_equal(file["BEAMS"].data["CHAN"], range(10))


@pytest.fixture
def small_pieces(monkeypatch) -> None:
    """Pieces of three planes: four in a cube of SHAPE."""
    monkeypatch.setattr(fits_write, "PIECE_VOXELS", 3 * 11 * 13)
    monkeypatch.setattr(fits_write, "_DEPTH", 3)


def part(sink: FitsSink, voxels: FloatArray, index: int) -> FloatArray:
    return voxels[sink.pieces[index].slices()]


def test_an_interrupted_file_goes_on_and_missing_pieces_are_not_published(tmp_path, small_pieces):
    voxels = noisy(SHAPE)
    sink = FitsSink(tmp_path / "a.fits", meta_of(SHAPE))
    assert not sink.resumable
    sink.begin()
    digests = {index: sink.write(index, part(sink, voxels, index)) for index in (0, 3)}
    again = FitsSink(tmp_path / "a.fits", meta_of(SHAPE))
    assert again.resumable
    again.begin()
    assert [again.verify(index, digests[3]) for index in range(4)] == [False, False, False, True]
    with pytest.raises(OutputError, match="2 of 4 pieces are written"):
        again.publish(digests.values())
    again.tidy()
    assert names_in(tmp_path) == [".a.fits.partial"]
    digests |= {index: again.write(index, part(again, voxels, index)) for index in (1, 2)}
    assert all(again.verify(index, digest) for index, digest in digests.items())
    again.publish(digests[index] for index in range(4))
    again.tidy()
    assert names_in(tmp_path) == ["a.fits"]
    np.testing.assert_array_equal(FitsSource(tmp_path / "a.fits").read(Box.of_shape(SHAPE)), voxels)


def test_a_late_worker_of_a_run_with_another_cube_changes_nothing(tmp_path, small_pieces):
    voxels, late = noisy(SHAPE), FitsSink(tmp_path / "a.fits", meta_of(SHAPE), content="before")
    now = FitsSink(tmp_path / "a.fits", meta_of(SHAPE), content="now")
    late.begin()
    now.begin()
    digest = now.write(0, part(now, 2 * voxels, 0))
    with pytest.raises(OutputError, match="came too late"):
        late.write(0, part(late, voxels, 0))
    assert now.verify(0, digest)


def test_a_file_of_another_content_starts_again(tmp_path, small_pieces):
    sink = FitsSink(tmp_path / "a.fits", meta_of(SHAPE))
    sink.begin()
    digest = sink.write(0, part(sink, noisy(SHAPE), 0))
    other = FitsSink(tmp_path / "a.fits", meta_of(SHAPE), content="other")
    assert not other.resumable
    other.begin()
    assert not other.verify(0, digest)


@pytest.mark.parametrize("axes", [("l", "m", "z"), ("m", "z", "l"), ("z", "stokes", "l", "m")])
@pytest.mark.parametrize("size", [99, 10**7])
def test_every_byte_of_the_voxels_belongs_to_the_digest_of_one_piece(tmp_path, monkeypatch, axes, size):
    monkeypatch.setattr(fits_write, "PIECE_VOXELS", size)
    shape = (3, 4, 5)
    sink = FitsSink(tmp_path / "a.fits", meta_of(shape, header=header_of(shape, axes)))
    sink.begin()
    digests = [sink.write(index, part(sink, noisy(shape), index)) for index in range(len(sink.pieces))]
    assert sum(int.from_bytes(digest[:8], "little") for digest in digests) == 4 * 60
    (file,) = (path for path in tmp_path.rglob("a.fits") if path.is_file())
    whole = file.read_bytes()
    first = whole.index(b"END" + b" " * 77) // 2880 * 2880 + 2880
    for at in range(first, first + 4 * 60):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert [sink.verify(index, digest) for index, digest in enumerate(digests)].count(False) == 1


@pytest.mark.parametrize("keep", [0, 1000, 4000, 8000])
def test_a_cut_file_gets_its_size_and_header_again_and_the_lost_pieces_are_known(
    tmp_path, small_pieces, keep
):
    voxels = noisy(SHAPE)
    sink = FitsSink(tmp_path / "a.fits", meta_of(SHAPE))
    sink.begin()
    digests = [sink.write(index, part(sink, voxels, index)) for index in range(4)]
    (file,) = (path for path in tmp_path.rglob("a.fits") if path.is_file())
    whole = file.read_bytes()
    file.write_bytes(whole[:keep])
    sink.begin()
    assert file.stat().st_size == len(whole)
    lost = [index for index, digest in enumerate(digests) if not sink.verify(index, digest)]
    assert lost == list(range(max(0, (keep - 2880) // (4 * 3 * 11 * 13)), 4))
    for index in lost:
        assert sink.write(index, part(sink, voxels, index)) == digests[index]
    assert file.read_bytes() == whole


def test_a_disk_that_is_too_small_is_noticed_before_any_work(tmp_path, monkeypatch):
    def full(handle: int, offset: int, size: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    sink = FitsSink(tmp_path / "a.fits", meta_of(SHAPE))
    with monkeypatch.context() as patch:
        patch.setattr(os, "posix_fallocate", full)
        with pytest.raises(OutputError, match="no space is left"):
            sink.begin()
    write_all(sink, noisy(SHAPE))


def test_an_existing_file_is_replaced_only_when_asked(tmp_path):
    (tmp_path / "a.fits").write_text("precious")
    with pytest.raises(OutputError, match="exists already"):
        FitsSink(tmp_path / "a.fits", meta_of(SHAPE)).begin()
    assert (tmp_path / "a.fits").read_text() == "precious"
    write_all(FitsSink(tmp_path / "a.fits", meta_of(SHAPE), overwrite=True), numbered(SHAPE))
    assert fits.getdata(tmp_path / "a.fits")[9, 0, 0] == 90000


def test_the_suffix_chooses_the_sink():
    meta = meta_of(SHAPE)
    assert isinstance(open_sink("a.zarr", meta, codec="none"), ZarrSink)
    assert isinstance(open_sink(Path("A.FITS"), meta, content="x", overwrite=True, codec=None), FitsSink)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("cube", {}, "no suffix"),
        ("cube.fits.gz", {}, ".gz"),
        ("cube.h5", {}, ".h5"),
        ("cube.fits", {"codec": "zstd", "shard": (1, 1, 1)}, "shard, codec is for Zarr"),
    ],
)
def test_an_output_of_another_kind_is_refused(name: str, options: dict[str, Any], words: str):
    with pytest.raises(UsageError, match=words):
        open_sink(name, meta_of(SHAPE), **options)
