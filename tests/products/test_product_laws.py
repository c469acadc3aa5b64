"""Mask, maps and cubelets are the same, to the bit, for any tiling, any executor and any interruption."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from memory_cube import MemorySource, meta_of
from product_runs import done_by, find, product_digests, sky

import tessellar as ts
from tessellar.engine.find import cubelets, maps, windows
from tessellar.engine.find.cubelet_files import PRODUCTS as FILES
from tessellar.engine.find.product_files import ProductRun, Products, write_products
from tessellar.engine.journal import Journal

SHAPE = (30, 60, 300)  # two shards, three strips
PRODUCTS = Products(margin=3)
SKY = MemorySource(sky(SHAPE), meta_of(SHAPE))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[ProductRun, dict[str, str]]:
    run = find(SKY, tmp_path_factory.mktemp("whole") / "run")
    reports = write_products(run, PRODUCTS)
    assert [(r.name, r.failed) for r in reports] == [("mask", ()), ("maps", ()), ("cubelets", ())]
    assert reports[0].n_units == 2
    assert reports[1].n_units == 3
    assert reports[2].n_units == len(run.table) >= 5
    return run, product_digests(run.folder)


@pytest.mark.parametrize("tile", [(30, 60, 97), (7, 60, 300), (30, 13, 300), (11, 23, 41)])
def test_any_tiling(whole: tuple[ProductRun, dict[str, str]], tmp_path: Path, tile: tuple) -> None:
    run = find(SKY, tmp_path / "run", tile)
    assert run.layers[0].n_pieces > 2
    write_products(run, PRODUCTS)
    assert product_digests(run.folder) == whole[1]


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_any_executor(whole: tuple[ProductRun, dict[str, str]], tmp_path: Path, executor: str) -> None:
    with done_by(find(SKY, tmp_path / "run", (11, 23, 41)), executor) as run:
        write_products(run, PRODUCTS)
    assert product_digests(tmp_path / "run") == whole[1]


def test_any_pieces(
    whole: tuple[ProductRun, dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How the work is cut into strips, windows and slabs leaves no trace."""
    monkeypatch.setattr(maps, "STRIP_ROWS", 37)
    monkeypatch.setattr(windows, "WINDOW_VOXELS", 500)
    monkeypatch.setattr(windows, "CELL", 9)
    monkeypatch.setattr(cubelets, "WINDOW_VOXELS", 500)
    write_products(replace(whole[0], folder=tmp_path), PRODUCTS)
    assert product_digests(tmp_path) == whole[1]


class Impatient:
    """Stops a run when a stage has done some units."""

    def __init__(self, stage: str, units: int) -> None:
        self.stage, self.units = stage, units

    def begin(self, stage: str, total: int) -> None: ...
    def say(self, text: str) -> None: ...
    def end(self, stage: str) -> None: ...

    def progress(self, event: object) -> None:
        if event.stage == self.stage and event.done >= self.units:
            raise KeyboardInterrupt


@pytest.mark.parametrize("stage", ["mask", "maps", "cubelets"])
def test_an_interrupted_run_goes_on(
    whole: tuple[ProductRun, dict[str, str]], tmp_path: Path, stage: str
) -> None:
    run = find(SKY, tmp_path / "run", (11, 23, 41))
    with Journal(run.folder) as journal, pytest.raises(KeyboardInterrupt):
        write_products(replace(run, journal=journal, observer=Impatient(stage, 1)), PRODUCTS)
    with Journal(run.folder) as journal:
        reports = {r.name: r for r in write_products(replace(run, journal=journal), PRODUCTS)}
    assert reports[stage].resumed >= 1
    assert product_digests(run.folder) == whole[1]


def test_what_was_damaged_or_lost_is_written_again(
    whole: tuple[ProductRun, dict[str, str]], tmp_path: Path
) -> None:
    run = find(SKY, tmp_path / "run")
    with Journal(run.folder) as journal:
        write_products(replace(run, journal=journal), PRODUCTS)
    files = sorted((run.folder / "cubelets").glob("*_mom0.fits"))
    files[0].write_bytes(b"torn")
    files[1].unlink()
    (run.folder / "maps" / "mom1.fits").unlink()
    for shard in (run.folder / "mask.zarr" / "LABEL" / "c").rglob("0"):
        if shard.is_file():
            shard.write_bytes(b"torn")
    with Journal(run.folder) as journal:
        reports = {r.name: r for r in write_products(replace(run, journal=journal), PRODUCTS)}
    assert reports["cubelets"].n_units - reports["cubelets"].resumed == 2
    assert product_digests(run.folder) == whole[1]
    assert [path.name for path in run.folder.iterdir() if path.name.startswith(".")] == []


def test_a_strip_that_cannot_be_read_is_blank_and_the_rest_is_right(tmp_path: Path) -> None:
    from astropy.io import fits

    run = find(SKY, tmp_path / "run")
    z, x, y = 13, 23, 22  # inside a source, in the first strip
    sick = MemorySource(SKY.voxels, SKY.meta, broken=[(z, x, y)])
    reports = {r.name: r for r in write_products(replace(run, source=sick), Products(margin=1))}
    assert [f.unit for f in reports["maps"].failed] == [0]
    assert len(reports["cubelets"].failed) == 1
    well = find(SKY, tmp_path / "well")
    write_products(well, Products(cubelets=0, mask=False))
    for name in ("mom0", "mom1", "chan"):
        right = fits.getdata(well.folder / "maps" / f"{name}.fits")
        seen = fits.getdata(run.folder / "maps" / f"{name}.fits")
        assert all(value != value for value in seen[:128].ravel())  # NaN, also where BLANK says so
        assert ((seen[128:] == right[128:]) | (right[128:] != right[128:])).all()


def test_products_that_cannot_be_made_do_not_cost_the_catalogue(tmp_path: Path) -> None:
    shape = (12, 40, 40)
    voxels = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    voxels[3:7, 10:14, 10:15] += 20
    run = find(MemorySource(voxels, meta_of(shape)), tmp_path / "run")
    assert len(run.table) == 1
    sick = MemorySource(voxels, meta_of(shape), broken=[(1, 12, 12)])  # beside the source
    with Journal(run.folder) as journal:
        reports = write_products(replace(run, source=sick, journal=journal), Products(margin=4))
    assert [len(report.failed) for report in reports] == [0, 0, 1]
    assert "bad sector" in reports[2].failed[0].reason
    assert not list((run.folder / "cubelets").glob("*"))
    with Journal(run.folder) as journal:
        reports = write_products(replace(run, journal=journal), Products(margin=4))
    assert [report.failed for report in reports] == [(), (), ()]
    assert len(list((run.folder / "cubelets").glob("*"))) == len(FILES)


def test_a_run_without_a_folder_has_a_catalogue_and_no_products() -> None:
    run = ts.find_sources(SKY, executor="serial")
    assert len(run.catalogue) > 0
    assert not {path.name for path in run.folder.iterdir()} & {"mask.zarr", "maps", "cubelets", "report.html"}
