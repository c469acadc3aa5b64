"""Outputs that would replace what is read, each other, or files of another kind: refused, and nothing is lost."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cli.cli_calls import call, complaint

import tessellar as ts

SKY = "procedural://hi?shape=16,24,24&seed=1"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    for name in ("one.fits", "two.fits", "three.zarr"):
        ts.convert(SKY, folder / name, executor="serial")
    ts.find_sources(
        folder / "one.fits", out=folder / "run", executor="serial", products=ts.Products(report=False)
    )
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def content(folder: Path) -> dict[str, bytes]:
    files = (file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("tune one.fits --out one.fits", "exists and is no .toml file"),
        ("tune one.fits --json one.fits", "exists and is no .json file"),
        ("match run run --json one.fits", "exists and is no .json file"),
        ("match run run --json run/run.json", "belongs to the run in that folder"),
        ("score sdc2 run run --json one.fits", "exists and is no .json file"),
        ("score sdc2 run run --json run/run.json", "belongs to the run in that folder"),
        ("score sdc2 run run --plot one.fits", "exists and is no .png or .pdf or .svg file"),
        ("score sdc2 run run --plot x.png --json x.png", "is the name of two outputs"),
        ("power one.fits --out one.fits --overwrite", "which is read"),
        ("power one.fits --cross two.fits --out two.fits --overwrite", "which is read"),
        ("export run one.fits --format sdc2 --overwrite", "is no earlier export"),
        ("export run run/catalogue.ecsv --format sdc2 --overwrite", "belongs to the run in that folder"),
        ("export run x.txt --format sdc2 --errors one.fits --overwrite", "is no earlier export"),
        ("export run x.txt --format sdc2 --errors run/catalogue.ecsv --overwrite", "belongs to the run"),
        ("export run x.txt --format sdc2 --errors ./x.txt", "is the name of two outputs"),
        ("denoise one.fits one.fits --overwrite", "which is read"),
        ("denoise three.zarr ./three.zarr --overwrite", "which is read"),
        ("denoise one.fits three.zarr --truth three.zarr --overwrite", "which is read"),
        ("foregrounds one.fits one.fits --overwrite", "which is read"),
        ("foregrounds one.fits x.fits --foreground one.fits --overwrite", "which is read"),
        ("foregrounds one.fits two.fits --halves one.fits two.fits --overwrite", "which is read"),
        ("foregrounds one.fits two.fits --inject two.fits --overwrite", "which is read"),
        ("convert one.fits[0] one.fits --overwrite", "which is read"),
    ],
)
def test_nothing_is_lost(words: str, said: str, folder: Path) -> None:
    before = content(folder)
    assert said in complaint(call(*words.split()), 2)
    assert content(folder) == before


def test_small_files_of_their_own_kind_are_replaced(folder: Path) -> None:
    for name in ("x.json", "run/score.json"):
        for _ in range(2):
            assert call("match", "run", "run", "--json", name).exit_code == 0
        assert (folder / name).read_text().startswith("{")


def test_an_earlier_submission_is_replaced(folder: Path) -> None:
    words = ["export", "run", "x.txt", "--format", "sdc2", "--errors", "x.ecsv"]
    assert call(*words).exit_code == 0
    assert call(*words, "--overwrite").exit_code == 0
    assert (folder / "x.txt").read_text().startswith("id ra dec ")
