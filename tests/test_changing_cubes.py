"""A cube that becomes another one while it is read gives no result; the same command gives that of the new one."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tessellar as ts
from tessellar.api import simulate
from tessellar.errors import InputError
from tessellar.model import Progress
from tessellar.simulate.hi import HiSky

SHAPE = (32, 48, 48)


class Changing:
    """Somebody who changes a cube when a stage begins."""

    def __init__(self, stage: str, change: Callable[[], object]) -> None:
        self.stage, self.change, self.changed = stage, change, False

    def begin(self, stage: str, total: int) -> None:
        if stage == self.stage and not self.changed:
            self.changed = True
            self.change()

    def progress(self, event: Progress) -> None:
        pass

    def say(self, text: str) -> None:
        pass

    def end(self, stage: str) -> None:
        pass


@pytest.fixture
def cubes(tmp_path: Path) -> tuple[Path, Path]:
    """Two cubes of the same shape."""
    for seed, name in ((1, "cube.fits"), (2, "other.fits")):
        simulate(HiSky(SHAPE, seed, n_sources=4, flux_range=(100.0, 900.0)), tmp_path / name)
    return tmp_path / "cube.fits", tmp_path / "other.fits"


def find(cube: Path, out: Path, **more: Any) -> None:
    ts.find_sources(cube, out=out / "run", **more)


def denoise(cube: Path, out: Path, **more: Any) -> None:
    ts.denoise(cube, ts.Gaussian(), out=out / "out.fits", **more)


def separate(cube: Path, out: Path, **more: Any) -> None:
    ts.separate_foregrounds(cube, ts.PCA(1), out=out / "out.zarr", power=False, **more)


def convert(cube: Path, out: Path, **more: Any) -> None:
    ts.convert(cube, out / "out.zarr", **more)


VERBS = [(find, "detect"), (find, "maps"), (denoise, "denoise"), (separate, "separate"), (convert, "copy")]
WAYS: dict[str, Callable[[Path, Path], object]] = {
    "renamed": lambda other, cube: other.replace(cube),
    "rewritten": lambda other, cube: cube.write_bytes(other.read_bytes()),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("verb", "stage"), VERBS)
def test_nothing_is_made_of_two_cubes(
    tmp_path: Path, cubes: tuple[Path, Path], verb: Callable[..., None], stage: str, way: str
) -> None:
    cube, other = cubes
    out = tmp_path / "out"
    out.mkdir()
    changing = Changing(stage, lambda: WAYS[way](other, cube))
    with pytest.raises(InputError, match=r"cube\.fits was changed while it was read"):
        verb(cube, out, observer=changing)
    assert changing.changed
    assert not list(out.glob("out.*"))
    assert not list(out.glob("run/catalogue.*"))


def test_a_zarr_cube_too(tmp_path: Path, cubes: tuple[Path, Path]) -> None:
    cube, other = (ts.convert(path, path.with_suffix(".zarr")) for path in cubes)
    changing = Changing("detect", lambda: shutil.copytree(other / "SKY", cube / "SKY", dirs_exist_ok=True))
    with pytest.raises(InputError, match=r"cube\.zarr was changed while it was read"):
        ts.find_sources(cube, out=tmp_path / "run", observer=changing)


def test_a_cube_that_is_gone_at_the_end_costs_nothing_once_it_is_back(
    tmp_path: Path, cubes: tuple[Path, Path]
) -> None:
    cube, _ = cubes
    away = tmp_path / "away.fits"
    with pytest.raises(InputError, match=r"cannot be told: There is no cube .*Repeat the command to resume"):
        find(cube, tmp_path, observer=Changing("cubelets", lambda: cube.rename(away)))
    assert not list(tmp_path.glob("run/catalogue.*"))
    away.rename(cube)
    run = ts.find_sources(cube, out=tmp_path / "run")
    assert run.info["stages"]["detect"]["resumed"] == run.info["stages"]["detect"]["n_units"]


def test_a_store_that_is_gone_reads_as_blank_so_all_is_done_again(
    tmp_path: Path, cubes: tuple[Path, Path]
) -> None:
    cube, away = ts.convert(cubes[0], tmp_path / "cube.zarr"), tmp_path / "away.zarr"
    with pytest.raises(InputError, match=r"cube\.zarr was changed while it was read"):
        find(cube, tmp_path, observer=Changing("cubelets", lambda: cube.rename(away)))
    away.rename(cube)
    run = ts.find_sources(cube, out=tmp_path / "run")
    assert not any(stage["resumed"] for stage in run.info["stages"].values())


def test_what_is_read_beside_a_cube_too(tmp_path: Path, cubes: tuple[Path, Path]) -> None:
    cube, other = cubes
    weights = shutil.copy(other, tmp_path / "weights.fits")
    recipe = ts.Preconditioning(weights=weights)
    changing = Changing("detect", lambda: Path(weights).write_bytes(cube.read_bytes()))
    with pytest.raises(InputError, match=r"weights\.fits was changed while it was read"):
        ts.find_sources(cube, out=tmp_path / "run", preconditioning=recipe, observer=changing)


def test_the_first_cube_come_back_is_searched_anew(tmp_path: Path, cubes: tuple[Path, Path]) -> None:
    cube, other = cubes
    kept = shutil.move(shutil.copy2(cube, tmp_path / "kept.fits"), tmp_path / "kept.fits")
    with pytest.raises(InputError):
        find(cube, tmp_path, observer=Changing("detect", lambda: other.replace(cube)))
    shutil.copy2(kept, cube)
    find(cube, tmp_path)
    ts.find_sources(cube, out=tmp_path / "again")
    first, second = (tmp_path / name / "catalogue.ecsv" for name in ("run", "again"))
    assert first.read_bytes() == second.read_bytes()
