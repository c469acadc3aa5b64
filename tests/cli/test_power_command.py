"""``tessellar power`` and ``tessellar score sdc3a``: from cubes to a table, from folders to figures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from cli_calls import call, complaint, write_cube

from tessellar.cli.bands import bands

SHAPE = (24, 40, 36)  # frequency, m, l


@pytest.fixture(scope="module")
def halves(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two cubes in kelvin with the same sky."""
    folder = tmp_path_factory.mktemp("halves")
    sky = np.random.default_rng(0).normal(size=SHAPE)
    cards = {"BUNIT": "K", "CRVAL3": 150e6, "CDELT1": -0.05, "CDELT2": 0.05}
    paths = []
    for seed in (1, 2):
        voxels = sky + np.random.default_rng(seed).normal(size=SHAPE)
        paths.append(write_cube(folder / f"half{seed}.fits", voxels.astype(np.float32), **cards))
    return paths[0], paths[1]


def test_a_table_of_the_power_is_written(halves: tuple[Path, Path], empty_folder: Path) -> None:
    from astropy.table import QTable

    words = ("--cross", halves[1], "--bands", "150-151.2,151.2-152.4,160-170", "--field", "1.5")
    result = call("power", halves[0], "--out", "power.ecsv", *words)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("20 bins with power in 150-151.2 MHz, 151.2-152.4 MHz: power.ecsv")
    assert "modes 1/1" in result.stderr.replace("  ", " ")
    assert "The band 160-170 MHz is left out: the cube does not cover it." in result.stderr
    table = QTable.read("power.ecsv")
    assert table.colnames == ["band_low", "band_high", "k_par", "k_perp", "power", "sigma", "n_modes"]
    assert str(table["power"].unit) == "Mpc3 K2"
    assert np.count_nonzero(table["n_modes"]) == 20  # ten bins of k_perp, one of k_par, two bands
    assert complaint(call("power", halves[0], "--out", "power.ecsv"), 2).endswith("ask to overwrite it.")
    del empty_folder


def test_executors_write_the_same_bytes(halves: tuple[Path, Path], empty_folder: Path) -> None:
    for name in ("serial", "processes"):
        words = ("--out", f"{name}.ecsv", "--executor", name, "--workers", 2, "--quiet")
        result = call("power", halves[0], "--cross", halves[1], "--no-sample-variance", *words)
        assert (result.exit_code, result.stdout) == (0, "")
    assert Path("serial.ecsv").read_bytes() == Path("processes.ecsv").read_bytes()
    assert sorted(path.name for path in empty_folder.iterdir()) == ["processes.ecsv", "serial.ecsv"]


def test_other_bins_can_be_given(halves: tuple[Path, Path], empty_folder: Path) -> None:
    from astropy.table import QTable

    words = ("--k-par-edges", "0,1,2", "--k-perp-edges", "0.1,0.2,0.3,0.4")
    assert call("power", halves[0], "--out", "power.ecsv", *words).exit_code == 0
    table = QTable.read("power.ecsv")
    assert len(table) == 6
    assert (table["n_modes"] > 0).all()
    assert set(table["k_par"].value) == {0.5, 1.5}
    none = call("power", halves[0], "--out", "none.ecsv", "--k-perp-edges", "50,60")
    assert none.stdout.startswith("0 bins with power")
    assert "no bin has modes: the cube has other scales. Choose other edges" in none.stderr
    del empty_folder


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (("--k-par-edges", "0.2,0.1"), 2, "k_par do not ascend"),
        (("--k-perp-edges", "-1,0"), 2, "is less than 0"),
        (("--bands", "150"), 2, "is not sdc3a nor a list of bands"),
        (("--bands", "152-150"), 2, "is none"),
        (("--bands", "a-b"), 2, "not a number"),
        (("--bands", "sdc3a"), 3, "covers none of the bands"),
        (("--field", "9"), 2, "A field of 9 degrees was asked for"),
        (("--taper", "kaiser"), 2, "'kaiser' is not known"),
        (("--no-sample-variance",), 2, "need two cubes"),
        (("--cross", "nowhere.fits"), 3, "nowhere.fits"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    words: tuple[str, ...], code: int, expected: str, halves: tuple[Path, Path], empty_folder: Path
) -> None:
    assert expected in complaint(call("power", halves[0], "--out", "power.ecsv", *words), code)
    assert list(empty_folder.iterdir()) == []


def test_a_cube_of_another_kind_is_refused(cube: Path, tmp_path: Path) -> None:
    from astropy.io import fits

    voxels = fits.getdata(cube)
    velocities = write_cube(tmp_path / "v.fits", voxels, CTYPE3="VRAD", CUNIT3="m/s", CDELT3=1e3, BUNIT="K")
    assert "velocity axis" in complaint(call("power", velocities, "--out", tmp_path / "p.ecsv"), 3)


def test_a_submission_is_scored(tmp_path: Path) -> None:
    for folder, name, value in (
        ("mine", "Team_166.0MHz-181.0MHz", 3.0),
        ("mine", "Team_166.0MHz-181.0MHz_errors", 1.0),
        ("truth", "TestDatasetTRUTH_166MHz-181MHz", 2.0),
    ):
        (tmp_path / folder).mkdir(exist_ok=True)
        np.savetxt(tmp_path / folder / f"{name}.data", np.full((10, 10), value))
    figures = tmp_path / "score.json"
    result = call("score", "sdc3a", tmp_path / "mine", tmp_path / "truth", "--json", figures)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-3].split() == ["all", "100", "0", "1", "1.000", "1.000", "-61.6"]
    record = json.loads(figures.read_text())
    assert record["median_residual"] == 1.0
    assert record["log_score"] == pytest.approx(-100 * (0.5 / np.log(10) + 0.5 * np.log10(2 * np.pi)))
    assert list(record["bands"]) == ["166MHz-181MHz"]


def test_folders_that_cannot_be_scored_are_refused(tmp_path: Path) -> None:
    assert "holds no power spectrum" in complaint(call("score", "sdc3a", tmp_path, tmp_path), 3)
    assert "is no folder" in complaint(call("score", "sdc3a", tmp_path / "none", tmp_path), 3)


def test_bands_of_a_file_are_pairs_of_numbers() -> None:
    assert bands([[152.0, 158.0], [160, 170]]) == bands("152-158,160-170") == ((152.0, 158.0), (160.0, 170.0))
    for wrong in ([[152.0]], [152.0, 158.0], [[152.0, -1.0]], 152.0):
        with pytest.raises(ValueError, match="is no"):
            bands(wrong)
