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
