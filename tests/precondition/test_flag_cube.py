"""A cube of flags blanks voxels where it is neither 0 nor blank."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from conditioned import SHAPE, catalogue_bytes, cube, find, places, sky

import tessellar as ts
from tessellar.engine.precondition.prepare import prepare
from tessellar.engine.precondition.recipe import Preconditioning
from tessellar.errors import InputError, UsageError
from tessellar.tiling.box import Box


def test_what_is_neither_zero_nor_blank_flags() -> None:
    voxels = np.ones((2, 2, 3), np.float32)
    flags = np.array([[[0, 1, np.nan], [-2, 0, 0]], [[0, 0, 0], [0, 0, np.inf]]], np.float32)
    recipe = Preconditioning(flag_cube=cube(flags), gain=cube(np.full((2, 2, 3), 2, np.float32)))
    wanted = [[0, 0, 1], [0, 1, 0], [1, 1, 2]]
    prepared = prepare(cube(voxels), recipe)
    for view in (prepared.source, prepared.measured):
        assert np.argwhere(np.isnan(view.read(Box.of_shape((2, 2, 3))))).tolist() == wanted


def test_a_flagged_source_is_not_found(tmp_path: Path) -> None:
    flags = np.zeros(SHAPE, np.uint8)
    flags[8:16, 20:28, 16:24] = 7
    fits.writeto(tmp_path / "flags.fits", flags.transpose(0, 2, 1))
    run = find(cube(sky()), Preconditioning(flag_cube=tmp_path / "flags.fits", region=(1, 47, 0, 39, 0, 23)))
    assert places(run) == [(6, 30, 16), (40, 6, 5)]


def test_the_law_holds_with_a_map_of_flags() -> None:
    flags = np.zeros((1, *SHAPE[1:]), np.float32)
    flags[0, 24, 20] = 1
    recipe = Preconditioning(flag_cube=cube(flags))
    whole = catalogue_bytes(cube(sky()), recipe, tile=SHAPE)
    assert whole == catalogue_bytes(cube(sky()), recipe, tile=(7, 20, 17))
    assert whole != catalogue_bytes(cube(sky()), tile=SHAPE)


def test_it_is_planned_refused_and_known_by_its_content(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="As flags a cube of the same shape is needed"):
        prepare(cube(sky()), Preconditioning(flag_cube=cube(np.ones((2, 3, 4), np.float32))))
    flags = cube(np.zeros(SHAPE, np.float32))
    plan = ts.plan(cube(sky()), preconditioning=Preconditioning(flag_cube=flags), executor="serial")
    assert "1 companion cube read along" in str(plan)
    find(cube(sky()), Preconditioning(flag_cube=flags), out=tmp_path)
    flags.identity = "another"
    with pytest.raises(UsageError, match="begun with something else"):
        find(cube(sky()), Preconditioning(flag_cube=flags), out=tmp_path)
