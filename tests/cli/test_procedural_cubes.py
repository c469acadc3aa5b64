"""Procedural cubes where a path stands: every command takes the address, and what is found is what is there."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import numpy as np
import pytest
from cli_calls import call, catalogues_in, complaint

import tessellar
from tessellar.challenge.match import match
from tessellar.simulate.procedural import ProceduralSky
from tessellar.simulate.procedural_truth import procedural_truth
from tessellar.simulate.truth import read_truth
from tessellar.tiling.box import Box

ADDRESS = "procedural://hi?shape=64,192,160&seed=4&flux_range=300,1500&sources_per_mvoxel=6"
SMALL = "procedural://hi?shape=20,40,30&seed=1"
HUGE = "procedural://hi?shape=65536,8192,8192"
BAD_INPUT = 3


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("procedural") / "run"
    result = call("find", ADDRESS, "--out", folder, "--executor", "serial", "--no-report")
    assert result.exit_code == 0, result.output
    assert "voxels of procedural hi 4" in result.stdout
    return folder


def test_bright_sources_are_found_where_they_are(run_folder: Path) -> None:
    from astropy.table import QTable

    truth = procedural_truth(tessellar.open_cube(ADDRESS))  # type: ignore[arg-type]
    bright = truth[truth["snr"] > 15]
    found = match(QTable.read(run_folder / "catalogue.ecsv"), bright)
    assert len(bright) >= 5
    assert found.completeness == 1.0


def test_many_tiles_find_what_one_does(run_folder: Path, tmp_path: Path) -> None:
    for name, tile in (("one", "64,192,160"), ("many", "24,60,50")):
        words = ("--tile", tile, "--executor", "serial", "--no-report", "-q")
        assert call("find", "--no-report", ADDRESS, "--out", tmp_path / name, *words).exit_code == 0
        assert catalogues_in(tmp_path / name) == catalogues_in(run_folder)
    assert json.loads((tmp_path / "many" / "run.json").read_text())["n_tiles"] == 3 * 4 * 4


def test_settings_of_a_run_name_the_cube_by_its_address(run_folder: Path, tmp_path: Path) -> None:
    assert tomllib.loads((run_folder / "run.toml").read_text())["find"]["cube"] == ADDRESS
    run = tessellar.find_sources(tessellar.open_cube(SMALL), executor="serial", out=tmp_path / "run")
    assert tomllib.loads((run.folder / "run.toml").read_text())["find"]["cube"] == SMALL


def test_info_describes_it() -> None:
    result = call("info", HUGE)
    assert result.exit_code == 0
    assert "65536 channels x 8192 x 8192 pixels" in result.stdout
    assert "0 bytes, as float32 in memory 16 TiB" in result.stdout
    assert "3e-05 Jy / beam" in result.stdout or "2.99e-05 Jy / beam" in result.stdout


def test_plan_answers_for_sixteen_tebibytes() -> None:
    result = call("plan", HUGE, "--memory", "4GiB", "--workers", "1")
    assert result.exit_code == 0
    assert "16 TiB as float32" in result.stdout


@pytest.mark.parametrize("name", ["cube.zarr", "cube.fits"])
def test_it_is_converted_like_any_cube(name: str, empty_folder: Path) -> None:
    del empty_folder
    assert call("convert", SMALL, name, "-q").exit_code == 0
    written, made = tessellar.open_cube(name), tessellar.open_cube(SMALL)
    assert (
        written.read(Box.of_shape((20, 40, 30))).tobytes() == made.read(Box.of_shape((20, 40, 30))).tobytes()
    )
    assert written.meta.spectral == made.meta.spectral
    assert written.meta.beams == made.meta.beams


@pytest.mark.parametrize("name", ["sky.zarr", "sky.fits"])
def test_simulate_writes_the_cube_and_its_truth(name: str, empty_folder: Path) -> None:
    words = ("--shape", "40,90,80", "--seed", "3", "--sources-per-mvoxel", "7", "--flux-range", "20,200")
    result = call("simulate", "procedural", name, *words)
    assert result.exit_code == 0, result.output
    sky = ProceduralSky("hi", (40, 90, 80), 3, sources_per_mvoxel=7, flux_range=(20, 200))
    truth = read_truth(empty_folder / "sky.truth.ecsv")
    assert truth["id"].tolist() == [row["id"] for row in sky.truth()]
    assert f"{name} holds {len(truth)} sources; their truth is in sky.truth.ecsv." in result.stdout
    cube = tessellar.open_cube(name)
    assert cube.read(Box.of_shape(sky.shape)).tobytes() == sky.read(Box.of_shape(sky.shape)).tobytes()
    assert np.isfinite(truth["ra"]).all()
    assert {entry.name for entry in empty_folder.iterdir()} == {name, "sky.truth.ecsv"}


def test_simulate_of_noise_alone_has_an_empty_truth(empty_folder: Path) -> None:
    words = ("--kind", "noise", "--shape", "4,8,8", "--quiet")
    result = call("simulate", "procedural", "sky.fits", *words)
    assert (result.exit_code, result.output) == (0, "")
    assert len(read_truth(empty_folder / "sky.truth.ecsv")) == 0


def test_simulate_does_not_replace_what_exists(empty_folder: Path) -> None:
    words = ("simulate", "procedural", "sky.fits", "--shape", "40,90,80", "-q")
    assert call(*words, "--seed", "1").exit_code == 0
    truth = (empty_folder / "sky.truth.ecsv").read_bytes()
    assert "sky.fits" in complaint(call(*words, "--seed", "2"), 2)
    assert (empty_folder / "sky.truth.ecsv").read_bytes() == truth
    assert call(*words, "--seed", "2", "--overwrite").exit_code == 0
    assert (empty_folder / "sky.truth.ecsv").read_bytes() != truth


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--kind", "eor"], "hi or noise"),
        (["--kind", "noise", "--sources-per-mvoxel", "1"], "no sources"),
        (["--sources-per-mvoxel", "8"], "7.63"),
        (["--shape", "1,1"], "3 are needed"),
        (["--shape", "9999999,8,8"], "1048576 channels"),
        (["--shape", "65536,8192,8192"], "about 1.76e+07 sources"),
        (["--seed", "9" * 40], "2^64"),
        (["--n-sources", "3"], "--n-sources"),
        (["--beam-arcsec", "1"], "2 to 12"),
    ],
)
def test_what_cannot_be_simulated_is_refused(words: list[str], expected: str, empty_folder: Path) -> None:
    assert expected in complaint(call("simulate", "procedural", "sky.fits", *words), 2)
    assert list(empty_folder.iterdir()) == []


@pytest.mark.parametrize("command", ["info", "plan", "find", "convert"])
def test_a_bad_address_is_one_sentence(command: str, empty_folder: Path) -> None:
    rest = {"find": ["--out", "out"], "convert": ["out.zarr"]}.get(command, [])
    for address, word in (("hi?shape=4,8", "3 numbers"), ("hi?sede=3\n\x1b[2J", "shape is missing")):
        assert word in complaint(call(command, f"procedural://{address}", *rest), BAD_INPUT)
    assert list(empty_folder.iterdir()) == []


def test_help_of_simulate_procedural_tells_of_addresses() -> None:
    result = call("simulate", "procedural", "--help")
    assert result.exit_code == 0
    assert "procedural://hi?shape=" in result.stdout


def test_python_reaches_the_store() -> None:
    import zarr

    array = zarr.open_group(tessellar.virtual_zarr(SMALL), mode="r")["SKY"]
    assert np.array_equal(array[0, :, 0], tessellar.open_cube(SMALL).read(Box.of_shape((20, 40, 30))))
