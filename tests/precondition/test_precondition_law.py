"""The law with every kind of preconditioning on: tiles, executors and interruptions never show in the catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conditioned import LINKER, catalogue_bytes, cube, degrees, find, sky
from hypothesis import given, settings
from hypothesis import strategies as st

import tessellar as ts
from tessellar.engine.precondition.recipe import Preconditioning
from tessellar.errors import UsageError
from tessellar.kernels.smooth_clip import SmoothAndClip

SHAPE = (64, 48, 40)
TILE = (23, 20, 17)
QUICK = ts.Products(report=False)


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Preconditioning:
    """Every kind of preconditioning at once."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "continuum.txt").write_text(degrees(15, 30))
    return Preconditioning(
        region=(2, 46, 1, 39, 0, 60),
        flag_region=((25, 25, 0, 39, 0, 63), (0, 47, 0, 39, 10, 10)),
        flag_catalog=folder / "continuum.txt",
        flag_radius=2,
        flag_auto="true",
        flag_threshold=4.0,
        contsub_order=1,
        ripple_filter="median",
        ripple_window_xy=21,
        ripple_interpolate=True,
        flag_cube=cube((scale(4) > 1.099).astype(np.float32)),
        scale_noise="local",
        scale_noise_window_xy=21,
        scale_noise_interpolate=True,
        gain=cube(scale(1) * 1.5),
        noise=cube(scale(2)),
        weights=cube(scale(3)[:1]),
        invert=True,
    )


def scale(seed: int) -> np.ndarray:
    """Return positive numbers that vary from voxel to voxel; some are missing."""
    values = np.random.default_rng(seed).uniform(0.9, 1.1, SHAPE).astype(np.float32)
    values[0, 9 + seed, 9] = np.nan
    return values


def source() -> Any:
    voxels = -sky(SHAPE) + np.float32(2) + np.linspace(0, 1, SHAPE[0], dtype=np.float32)[:, None, None]
    voxels[5] *= 3
    voxels[:, 33, 20] *= 5
    return cube(voxels)


@pytest.fixture(scope="module")
def whole(everything: Preconditioning) -> bytes:
    flagged = find(source(), everything).info["flagged"]
    assert [5, 5] in flagged["channels"]
    assert flagged["pixels"] > 0
    found = catalogue_bytes(source(), everything, tile=SHAPE)
    assert found.count(b"TSL J") >= 3
    return found


@given(tile=st.tuples(*(st.integers(n // 4, n) for n in SHAPE)))
@settings(max_examples=4)
def test_any_tiling_gives_the_same_catalogue(
    tile: tuple[int, int, int], everything: Preconditioning, whole: bytes
) -> None:
    assert catalogue_bytes(source(), everything, tile=tile) == whole


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_any_executor_gives_the_same_catalogue(
    executor: str, everything: Preconditioning, whole: bytes
) -> None:
    many = catalogue_bytes(source(), everything, executor=executor, workers=2, tile=TILE)
    assert many == whole


class Impatient:
    """Stops a run in the middle of a stage."""

    def __init__(self, stage: str) -> None:
        self.stage = stage

    def begin(self, stage: str, total: int) -> None: ...
    def say(self, text: str) -> None: ...
    def end(self, stage: str) -> None: ...

    def progress(self, event: Any) -> None:
        if event.stage == self.stage and event.done:
            raise KeyboardInterrupt


@pytest.mark.parametrize(
    "stage", ["continuum", "flag-pixels", "ripple", "noise-measured", "local-noise", "measure"]
)
def test_an_interrupted_run_goes_on(
    stage: str, everything: Preconditioning, whole: bytes, tmp_path: Path
) -> None:
    running = {"out": tmp_path / "run", "tile": TILE}
    with pytest.raises(KeyboardInterrupt):
        find(source(), everything, observer=Impatient(stage), **running)
    find(source(), everything, **running)
    assert (tmp_path / "run" / "catalogue.ecsv").read_bytes() == whole


@pytest.mark.parametrize(
    "other",
    [
        {"flag_region": (0, 1, 0, 1, 0, 1)},
        {"region": (0, 40, 0, 39, 0, 23)},
        {"invert": True},
        {"flag_auto": "channels"},
    ],
)
def test_a_run_is_not_resumed_with_other_preconditioning(other: dict[str, Any], tmp_path: Path) -> None:
    find(source(), out=tmp_path / "run")
    with pytest.raises(UsageError, match=f"{next(iter(other))} was .*, now "):
        find(source(), Preconditioning(**other), out=tmp_path / "run")
    assert (tmp_path / "run" / "catalogue.ecsv").exists()


def test_a_catalogue_of_flags_is_known_by_its_content(tmp_path: Path) -> None:
    catalog, moved = tmp_path / "continuum.txt", tmp_path / "moved.txt"
    catalog.write_text(degrees(15, 30))
    moved.write_text(degrees(15, 30) + "# the same\n")
    find(source(), Preconditioning(flag_catalog=catalog), out=tmp_path / "run")
    again = find(source(), Preconditioning(flag_catalog=moved), out=tmp_path / "run")
    assert again.info["stages"]["detect"]["resumed"] == again.info["n_tiles"]
    catalog.write_text(degrees(16, 30))
    with pytest.raises(UsageError, match="begun with something else"):
        find(source(), Preconditioning(flag_catalog=catalog), out=tmp_path / "run")


def test_a_recipe_that_does_nothing_changes_no_byte_and_reads_nothing_more(tmp_path: Path) -> None:
    plain, conditioned = source(), source()
    ts.find_sources(
        plain, SmoothAndClip(), linker=LINKER, products=QUICK, executor="serial", out=tmp_path / "plain"
    )
    ts.find_sources(
        conditioned,
        SmoothAndClip(),
        linker=LINKER,
        products=QUICK,
        executor="serial",
        out=tmp_path / "nothing",
        preconditioning=Preconditioning(),
    )
    assert plain.reads == conditioned.reads
    for name in ("catalogue.ecsv", "catalogue.vot", "catalogue.parquet"):
        assert (tmp_path / "plain" / name).read_bytes() == (tmp_path / "nothing" / name).read_bytes()
    assert b"preconditioning" not in (tmp_path / "plain" / "catalogue.ecsv").read_bytes()
