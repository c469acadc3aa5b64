"""The shipped network as a denoiser: a dense kernel like the others, with an uncertainty."""

from __future__ import annotations

import numpy as np
import pytest

import tessellar as ts
from tessellar.simulate.hi import HiSky
from tessellar.tiling.box import Box

SHAPE = (40, 72, 40)


@pytest.mark.slow
def test_tiles_do_not_change_what_a_network_leaves(tmp_path):
    sky = HiSky(SHAPE, seed=4)
    found = []
    for number, tile in enumerate([(64, 128, 64), (16, 64, 32)]):
        out, sigma = tmp_path / f"{number}.zarr", tmp_path / f"sigma{number}.zarr"
        ts.denoise(sky, ts.UNet(side=32), out=out, uncertainty=sigma, tile=tile)
        found.append([ts.open_cube(path).read(Box.of_shape(SHAPE)) for path in (out, sigma)])
    assert np.array_equal(found[0], found[1])
    quiet, sigma = found[0]
    truth = sky.read_galaxies(Box.of_shape(SHAPE))
    assert np.mean((quiet - truth) ** 2) < 0.1 * np.mean((sky.read(Box.of_shape(SHAPE)) - truth) ** 2)
    assert (sigma > 0).all()
