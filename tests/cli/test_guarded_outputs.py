"""Outputs that would replace what is read, each other, or files of another kind: refused, and nothing is lost."""

from __future__ import annotations

import json
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
        ("foregrounds one.fits x.fits --halves two.fits two.fits", "Both halves are"),
        ("foregrounds one.fits x.fits --modes 16", "Removing 16 modes leaves nothing of 16 channels"),
        ("power one.fits --cross one.fits --out x.ecsv", "with itself is its power, noise included"),
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


def test_a_figure_of_no_points_is_drawn_without_a_word(folder: Path) -> None:
    done = call("score", "sdc2", "run", "run", "--plot", "x.png", "--json", "x.json")
    assert (done.exit_code, done.stderr) == (0, "")
    assert (folder / "x.png").read_bytes().startswith(b"\x89PNG")


def test_a_separation_is_no_unfinished_run(folder: Path) -> None:
    assert call("foregrounds", "one.fits", "clean.fits", "--executor", "serial", "--no-power").exit_code == 0
    for form in ("sofia", "fits", "sdc2"):
        done = call("export", "clean.foregrounds", "x", "--format", form)
        assert "belongs to a separation of foregrounds" in complaint(done, 3)


def test_the_score_says_what_a_run_lacks(folder: Path) -> None:
    info = json.loads((folder / "run" / "run.json").read_text())
    info["cube"]["spectral"] = {"kind": "channel", "unit": ""}
    (folder / "run" / "run.json").write_text(json.dumps(info))
    assert "no run.json that can be read" not in complaint(call("score", "sdc2", "run", "run"), 3)


def test_a_table_that_cannot_be_read_has_a_short_reason(folder: Path) -> None:
    (folder / "t.txt").write_text("a header\n1 2 3\n")
    (folder / "t.ecsv").write_bytes((folder / "run" / "catalogue.ecsv").read_bytes()[:5000])
    for name in ("t.txt", "t.ecsv"):
        said = complaint(call("match", name, "run"), 3)
        assert "()" not in said
        assert len(said) < 500


@pytest.mark.parametrize(
    "words",
    ["info three.zarr --verify", "match run run", "score sdc2 run run", "report run"],
)
def test_what_is_quiet_prints_nothing(words: str, folder: Path) -> None:
    done = call(*words.split(), "--quiet")
    assert (done.exit_code, done.output) == (0, "")
