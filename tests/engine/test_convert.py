"""Converting a cube: there and back without loss, on any executor, again after any interruption."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_cube import MemorySource, header_of, meta_of, names_in, noisy, numbered

from tessellar.engine.convert import CopyStage, convert
from tessellar.engine.conveyor import passages
from tessellar.engine.executors import make_executor
from tessellar.errors import InputError, OutputError, UsageError
from tessellar.io.open import open_source
from tessellar.io.sinks import open_sink
from tessellar.io.zarr_store import ZarrSink
from tessellar.model import Observer, Progress, Source
from tessellar.tiling.box import Box

SHAPE = (10, 11, 13)
SMALL = {"shard": (4, 8, 8), "chunk": (4, 4, 4)}


def copy(
    source: Source, path: Path, executor: str = "serial", observer: Observer | None = None, **more: object
):
    sink = open_sink(path, source.meta, content=source.identity, **more)
    with make_executor(executor, workers=None if executor == "serial" else 2) as workers:
        return convert(source, sink, executor=workers, observer=observer)


def voxels_of(path: Path) -> np.ndarray:
    source = open_source(path)
    return source.read(Box.of_shape(source.meta.shape))


axes = st.permutations(["l", "m", "z", "stokes"]) | st.permutations(["l", "m", "z"])


@settings(max_examples=8, deadline=None)
@given(shape=st.tuples(*[st.integers(1, 20)] * 3), order=axes)
def test_fits_to_zarr_to_fits_is_the_same_file(shape, order):
    meta = replace(meta_of(shape, header=header_of(shape, order)), missing=())
    with TemporaryDirectory() as name:
        folder = Path(name)
        copy(MemorySource(noisy(shape), meta), folder / "a.fits")
        copy(open_source(folder / "a.fits"), folder / "b.zarr", **small_for(shape))
        copy(open_source(folder / "b.zarr"), folder / "c.fits")
        assert open_source(folder / "b.zarr").meta == open_source(folder / "a.fits").meta
        assert (folder / "a.fits").read_bytes() == (folder / "c.fits").read_bytes()
        np.testing.assert_array_equal(voxels_of(folder / "b.zarr"), noisy(shape))


def small_for(shape: tuple[int, int, int]) -> dict[str, tuple[int, ...]]:
    chunk = tuple(min(4, n) for n in shape)
    return {"chunk": chunk, "shard": tuple(2 * c for c in chunk)}


@pytest.mark.parametrize("executor", ["serial", "threads", "processes"])
def test_every_executor_copies_the_same(tmp_path, executor):
    copy(MemorySource(numbered(SHAPE), meta_of(SHAPE)), tmp_path / "a.fits")
    report = copy(open_source(tmp_path / "a.fits"), tmp_path / "b.zarr", executor, **SMALL)
    assert (report.done, report.n_units, report.voxels) == (12, 12, 1430)
    assert report.bytes_read == 4 * 1430
    np.testing.assert_array_equal(voxels_of(tmp_path / "b.zarr"), numbered(SHAPE))
    assert names_in(tmp_path) == ["a.fits", "b.zarr"]


def test_a_copy_keeps_the_beams_of_the_channels(tmp_path):
    from tessellar.model import Beam

    beams = tuple(Beam(float(np.float32(10 + i)) * (1 / 3600), 5 * (1 / 3600), float(i)) for i in range(10))
    source = MemorySource(noisy(SHAPE), meta_of(SHAPE, beams=beams))
    copy(source, tmp_path / "a.zarr", **SMALL)
    copy(open_source(tmp_path / "a.zarr"), tmp_path / "b.fits")
    copy(open_source(tmp_path / "b.fits"), tmp_path / "c.zarr", **SMALL)
    assert open_source(tmp_path / "b.fits").meta.beams == beams
    assert open_source(tmp_path / "c.zarr").meta.beams == beams


class Interrupting:
    """An observer that stops the run after some progress."""

    def __init__(self, after: int) -> None:
        self.after = after

    def begin(self, stage: str, total: int) -> None: ...

    def progress(self, event: Progress) -> None:
        if event.done >= self.after:
            raise KeyboardInterrupt

    def say(self, text: str) -> None: ...

    def end(self, stage: str) -> None: ...


@pytest.mark.parametrize("name", ["a.zarr", "a.fits"])
def test_an_interrupted_copy_goes_on_and_reads_nothing_twice(tmp_path, monkeypatch, name):
    from tessellar.io import fits_write

    monkeypatch.setattr(fits_write, "PIECE_VOXELS", 143)
    monkeypatch.setattr(fits_write, "_DEPTH", 1)
    options = SMALL if name == "a.zarr" else {}
    source = MemorySource(noisy(SHAPE), meta_of(SHAPE))
    with pytest.raises(KeyboardInterrupt):
        copy(source, tmp_path / name, observer=Interrupting(after=3), **options)
    assert names_in(tmp_path) == [f".{name}.partial"]
    first = source.reads
    report = copy(source, tmp_path / name, **options)
    assert 3 <= first < report.n_units
    assert report.resumed == first
    assert source.reads == report.n_units
    assert names_in(tmp_path) == [name]
    np.testing.assert_array_equal(voxels_of(tmp_path / name), noisy(SHAPE))


def test_another_cube_under_the_same_output_starts_again(tmp_path):
    source = MemorySource(noisy(SHAPE), meta_of(SHAPE))
    with pytest.raises(KeyboardInterrupt):
        copy(source, tmp_path / "a.zarr", observer=Interrupting(after=3), **SMALL)
    other = MemorySource(numbered(SHAPE), meta_of(SHAPE), identity="other")
    report = copy(other, tmp_path / "a.zarr", **SMALL)
    assert report.resumed == 0
    np.testing.assert_array_equal(voxels_of(tmp_path / "a.zarr"), numbered(SHAPE))


def test_what_cannot_be_read_is_said_and_the_rest_is_kept_for_the_next_try(tmp_path):
    source = MemorySource(noisy(SHAPE), meta_of(SHAPE), broken=[(9, 10, 12)])
    with pytest.raises(InputError, match=r"1 of 12 pieces of cube could not be copied.*bad sector"):
        copy(source, tmp_path / "a.zarr", **SMALL)
    assert not (tmp_path / "a.zarr").exists()
    source.broken.clear()
    assert copy(source, tmp_path / "a.zarr", **SMALL).resumed == 11
    np.testing.assert_array_equal(voxels_of(tmp_path / "a.zarr"), noisy(SHAPE))


def test_an_output_that_is_in_the_way_is_found_before_any_reading(tmp_path):
    source = MemorySource(noisy(SHAPE), meta_of(SHAPE))
    (tmp_path / "a.fits").write_text("precious")
    with pytest.raises(OutputError, match="exists already"):
        copy(source, tmp_path / "a.fits")
    assert source.reads == 0


def test_a_sink_of_another_shape_is_refused(tmp_path):
    sink = ZarrSink(tmp_path / "a.zarr", meta_of((9, 9, 9)))
    with make_executor("serial") as executor, pytest.raises(UsageError, match="shape"):
        convert(MemorySource(noisy(SHAPE), meta_of(SHAPE)), sink, executor=executor)


def test_the_stage_says_what_a_piece_cost_and_gives_back_its_digest(tmp_path):
    source = MemorySource(noisy(SHAPE), meta_of(SHAPE))
    sink = ZarrSink(tmp_path / "a.zarr", source.meta, **SMALL)
    sink.begin()
    stage = CopyStage(source, sink)
    (passage,) = passages(stage.worker(), [0], room=0)
    result = passage.value
    assert (result.voxels, result.bytes_read) == (256, 1024)
    assert result.seconds_read > 0
    assert result.seconds_write > 0
    assert result.payload.keys() == {"digest"}
    assert sink.verify(0, result.payload["digest"].tobytes())
    assert not sink.verify(1, result.payload["digest"].tobytes())
    assert stage.fingerprint != CopyStage(replace(source, identity="other"), sink).fingerprint
    assert pickle.loads(pickle.dumps(stage)).n_units == 12


CUBES = (
    "NGC4047.co.smo7msk.fits.gz",
    "NGC4324.fits",
    "empty_corner.fits",
    "eso121-g6.fits",
    "g035_n2hp.fits",
    "grs_13co_10x10.fits",
    "l1448_13co.fits",
    "ngc2903_b1950.fits",
    "ngc6946.fits",
)
NUMBERS = {"BITPIX", "BSCALE", "BZERO", "BLANK"}


@pytest.mark.parametrize("name", CUBES)
def test_a_real_cube_comes_back_as_it_was(data_dir, tmp_path, name):
    original = open_source(data_dir / "cubes" / name)
    copy(original, tmp_path / "a.zarr")
    assert open_source(tmp_path / "a.zarr").meta == original.meta
    copy(open_source(tmp_path / "a.zarr"), tmp_path / "b.fits")
    back = open_source(tmp_path / "b.fits")
    full = Box.of_shape(original.meta.shape)
    np.testing.assert_array_equal(back.read(full), original.read(full))
    found, cards = back.meta.header.split("\n"), original.meta.header.split("\n")
    keep = [line for line in cards if line[:8].strip() not in NUMBERS]
    assert [line for line in found if line[:8].strip() not in NUMBERS] == keep
    assert replace(back.meta, name=original.meta.name, header=original.meta.header) == original.meta


def test_a_real_table_of_beams_comes_back(data_dir, tmp_path):
    original = open_source(data_dir / "headers" / "small_perplanebeam.fits")
    copy(original, tmp_path / "a.zarr")
    copy(open_source(tmp_path / "a.zarr"), tmp_path / "b.fits")
    assert len(original.meta.beams) == 11
    assert open_source(tmp_path / "b.fits").meta.beams == original.meta.beams
    assert open_source(tmp_path / "b.fits").meta.header == original.meta.header


class Asked(MemorySource):
    """A cube that counts how often somebody asks who it is."""

    asked = 0

    @property
    def identity(self) -> str:  # type: ignore[override]
        self.asked += 1
        return "asked"

    @identity.setter
    def identity(self, text: str) -> None: ...


def test_a_cube_is_asked_who_it_is_a_few_times_however_many_pieces_it_has(tmp_path):
    source = Asked(noisy(SHAPE), meta_of(SHAPE))
    sink = open_sink(tmp_path / "out.zarr", source.meta, shard=(2, 4, 4), chunk=(2, 4, 4))
    with make_executor("threads", 2) as executor:
        report = convert(source, sink, executor=executor)
    assert report.n_units > 50
    assert 2 <= source.asked <= 4  # before and after, and for the record
