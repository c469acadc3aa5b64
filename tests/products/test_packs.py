"""Packs of cubelets: the same files as without, in few zip files, with memory that does not grow with their number."""

from __future__ import annotations

import tracemalloc
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from memory_cube import MemorySource, meta_of
from product_runs import done_by, find

import tessellar as ts
from tessellar.api import export
from tessellar.engine.find import cubelet_files
from tessellar.engine.find.cubelet_files import PER_PACK, PRODUCTS
from tessellar.engine.find.product_files import ProductRun, Products, write_products
from tessellar.engine.journal import Journal
from tessellar.errors import InputError
from tessellar.io.pack import IN_MEMORY, Packs, packing, unpack
from tessellar.report.cubelet_store import CubeletStore
from tessellar.report.run_folder import read_run

SINGLE = Products(cubelets=None, margin=3, mask=False, maps=False)
PACKED = replace(SINGLE, packed=True)


def many() -> MemorySource:
    """A field of 72 small sources."""
    voxels = np.random.default_rng(0).normal(size=(12, 90, 80)).astype(np.float32)
    for x in range(4, 90, 10):
        for y in range(4, 80, 10):
            voxels[4:8, x : x + 3, y : y + 3] += 12
    return MemorySource(voxels, meta_of(voxels.shape))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ProductRun:
    made = find(many(), tmp_path_factory.mktemp("many") / "run")
    assert len(made.sources) > PER_PACK
    return made


@pytest.fixture(scope="module")
def packed(run: ProductRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packed")
    write_products(replace(run, folder=folder), PACKED)
    return folder / "cubelets"


def files_in(folder: Path) -> dict[str, bytes]:
    """Return the content of every file in the packs of a folder."""
    found = {}
    for path in sorted(folder.iterdir()):
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
            found |= {name: archive.read(name) for name in archive.namelist()}
    return found


def test_packs_hold_the_very_files(run: ProductRun, packed: Path, tmp_path: Path) -> None:
    write_products(replace(run, folder=tmp_path), SINGLE)
    single = {path.name: path.read_bytes() for path in (tmp_path / "cubelets").iterdir()}
    assert len(single) == len(PRODUCTS) * len(run.sources)
    assert files_in(packed) == single
    assert len(list(packed.iterdir())) == -(-len(run.sources) // PER_PACK)


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_any_executor_writes_the_same_bytes(
    run: ProductRun, packed: Path, tmp_path: Path, executor: str
) -> None:
    with done_by(run, executor, folder=tmp_path) as other:
        write_products(other, PACKED)
    wanted = {path.name: path.read_bytes() for path in packed.iterdir()}
    assert {path.name: path.read_bytes() for path in (tmp_path / "cubelets").iterdir()} == wanted


def test_a_damaged_pack_is_written_again_and_single_files_give_way(
    run: ProductRun, packed: Path, tmp_path: Path
) -> None:
    (tmp_path / "cubelets").mkdir()
    (tmp_path / "cubelets" / "memory_7_mom0.fits").touch()
    wanted = {path.name: path.read_bytes() for path in packed.iterdir()}
    with Journal(tmp_path, {}) as journal:
        mine = replace(run, folder=tmp_path, journal=journal)
        write_products(mine, PACKED)
        first = tmp_path / "cubelets" / min(wanted)
        first.write_bytes(first.read_bytes()[:-9] + b"something")
        (report,) = write_products(mine, PACKED)
    assert report.resumed == len(wanted) - 1
    assert {path.name: path.read_bytes() for path in (tmp_path / "cubelets").iterdir()} == wanted


def test_memory_does_not_grow_with_the_number_of_sources(
    run: ProductRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cubelet_files, "PER_PACK", 4)

    def peak(count: int) -> int:
        tracemalloc.start()
        write_products(replace(run, folder=tmp_path / str(count)), replace(PACKED, cubelets=count))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    for count in (3, 4, 32):
        (tmp_path / str(count)).mkdir()
    peak(3)  # libraries and compiled code are loaded
    few, most = peak(4), peak(32)
    a_source = sum(path.stat().st_size for path in (tmp_path / "32" / "cubelets").iterdir()) // 32
    assert most - few < a_source  # 28 more are written


def test_exports_of_packs_are_those_of_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cubelet_files, "PER_PACK", 4)
    for name, products in (("single", SINGLE), ("packed", PACKED)):
        kind = replace(products, cubelets=6)
        ts.find_sources(many(), ts.SmoothAndClip(), products=kind, executor="serial", out=tmp_path / name)
        export(tmp_path / name, tmp_path / f"{name}_sofia", format="sofia")
    one, other = (
        {
            str(path.relative_to(tmp_path / f"{name}_sofia")): path.read_bytes()
            for path in sorted((tmp_path / f"{name}_sofia").rglob("*"))
            if path.is_file()
        }
        for name in ("single", "packed")
    )
    assert len([name for name in one if name.endswith("_cube.fits")]) == 6
    assert one == other
    assert "Gallery" in (tmp_path / "packed" / "report.html").read_text()
    assert "cannot be read" not in (tmp_path / "packed" / "report.html").read_text()
    store = CubeletStore(read_run(tmp_path / "packed"))
    pack = min((tmp_path / "packed" / "cubelets").iterdir())
    pack.write_bytes(pack.read_bytes()[:100])
    assert len(store.sources()) == 2


def test_a_large_file_waits_on_disk_and_comes_out_whole(tmp_path: Path) -> None:
    content = bytes(range(256)) * (IN_MEMORY // 256 + 1)
    with packing(tmp_path / "sky_3-9.zip") as pack, pack.file("b") as one, pack.file("a") as other:
        one.write(content)
        other.write(b"small")
    packs = Packs(tmp_path, "sky")
    assert [packs.holding(n) is not None for n in (2, 3, 6, 9, 10)] == [False, True, True, True, False]
    assert list(packs.names()) == ["a", "b"]
    (tmp_path / "out").mkdir()
    unpack(tmp_path / "sky_3-9.zip", ["b", "missing"], tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["b"]
    assert (tmp_path / "out" / "b").read_bytes() == content
    (tmp_path / "sky_3-9.zip").write_bytes(content)
    with pytest.raises(InputError, match="is damaged"):
        unpack(tmp_path / "sky_3-9.zip", ["b"], tmp_path / "out")
