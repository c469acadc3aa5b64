"""Cubes of too many channels for their covariance: the leading modes are sketched, and the clean cube is the same."""

from __future__ import annotations

import numpy as np
import pytest
from mock_sky import SIGNAL_RMS, mock_sky, svd_residual, write_cube

import tessellar as ts
from tessellar.engine.foregrounds import learn
from tessellar.errors import UsageError
from tessellar.tiling.box import Box

SHAPE = (48, 40, 36)


@pytest.fixture(autouse=True)
def _many_channels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count 48 channels as many."""
    monkeypatch.setattr(learn, "MAX_COVARIANCE", 47)


@pytest.mark.parametrize("kernel", [ts.PCA(2), ts.FastICA(2)], ids=lambda kernel: kernel.name)
def test_sketched_modes_clean_as_those_of_the_whole_covariance_do(kernel, tmp_path):
    sky = mock_sky(SHAPE)
    cube = write_cube(tmp_path / "sky.zarr", sky.cube)
    voxels = []
    for number, tile in enumerate([(48, 64, 64), (48, 32, 32)]):
        out = tmp_path / f"{number}.zarr"
        clean = ts.separate_foregrounds(cube, kernel, out=out, tile=tile, executor="serial", power=False)
        assert {"sketch", "refine"} <= clean.info["stages"].keys()
        assert "moments" not in clean.info["stages"]
        voxels.append(clean.cube.read(Box.of_shape(SHAPE)))
    assert np.array_equal(voxels[0], voxels[1])
    whole = svd_residual(sky.cube, 2)
    wanted = sky.signal + sky.noise
    ours, theirs = (np.sqrt(np.mean((found - wanted) ** 2)) for found in (voxels[0], whole))
    assert ours < 1.02 * theirs
    assert np.abs(voxels[0] - whole).max() < 1e-2 * SIGNAL_RMS  # both modes stand far out of the noise


@pytest.mark.parametrize("kernel", [ts.GaussianProcess(), ts.PCA(0)], ids=["gpr", "counted"])
def test_what_needs_the_covariance_is_refused_and_told_what_will_do(kernel, tmp_path):
    cube = write_cube(tmp_path / "sky.zarr", mock_sky((48, 12, 12)).cube)
    with pytest.raises(UsageError, match=r"needs the covariance of all 48 channels.*--band"):
        ts.separate_foregrounds(cube, kernel, out=tmp_path / "clean.zarr", power=False)
    assert not (tmp_path / "clean.zarr").exists()
