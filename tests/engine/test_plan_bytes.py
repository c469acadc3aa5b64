"""The plan tells how much the stages read whose reading is known before the run."""

from __future__ import annotations

import numpy as np
from memory_cube import MemorySource, meta_of

import tessellar as ts

SHAPE = (20, 48, 60)


def test_the_plan_counts_what_every_stage_before_the_measuring_reads() -> None:
    source = MemorySource(np.random.default_rng(1).normal(size=SHAPE).astype(np.float32), meta_of(SHAPE))
    run = ts.find_sources(source, executor="serial", tile=(10, 24, 60))
    stages = ("noise", "scales", "detect", "correlation")
    read = sum(run.info["stages"][name]["bytes_read"] for name in stages)
    planned = ts.plan(source, tile=(10, 24, 60)).bytes_read
    assert read <= planned < 1.5 * read


def test_the_plan_tells_at_most_what_separating_and_growing_read() -> None:
    voxels = np.random.default_rng(1).normal(size=SHAPE).astype(np.float32)
    voxels[5:15, 10:30, 12:20] += 8.0
    voxels[5:15, 10:30, 26:34] += 8.0
    voxels[9:11, 19:21, 20:26] += 6.0
    source = MemorySource(voxels, meta_of(SHAPE))
    recipes = {"deblending": ts.Deblending(), "dilation": ts.Dilation()}
    run = ts.find_sources(source, executor="serial", **recipes)
    planned = ts.plan(source, executor="serial", **recipes)
    read = {
        name: run.info["stages"][name]["bytes_read"]
        for name in ("deblend", "dilate-z", "dilate-xy", "dilate")
    }
    assert 0 < read.pop("deblend") <= 4 * planned.refining.parting
    assert 0 < sum(read.values()) <= 4 * planned.refining.growing
    assert "to separate sources" in str(planned)
    assert "to grow masks" in str(planned)
    assert "to grow masks" not in str(ts.plan(source, executor="serial"))
