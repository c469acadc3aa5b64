"""The cube of all campaigns: a small sky with a dozen galaxies."""

from __future__ import annotations

from tessellar.simulate.hi import HiSky

SKY = HiSky((48, 96, 80), seed=4, n_sources=12, touch_edges=True)
PLANE_VOXELS = SKY.shape[1] * SKY.shape[2]
