"""What belongs to one denoised cube is not replaced by what belongs to another of that stem."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from memory_cube import MemorySource, meta_of

import tessellar as ts
from tessellar.engine.companion import Companion
from tessellar.errors import UsageError

SHAPE = (12, 40, 40)


def test_the_record_of_another_cube_is_kept(tmp_path: Path) -> None:
    cube = MemorySource(np.random.default_rng(1).normal(size=SHAPE).astype(np.float32), meta_of(SHAPE))
    ts.denoise(cube, ts.Gaussian(), out=tmp_path / "q.zarr", executor="serial")
    record = tmp_path / "q.denoise" / "run.json"
    before = record.read_bytes()
    assert json.loads(before)["result"] == "q.zarr"
    with pytest.raises(UsageError, match=r"belongs to q\.zarr"):
        ts.denoise(cube, ts.Gaussian(), out=tmp_path / "q.fits", executor="serial", overwrite=True)
    assert record.read_bytes() == before
    assert not (tmp_path / "q.fits").exists()
    ts.denoise(cube, ts.Gaussian(), out=tmp_path / "q.zarr", executor="serial", overwrite=True)


@pytest.mark.parametrize(
    "record", ["{", "[]", '{"result": 3}', '{"result": "../q.zarr"}', '{"result": "gone.zarr"}']
)
def test_a_record_that_names_no_cube_is_in_nobodys_way(record: str, tmp_path: Path) -> None:
    folder = Companion.beside(tmp_path / "q.fits", "denoise")
    folder.path.mkdir()
    (folder.path / "run.json").write_text(record)
    folder.check()


@pytest.mark.parametrize("kernel", [ts.Gaussian(), ts.Starlet2D1D(2, 2)])
def test_the_plan_tells_at_most_what_a_denoising_reads(kernel: ts.Gaussian, tmp_path: Path) -> None:
    cube = MemorySource(np.random.default_rng(1).normal(size=SHAPE).astype(np.float32), meta_of(SHAPE))
    made = ts.denoise(cube, kernel, out=tmp_path / "q.zarr", executor="serial")
    read = sum(stage["bytes_read"] for stage in made.info["stages"].values())
    planned = ts.plan_denoising(cube, kernel, executor="serial")
    assert read <= 4 * planned.halo_overhead * np.prod(SHAPE) + planned.bytes_sampled < 3 * read
