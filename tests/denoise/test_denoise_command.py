"""``tessellar denoise`` and ``tessellar kernels``: words, exit codes, and kernels of other packages."""

from __future__ import annotations

from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from denoise_patches import Halving

import tessellar as ts
from tessellar.api import simulate
from tessellar.cli.kernel_words import documented_parameters
from tessellar.cli.program import program
from tessellar.kernels.denoise.starlet2d1d import Starlet2D1D
from tessellar.simulate.hi import HiSky
from tessellar.tiling.box import Box

SHAPE = (16, 40, 36)


def call(*words: object) -> Result:
    return CliRunner().invoke(program, [str(word) for word in words])


@pytest.fixture(scope="module")
def cube(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sky") / "sky.fits"
    simulate(HiSky(SHAPE, 2, n_sources=2, flux_range=(300.0, 900.0)), path)
    return path


@pytest.fixture(params=["tessellar.denoise", "tessellar.kernels"])
def added(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the kernel of the tests that of an installed package, beside one of another kind and one that is broken."""
    points = [
        EntryPoint("halving", "denoise_patches:Halving", request.param),
        EntryPoint("other", "tessellar.kernels.foregrounds.pca:PCA", "tessellar.kernels"),
        EntryPoint("broken", "no_such_module:Kernel", "tessellar.kernels"),
    ]

    def entry_points(**chosen: str) -> EntryPoints:
        return EntryPoints(points).select(**chosen)

    monkeypatch.setattr("tessellar.kernels.registry.entry_points", entry_points)


def test_a_cube_is_denoised_and_the_run_can_be_repeated(cube, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ("--kernel", "gaussian", "--set", "fwhm-xy=4", "--set", "width_z=1", "--executor", "serial")
    result = call("denoise", cube, "quiet.fits", *words)
    assert result.exit_code == 0, result.output
    assert "noise 29" in result.stdout
    assert "by gaussian" in result.stdout
    assert "below S/N 4 must not be measured" in result.stdout
    settings = Path("quiet.denoise/run.toml")
    assert "fwhm_xy = 4.0" in settings.read_text()
    assert call("denoise", cube, "again.fits", "--config", settings, "-q").exit_code == 0
    assert Path("again.fits").read_bytes() == Path("quiet.fits").read_bytes()
    assert sorted(path.name for path in Path("again.denoise").iterdir()) == [
        "denoise.npz",
        "report.html",
        "run.json",
        "run.toml",
    ]


def test_a_plan_computes_nothing(cube, tmp_path):
    result = call("denoise", cube, tmp_path / "quiet.zarr", "--plan", "--workers", "3", "--tile", "16,32,32")
    assert result.exit_code == 0
    assert "4 of 16 x 32 x 32" in result.stdout
    assert "30 x 14 x 14 on each side" in result.stdout
    assert "3 (threads)" in result.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_network_fits_the_memory_of_a_plan_that_was_told_none(tmp_path):
    sky = "procedural://hi?shape=200,400,400"
    result = call("denoise", sky, tmp_path / "quiet.zarr", "--kernel", "unet", "--plan", "--workers", "2")
    assert result.exit_code == 0, result.output
    assert "24 x 24 x 24 on each side" in result.stdout


def test_a_network_needs_no_memory_to_be_asked_for(tmp_path):
    sky = "procedural://hi?shape=256,256,256"
    result = call("denoise", sky, tmp_path / "quiet.zarr", "--plan", "--kernel", "unet", "--workers", "2")
    assert result.exit_code == 0, result.stderr
    assert "8 of 128 x 128 x 128" in result.stdout


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--kernel", "starlet"], "starlet2d1d"),
        (["--set", "treshold=3"], "threshold"),
        (["--set", "threshold"], "Write it like"),
        (["--set", "threshold=high"], "4.0"),
        (["--set", "scales_xy=9"], "1 to 6"),
        (["--uncertainty", "u.zarr"], "no uncertainty"),
        (["--tile", "0,1,1"], "--tile"),
        (["--memory", "100MiB"], "MiB"),
    ],
)
def test_what_is_asked_wrongly_is_told_in_one_sentence(cube, tmp_path, words, expected):
    result = call("denoise", cube, tmp_path / "quiet.zarr", *words)
    assert result.exit_code in (2, 3), result.output
    lines = [line for line in result.stderr.splitlines() if line.startswith("tessellar: error: ")]
    assert len(lines) == 1
    assert expected in lines[0]
    assert "Traceback" not in result.output
    assert list(tmp_path.iterdir()) == []


def test_an_output_that_exists_is_left_alone(cube, tmp_path):
    out = tmp_path / "quiet.zarr"
    out.mkdir()
    assert call("denoise", cube, out, "--kernel", "gaussian").exit_code in (2, 3)
    assert call("denoise", cube, tmp_path / "quiet.txt", "--kernel", "gaussian").exit_code == 2
    folder = tmp_path / "loud.denoise"
    folder.mkdir()
    (folder / "thesis.tex").touch()
    result = call("denoise", cube, tmp_path / "loud.zarr", "--kernel", "gaussian")
    assert result.exit_code == 2
    assert "thesis.tex" in result.stderr


@pytest.mark.usefixtures("added")
def test_a_kernel_of_another_package_is_found_and_its_failures_end_in_a_command(cube, tmp_path):
    out = tmp_path / "half.zarr"
    assert call("denoise", cube, out, "--kernel", "halving", "-q").exit_code == 0
    before, after = (ts.open_cube(path).read(Box.of_shape(SHAPE)) for path in (cube, out))
    assert np.array_equal(after, before * np.float32(0.5))
    limit = np.sort(before, axis=None)[-2]
    words = (
        "--kernel",
        "halving",
        "--set",
        f"limit={float(limit)!r}",
        "--overwrite",
        "-q",
        "--tile",
        "16,32,32",
    )
    result = call("denoise", cube, out, *words)
    assert result.exit_code == 1
    assert "To try again: tessellar denoise" in result.stderr
    assert "--fresh" in result.stderr
    assert 0.1 < np.isnan(ts.open_cube(out).read(Box.of_shape(SHAPE))).mean() < 0.9


@pytest.mark.usefixtures("added")
def test_kernels_are_listed_with_their_settings():
    result = call("kernels")
    assert result.exit_code == 0
    for words in ("starlet2d1d: ", "matched: ", "gaussian: ", "pca: ", "smooth-and-clip: ", "halving: "):
        assert words in result.stdout
    alone = call("kernels", "halving")
    assert "--set limit" in alone.stdout
    assert "What it cannot stand." in alone.stdout
    assert "gaussian" not in alone.stdout


def test_every_setting_of_our_kernels_is_explained():
    said = documented_parameters(Starlet2D1D.__doc__ or "")
    assert set(said) == {"scales_xy", "scales_z", "threshold", "shrink", "coarse"}
    assert documented_parameters(Halving.__doc__ or "") == {"limit": "What it cannot stand."}
    assert documented_parameters("Nothing.") == {}
