"""The error bars of corrected power: with blanks, and where foregrounds are left."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from memory_cube import MemorySource
from mock_sky import kelvin_meta, mock_sky

from tessellar import api
from tessellar.engine.foregrounds.power_file import read_bins
from tessellar.kernels.foregrounds.pca import PCA
from tessellar.kernels.foregrounds.polynomial import Polynomial
from tessellar.kernels.power.cylindrical import CylindricalPower
from tessellar.model import DoubleArray

SHAPE = (64, 24, 24)


def bins_of(folder: Path) -> dict[str, DoubleArray]:
    return next(iter(read_bins(folder / "power.ecsv").values()))


def power_of(cube: MemorySource) -> CylindricalPower:
    return next(iter(api.power_spectrum(cube, executor="serial").bands.values()))


def test_blanks_alone_scatter_the_power_as_the_error_bars_say(tmp_path: Path) -> None:
    """Without noise and foregrounds, what the power is wrong by is that blanks mix modes."""
    meta, blank = kelvin_meta(SHAPE), np.random.default_rng(5).random(SHAPE) < 0.2
    one, other = (mock_sky(SHAPE, seed).signal.astype(np.float32) for seed in (0, 3))
    seen = [
        MemorySource(np.where(blank, np.float32(np.nan), cube), meta, name)
        for cube, name in ((one, "whole"), (one, "first half"), (one, "second half"))
    ]
    clean = api.separate_foregrounds(
        seen[0],
        Polynomial(1),
        out=tmp_path / "clean.zarr",
        halves=(seen[1], seen[2]),
        inject=MemorySource(other, meta, "injected"),
        executor="serial",
    )
    found, true = bins_of(clean.folder), power_of(MemorySource(one, meta, "signal"))
    rough = np.isfinite(found["sigma"]) & (found["k_par"] > 0.2)
    pulls = ((found["power"] - true.power) / found["sigma"])[rough]
    assert rough.sum() > 30
    assert np.sqrt(np.mean(pulls**2)) == pytest.approx(1.0, abs=0.3)  # of 40 bins: 1.0 ± 0.1


@pytest.mark.parametrize(("modes", "left"), [(1, True), (2, False)])
def test_foregrounds_that_stand_out_are_in_the_error_bars(modes: int, left: bool, tmp_path: Path) -> None:
    sky = mock_sky(SHAPE)
    meta = kelvin_meta(SHAPE)
    cube, signal = MemorySource(sky.cube, meta), MemorySource(sky.signal.astype(np.float32), meta, "signal")
    clean = api.separate_foregrounds(cube, PCA(modes), out=tmp_path / "clean.zarr", executor="serial")
    found, true = bins_of(clean.folder), power_of(signal)
    assert (np.nanmax(found["leftover"]) > 0.0) == left
    if left:
        lowest = np.isfinite(true.power[1])
        assert np.nanmedian((found["power"] / true.power)[1][lowest]) > 2.0
        pulls = (found["power"] - true.power)[1][lowest] / found["sigma"][1][lowest]
        assert np.mean(np.abs(pulls) < 2.0) > 0.9
