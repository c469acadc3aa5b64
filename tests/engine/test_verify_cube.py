"""A finished cube is proven piece by piece, and what was done to it since is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from memory_cube import meta_of, noisy

from tessellar.engine.executors import make_executor
from tessellar.engine.verify_cube import Verdict, verify_cube
from tessellar.io.fits_write import FitsSink
from tessellar.io.open import open_source
from tessellar.io.zarr_store import ZarrSink

SHAPE = (10, 11, 13)


def written(path: Path, **layout: object) -> Path:
    """Return a cube of noise whose seventh shard, of twelve, is blank."""
    voxels = noisy(SHAPE)
    voxels[4:8, 8:, :8] = np.nan
    sink = (
        ZarrSink(path, meta_of(SHAPE), **layout) if path.suffix == ".zarr" else FitsSink(path, meta_of(SHAPE))
    )
    sink.begin()
    sink.publish([sink.write(index, voxels[box.slices()]) for index, box in enumerate(sink.pieces)])
    sink.tidy()
    return path


def verdict_on(path: Path, executor: str = "serial") -> Verdict:
    with make_executor(executor, None if executor == "serial" else 2) as workers:
        return verify_cube(open_source(path), executor=workers)


@pytest.fixture(params=["zstd", "none"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return written(tmp_path / "a.zarr", shard=(4, 8, 8), chunk=(2, 4, 4), codec=request.param)


@pytest.mark.parametrize("executor", ["serial", "threads", "processes"])
def test_a_sound_store_is_proven_by_its_digests(store: Path, executor: str) -> None:
    assert verdict_on(store, executor) == Verdict(12, True, ())


@pytest.mark.parametrize("harm", ["gone", "empty", "cut", "flipped", "filled"])
def test_every_harm_is_found_and_named(store: Path, harm: str) -> None:
    shard = store / "SKY/c/0/1/0" / ("1/0" if harm == "filled" else "0/1")
    if harm == "gone":
        shard.unlink()
    elif harm == "filled":
        shard.parent.mkdir(exist_ok=True)
        shard.write_bytes((store / "SKY/c/0/0/0/1/0").read_bytes())
    else:
        content = bytearray(shard.read_bytes())
        content[5] ^= 1
        shard.write_bytes({"empty": b"", "cut": content[:-1]}.get(harm, bytes(content)))
    assert verdict_on(store) == Verdict(12, True, (f"{shard} is not what was written there.",))


def test_a_store_without_sound_digests_is_read(store: Path) -> None:
    (store / "SKY/digests.npy").write_bytes(b"torn")
    shard = store / "SKY/c/0/1/0/0/1"
    shard.write_bytes(shard.read_bytes()[:-1])
    verdict = verdict_on(store)
    assert (verdict.n_pieces, verdict.by_digest, len(verdict.damage)) == (12, False, 1)
    assert str(shard) in verdict.damage[0]


def test_a_fits_file_is_read(tmp_path: Path) -> None:
    path = written(tmp_path / "a.fits")
    assert verdict_on(path) == Verdict(1, False, ())
