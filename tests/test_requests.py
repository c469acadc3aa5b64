"""What the verbs say to kernels of another kind, to tiles that are none, and to what is no cube."""

from __future__ import annotations

import gc
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray

import tessellar as ts
from tessellar.errors import InputError, UsageError
from tessellar.tiling.box import Box

CUBE = "procedural://noise?shape=8,16,16"
VERBS: dict[str, Callable[..., Any]] = {
    "plan": ts.plan,
    "find_sources": ts.find_sources,
    "plan_denoising": ts.plan_denoising,
    "denoise": ts.denoise,
    "plan_foregrounds": ts.plan_foregrounds,
    "separate_foregrounds": ts.separate_foregrounds,
}
KERNELS = {
    "find_sources and plan": [ts.SmoothAndClip(), ts.NetworkFinder()],
    "denoise and plan_denoising": [ts.Gaussian(), ts.Starlet2D1D(), ts.MatchedFilter(), ts.UNet()],
    "separate_foregrounds and plan_foregrounds": [ts.PCA(), ts.Polynomial(), ts.GaussianProcess()],
}


def calls(verb: str, folder: Path, **options: Any) -> Any:
    out = {} if verb.startswith("plan") else {"out": folder / "out.zarr"}
    return VERBS[verb](options.pop("cube", CUBE), options.pop("kernel", None), **out, **options)


@pytest.mark.parametrize("verb", VERBS)
def test_a_kernel_of_another_kind_is_sent_to_its_verbs(verb: str, tmp_path: Path) -> None:
    for verbs, kernels in KERNELS.items():
        for kernel in kernels if verb not in verbs.split(" and ") else ():
            with pytest.raises(UsageError, match=f"for {verbs}; .*{verb}.* take a "):
                calls(verb, tmp_path, kernel=kernel)
    with pytest.raises(UsageError, match="'pca' is no kernel"):
        calls(verb, tmp_path, kernel="pca")
    with pytest.raises(UsageError, match=r"PCA is a class.*PCA\(\)"):
        calls(verb, tmp_path, kernel=ts.PCA)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("tile", [(8, 8), 8, "8,8,8", (8.5, 8, 8)])
def test_a_tile_is_three_whole_numbers(verb: str, tile: Any, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="numbers of voxels"):
        calls(verb, tmp_path, tile=tile)
    assert not list(tmp_path.iterdir())


def test_a_tile_may_be_an_array() -> None:
    assert "8 x 16 x 16" in str(ts.plan(CUBE, tile=np.array([8, 16, 16])))  # type: ignore[arg-type]


@pytest.mark.parametrize("verb", VERBS)
def test_what_is_no_cube_is_named(verb: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a NoneType was given"):
        calls(verb, tmp_path, cube=None)
    with pytest.raises(InputError, match="holds no cube: nothing"):
        calls(verb, tmp_path, cube=xarray.Dataset())
    with pytest.raises(UsageError, match="a ndarray was given"):
        ts.open_cube(np.zeros((3, 3, 3)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("verb", "kernel"), [(ts.denoise, ts.Gaussian()), (ts.separate_foregrounds, ts.PCA(1))]
)
def test_a_cube_without_a_name_lives_as_long_as_the_result(
    verb: Callable[..., Any], kernel: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    made = verb("procedural://eor?shape=8,16,16&pixel_arcsec=60", kernel, executor="serial")
    assert made.complete
    assert made.path.is_relative_to(tmp_path)
    cube = made.cube
    del made
    assert np.isfinite(cube.read(Box.of_shape((8, 16, 16)))).all()
    del cube
    gc.collect()
    assert not list(tmp_path.iterdir())
    with pytest.raises(InputError):
        verb(tmp_path / "absent.fits", kernel)
    with pytest.raises(UsageError, match="Give a name that all of them see as out"):
        verb(CUBE, kernel, executor="dask", address="tcp://127.0.0.1:1")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ts.PCA(3.5), "modes is 3.5"),
        (lambda: ts.Polynomial(3.0), "degree is 3.0"),  # type: ignore[arg-type]
        (lambda: ts.FastICA("3"), "modes is '3'"),  # type: ignore[arg-type]
        (lambda: ts.GMCA(3, rank=2.5), "rank is 2.5"),  # type: ignore[arg-type]
        (lambda: ts.find_sources(CUBE, reliability=0.9), r"Reliability\(0.9\)"),  # type: ignore[arg-type]
        (lambda: ts.find_sources(CUBE, deblending=True), r"Deblending\(\)"),  # type: ignore[arg-type]
    ],
)
def test_settings_of_the_wrong_kind_are_told_before_the_work(make: Callable[[], Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        make()


def test_numbers_of_numpy_are_numbers_of_a_run(tmp_path: Path) -> None:
    region = ts.Preconditioning(region=np.array([0, 15, 0, 15, 0, 7]))  # type: ignore[arg-type]
    run = ts.find_sources(
        CUBE,
        out=tmp_path / "run",
        workers=np.int64(1),  # type: ignore[arg-type]
        tile=np.array([8, 16, 16]),  # type: ignore[arg-type]
        preconditioning=region,
    )
    assert run.info["settings"]["workers"] == 1
    assert "tile = [" in (tmp_path / "run" / "run.toml").read_text()
