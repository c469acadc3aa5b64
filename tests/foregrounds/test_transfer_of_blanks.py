"""Blanks mix the modes of the sky, and the transfer function knows by how much."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from memory_cube import MemorySource
from mock_sky import kelvin_meta, mock_sky

from tessellar import api
from tessellar.engine.foregrounds.power_file import read_power
from tessellar.kernels.foregrounds.polynomial import Polynomial

SHAPE = (64, 24, 24)


def test_the_power_of_a_sky_with_blanks_is_that_of_the_whole_sky_after_the_transfer(tmp_path: Path) -> None:
    signal = mock_sky(SHAPE).signal.astype(np.float32)
    holed = np.where(np.random.default_rng(5).random(SHAPE) < 0.2, np.float32(np.nan), signal)
    meta = kelvin_meta(SHAPE)
    whole, seen = (MemorySource(voxels, meta, name) for voxels, name in ((signal, "whole"), (holed, "holed")))
    clean = api.separate_foregrounds(
        seen, Polynomial(1), out=tmp_path / "clean.zarr", inject=whole, executor="serial"
    )
    found = next(iter(read_power(clean.folder).values()))
    true = next(iter(api.power_spectrum(whole, executor="serial").bands.values()))
    rough = found.k_par > 0.2  # nothing of the signal is smooth there
    ratio = (found.power / true.power)[rough]
    assert np.isfinite(ratio).sum() > 10
    assert (
        np.sqrt(np.nanmean((ratio - 1.0) ** 2)) < 0.02
    )  # 0.06 where the transfer is that of a sky without blanks
