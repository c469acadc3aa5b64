"""Masks grow while the flux of their sources does: that which is measured, and not what is searched."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from memory_cube import MemorySource, meta_of

import tessellar as ts

SHAPE = (24, 40, 40)
BOX = (slice(16, 23), slice(16, 23))


def test_masks_do_not_grow_where_the_measured_flux_falls(tmp_path: Path) -> None:
    """The channel above is faint and sure, the one below bright, negative and noisy."""
    noise = np.full(SHAPE, 0.1, np.float32)
    noise[:8] = 10.0
    voxels = noise * np.random.default_rng(1).normal(size=SHAPE).astype(np.float32)
    voxels[(slice(8, 13), *BOX)] += 2.0
    voxels[(13, *BOX)] += 0.4
    voxels[(7, *BOX)] -= 30.0
    cube = MemorySource(voxels, meta_of(SHAPE))
    known = ts.Preconditioning(noise=MemorySource(noise, meta_of(SHAPE), "noise"))
    finder = ts.SmoothAndClip(kernels_xy=(0,), kernels_z=(0,), threshold=8.5)
    rows = [
        ts.find_sources(
            cube,
            finder,
            preconditioning=known,
            dilation=dilation,
            executor="serial",
            out=tmp_path / str(number),
        ).catalogue[0]
        for number, dilation in enumerate((None, ts.Dilation(iterations_xy=0)))
    ]
    assert [(int(row["z_min"].value), int(row["z_max"].value)) for row in rows] == [(8, 12), (8, 12)]
    assert rows[0]["f_sum"] == rows[1]["f_sum"]
