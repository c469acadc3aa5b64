"""STILTS, the program behind TOPCAT, reads the catalogue, finds no fault with it and writes it back unchanged."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from memory_cube import MemorySource, meta_of

import tessellar as ts

pytestmark = pytest.mark.skipif(shutil.which("stilts") is None, reason="no stilts on the PATH")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ts.Run:
    cube = np.random.default_rng(3).normal(size=(24, 60, 70)).astype(np.float32)
    cube[4:12, 10:18, 8:20] += 8
    cube[10:18, 40:50, 40:50] += 12
    meta = meta_of(cube.shape, pixel_size=(0.01, 0.02))
    out = tmp_path_factory.mktemp("stilts") / "run"
    return ts.find_sources(MemorySource(cube, meta), executor="serial", out=out)


def stilts(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["stilts", *words], capture_output=True, text=True, timeout=120, check=False)


def test_the_votable_has_no_fault(run: ts.Run) -> None:
    said = stilts("votlint", str(run.folder / "catalogue.vot"))
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


@pytest.mark.parametrize("file", ["catalogue.vot", "catalogue.ecsv", "catalogue.parquet"])
@pytest.mark.parametrize("back", ["fits", "votable"])
def test_every_value_unit_and_ucd_comes_back(run: ts.Run, tmp_path: Path, file: str, back: str) -> None:
    target = tmp_path / f"back.{back}"
    kind = {"vot": "votable"}.get(file.split(".")[1], file.split(".")[1])
    said = stilts("tcopy", f"in={run.folder / file}", f"ifmt={kind}", f"out={target}", f"ofmt={back}")
    if "No table handler available" in said.stderr:
        pytest.skip("this stilts comes without its reader of Parquet")
    assert said.returncode == 0, said.stderr
    found = Table.read(target, format="votable" if back == "votable" else "fits")
    plain = Table(run.catalogue)
    assert len(plain) == 2
    assert found.colnames == plain.colnames
    for name in plain.colnames:
        if name == "name":
            assert [str(value).strip() for value in found[name]] == plain[name].tolist()
            continue
        np.testing.assert_array_equal(
            np.ma.filled(np.ma.asarray(found[name]).astype(float), np.nan),
            np.asarray(plain[name], float),
            err_msg=name,
        )
        assert (found[name].unit or "") == (plain[name].unit or ""), name
    if back == "votable":
        ucds = {name: found[name].meta.get("ucd") for name in found.colnames}
        assert ucds == {name: plain[name].info.meta["ucd"] for name in plain.colnames}
