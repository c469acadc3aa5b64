"""The law with every option of the finder on at once: no byte of a result knows tiles or executor."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

import tessellar as ts
from tessellar.api import simulate
from tessellar.simulate.hi import HiSky
from tessellar.tiling.box import Shape

SHAPE = (72, 88, 96)
REGION = (2, 85, 1, 95, 0, 70)
RESULTS = (
    "catalogue.*",
    "regions.reg",
    "flags.txt",
    "reliability.npz",
    "mask.zarr/**/*",
    "maps/*",
    "cubelets/*",
)


def files_of(run: ts.Run) -> dict[str, bytes]:
    """Return the content of every file that is a result."""
    paths = {path for pattern in RESULTS for path in run.folder.glob(pattern) if path.is_file()}
    return {str(path.relative_to(run.folder)): path.read_bytes() for path in sorted(paths)}


@pytest.fixture(scope="module")
def cube(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty galaxies, many of which touch, and maps of the gain and of flags beside the cube."""
    folder = tmp_path_factory.mktemp("sky")
    simulate(HiSky(SHAPE, 6, n_sources=30, flux_range=(60.0, 1500.0)), folder / "sky.fits")
    x, y = np.indices(SHAPE[1:]) - np.array(SHAPE[1:])[:, None, None] / 2
    fits.writeto(folder / "gain.fits", np.exp(-(x * x + y * y) / 90**2).astype(np.float32).T)
    flags = np.zeros(SHAPE[1:], np.float32)
    flags[30:33, 60:64] = 1
    fits.writeto(folder / "flags.fits", flags.T)
    return folder / "sky.fits"


def find(cube: Path, out: Path, executor: str, tile: Shape) -> ts.Run:
    return ts.find_sources(
        cube,
        ts.SmoothAndClip(threshold=3.2),
        linker=ts.Linker(radius_xy=2, radius_z=2, min_size_xy=2, min_size_z=2, max_pixels=100_000),
        reliability=ts.Reliability(0.5),
        deblending=ts.Deblending(contrast=0.7, prominence=3.0),
        dilation=ts.Dilation(iterations_xy=3, iterations_z=2, threshold=-1.0),
        preconditioning=ts.Preconditioning(
            region=REGION,
            flag_region=((40, 42, 0, 95, 0, 71),),
            flag_auto="true",
            contsub_order=1,
            ripple_filter="median",
            ripple_window_xy=41,
            scale_noise="local",
            flag_cube=cube.with_name("flags.fits"),
            gain=cube.with_name("gain.fits"),
        ),
        products=ts.Products(cubelets=None, margin=3, report=False),
        executor=executor,
        workers=2,
        tile=tile,
        out=out,
    )


def test_no_byte_of_a_result_knows_tiles_or_executor(cube: Path, tmp_path: Path) -> None:
    whole = find(cube, tmp_path / "whole", "serial", SHAPE)
    flags = {int(flag) for flag in whole.catalogue["flag"]}
    assert any(flag & 64 for flag in flags), "nothing was separated"
    assert 3 <= len(whole.catalogue) < whole.info["n_detections"], "nothing was judged"
    assert "f_sum_corr" in whole.catalogue.colnames
    wanted = files_of(whole)
    assert len(wanted) > 8 * len(whole.catalogue)
    for executor, tile in (("threads", (17, 23, 29)), ("processes", (40, 16, 95)), ("threads", (9, 84, 11))):
        made = files_of(find(cube, tmp_path / "run", executor, tile))
        assert made.keys() == wanted.keys()
        assert [name for name in wanted if made[name] != wanted[name]] == [], (executor, tile)
        shutil.rmtree(tmp_path / "run")
