"""A region is searched like a cube of its own, and its sources lie where they lie in the whole cube."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from conditioned import SHAPE, column, cube, find, places, sky
from memory_cube import MemorySource

from tessellar.engine.find.product_files import Products
from tessellar.engine.precondition.recipe import Preconditioning, box_of
from tessellar.engine.precondition.region import RegionSource
from tessellar.errors import UsageError
from tessellar.io.part import part_of
from tessellar.io.wcs import sky_position
from tessellar.model import Beam
from tessellar.tiling.box import Box

REGION = (10, 36, 5, 35, 4, 22)
BOX = Box((4, 10, 5), (23, 37, 36))
POSITIONS = {"x": 10, "y": 5, "z": 4}


def test_a_range_has_both_ends_inside() -> None:
    assert box_of(REGION) == BOX


def test_the_sources_are_those_of_the_part_cut_out_with_positions_of_the_whole(tmp_path: Path) -> None:
    voxels = sky()
    part = MemorySource(voxels[BOX.slices()].copy(), part_of(cube(voxels).meta, BOX))
    alone = find(part, out=tmp_path / "alone")
    run = find(cube(voxels), Preconditioning(region=REGION), out=tmp_path / "region")
    assert places(run) == [(23, 19, 11)]
    for name in alone.catalogue.colnames:
        moved = POSITIONS.get(name.partition("_")[0], 0)
        if name != "id":
            expected = [value + moved if moved else value for value in column(alone, name)]
            assert column(run, name) == expected, name
    corner = np.unravel_index(column(alone, "id"), BOX.shape)
    moved_corner = [axis + start for axis, start in zip(corner, BOX.start, strict=True)]
    assert column(run, "id") == np.ravel_multi_index(moved_corner, SHAPE).tolist()


def test_nothing_outside_is_read() -> None:
    class Watched(MemorySource):
        def read(self, box: Box) -> np.ndarray:
            assert BOX.contains(box)
            return super().read(box)

    find(Watched(sky(), cube(sky()).meta), Preconditioning(region=REGION))


def test_products_and_report_show_the_region_at_its_place(tmp_path: Path) -> None:
    run = find(cube(sky()), Preconditioning(region=REGION), out=tmp_path / "run", products=Products())
    row = run.catalogue[0]
    header = fits.getheader(tmp_path / "run" / "maps" / "mom0.fits")
    assert (header["NAXIS1"], header["NAXIS2"]) == BOX.shape[1:]
    (name,) = (tmp_path / "run" / "cubelets").glob("*_cube.fits")
    assert name.name == f"cube_{row['id']}_cube.fits"
    with np.load(tmp_path / "run" / "skymap.npz") as shown:
        assert shown["origin"].tolist() == [10, 5]
    import zarr

    assert zarr.open_group(tmp_path / "run" / "mask.zarr", mode="r")["LABEL"].attrs["id"] == [int(row["id"])]
    assert run.info["n_voxels"] == BOX.size
    assert run.info["settings"]["region"] == list(REGION)


def test_a_part_keeps_place_channel_and_beam() -> None:
    meta = cube(sky(), beams=tuple(Beam(0.03 + 0.001 * i, 0.02, 0.0) for i in range(24))).meta
    part = part_of(meta, BOX)
    whole, inside = sky_position(meta, [20.0], [11.0], [9.0]), sky_position(part, [10.0], [6.0], [5.0])
    assert part.beams == meta.beams[4:23]
    assert inside["freq"] == whole["freq"]
    np.testing.assert_allclose([inside["ra"], inside["dec"]], [whole["ra"], whole["dec"]], rtol=1e-12)
    assert part_of(meta, Box((4, 0, 0), (5, 48, 40))).spectral.widths().tolist() == [1e5]


def test_a_region_pickles_without_what_can_be_looked_up() -> None:
    import pickle

    source = RegionSource(cube(np.zeros(SHAPE, np.float32)), BOX)
    again = pickle.loads(pickle.dumps(source))
    assert again.identity == source.identity
    assert again.meta == source.meta


@pytest.mark.parametrize(
    ("region", "said"),
    [
        ((0, 48, 0, 9, 0, 9), "reaches beyond cube, whose pixels are 0,47,0,39,0,23"),
        ((9, 0, 0, 9, 0, 9), "0 <= first <= last"),
        ((-1, 9, 0, 9, 0, 9), "0 <= first <= last"),
        ((0, 9, 0, 9), "six make a range"),
        (((0, 9, 0, 9, 0, 9), (0, 9, 0, 9, 0, 9)), "one is searched"),
    ],
)
def test_a_region_that_is_none_is_refused(region: tuple[int, ...], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        find(cube(sky()), Preconditioning(region=region))
