"""What stands in mask, maps and cubelets agrees with the catalogue, with the cube, and with the sky."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from memory_cube import MemorySource, meta_of
from product_runs import bare, column, find, sky

from tessellar.engine.find.cubelet_files import PRODUCTS as FILES
from tessellar.engine.find.cubelet_files import base_name
from tessellar.engine.find.product_files import ProductRun, Products, write_products
from tessellar.engine.find.windows import CELL, windows_around
from tessellar.errors import UsageError
from tessellar.kernels.components import Linker
from tessellar.kernels.runs import extract_runs
from tessellar.model import CubeMeta

SHAPE = (30, 60, 300)
MARGIN = 3


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ProductRun:
    source = MemorySource(sky(SHAPE), meta_of(SHAPE))
    made = find(source, tmp_path_factory.mktemp("run"), (11, 23, 41))
    write_products(made, Products(margin=MARGIN))
    return made


def labels_of(run: ProductRun) -> np.ndarray:
    import xarray

    with xarray.open_zarr(run.folder / "mask.zarr", consolidated=False) as store:
        return store["LABEL"].values[0, :, 0]


def image(run: ProductRun, name: str) -> np.ndarray:
    """A map of the whole field as array (l, m)."""
    return fits.getdata(run.folder / "maps" / f"{name}.fits").T


def cubelet(run: ProductRun, row: int, product: str) -> Path:
    suffix = "txt" if product == "spec" else "fits"
    return run.folder / "cubelets" / f"cube_{run.table['id'][row]}_{product}.{suffix}"


def quiet_wcs(path: Path) -> WCS:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return WCS(fits.getheader(path))


def test_the_mask_holds_every_source_under_its_row(run: ProductRun) -> None:
    labels = labels_of(run)
    assert np.bincount(labels.ravel())[1:].tolist() == column(run, "n_pix").tolist()
    for row, first in enumerate(run.table["id"]):
        assert labels.ravel()[first] == row + 1


def test_the_mask_says_what_it_is(run: ProductRun) -> None:
    import xarray
    import zarr

    image = pytest.importorskip("xradio.image")
    with xarray.open_zarr(run.folder / "mask.zarr", consolidated=False) as store:
        assert list(image.check_image(store)) == []
        assert store["LABEL"].attrs["id"] == run.table["id"].tolist()
        assert store["LABEL"].dtype == np.int32
        assert store["frequency"].values.tolist() == list(run.source.meta.spectral.values)
    assert zarr.open_array(run.folder / "mask.zarr" / "LABEL").metadata.zarr_format == 3


def test_a_shard_without_a_source_has_no_file(tmp_path: Path) -> None:
    voxels = np.random.default_rng(0).normal(size=(8, 40, 600)).astype(np.float32)
    voxels[2:6, 10:14, 300:310] += 20
    made = find(MemorySource(voxels, meta_of(voxels.shape)), tmp_path)
    write_products(made, Products(cubelets=0, maps=False))
    assert len(made.table) == 1
    files = [p for p in (tmp_path / "mask.zarr" / "LABEL" / "c").rglob("*") if p.is_file()]
    assert [str(p.relative_to(tmp_path / "mask.zarr" / "LABEL")) for p in files] == ["c/0/0/0/0/1"]
    assert (labels_of(made) > 0).sum() == column(made, "n_pix")[0]


def test_the_maps_are_those_of_the_masked_cube(run: ProductRun) -> None:
    labels, meta = labels_of(run), run.source.meta
    voxels = np.where(labels > 0, run.source.voxels, 0).astype(np.float64)
    values = np.asarray(meta.spectral.values)[:, None, None]
    assert image(run, "chan") == pytest.approx((labels > 0).sum(axis=0))
    assert image(run, "mom0") == pytest.approx(voxels.sum(axis=0) * 1e5, rel=1e-6, abs=1e-3)
    weight = np.maximum(voxels, 0)
    with np.errstate(invalid="ignore"):
        mom1 = (weight * values).sum(axis=0) / weight.sum(axis=0)
        mom2 = np.sqrt((weight * (values - mom1) ** 2).sum(axis=0) / weight.sum(axis=0))
    np.testing.assert_allclose(image(run, "mom1"), mom1, rtol=1e-12)
    np.testing.assert_allclose(image(run, "mom2"), mom2, rtol=1e-5, atol=1.0)


def test_the_map_of_a_field_holds_the_flux_of_the_catalogue(run: ProductRun) -> None:
    total = image(run, "mom0").sum(dtype=np.float64) / run.source.meta.beam_areas()[0]
    assert total == pytest.approx(column(run, "f_sum").sum(), rel=1e-6)


def test_cubelets_hold_the_flux_of_their_source(run: ProductRun) -> None:
    area = run.source.meta.beam_areas()[0]
    for row in range(len(run.table)):
        total = fits.getdata(cubelet(run, row, "mom0")).sum(dtype=np.float64) / area
        assert total == pytest.approx(column(run, "f_sum")[row], rel=1e-6)
        channel, _, flux, pixels, noise = np.loadtxt(cubelet(run, row, "spec")).T
        assert flux.sum() * 1e5 == pytest.approx(column(run, "f_sum")[row], rel=1e-6)
        assert np.hypot.reduce(noise) * 1e5 == pytest.approx(column(run, "err_f_sum")[row], rel=1e-6)
        assert pixels.sum() == column(run, "n_pix")[row]
        assert channel[pixels > 0].min() == column(run, "z_min")[row]


def test_cubelets_show_their_part_of_the_cube(run: ProductRun) -> None:
    labels = labels_of(run)
    for row in range(len(run.table)):
        low = [max(0, column(run, f"{a}_min")[row] - MARGIN) for a in "zxy"]
        high = [min(n, column(run, f"{a}_max")[row] + 1 + MARGIN) for a, n in zip("zxy", SHAPE, strict=True)]
        part = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        seen = fits.getdata(cubelet(run, row, "cube")).transpose(0, 2, 1)
        np.testing.assert_array_equal(seen, run.source.voxels[part])
        mask = fits.getdata(cubelet(run, row, "mask")).transpose(0, 2, 1)
        np.testing.assert_array_equal(mask == 1, labels[part] == row + 1)


def test_the_centre_of_a_map_lies_where_the_catalogue_says(run: ProductRun) -> None:
    """The mean over positive voxels is that of the catalogue, so voxels below zero are left out here."""
    for row in range(len(run.table)):
        cube = fits.getdata(cubelet(run, row, "cube")).astype(np.float64)
        weight = np.maximum(cube * fits.getdata(cubelet(run, row, "mask")), 0).sum(axis=0)
        m, l = np.indices(weight.shape)  # noqa: E741
        ra, dec = quiet_wcs(cubelet(run, row, "mom0")).wcs_pix2world(
            (weight * l).sum() / weight.sum(), (weight * m).sum() / weight.sum(), 0
        )
        found = SkyCoord(ra * units.deg, dec * units.deg)
        listed = SkyCoord(run.table["ra"][row], run.table["dec"][row])
        assert found.separation(listed).arcsec < 1e-3


def test_a_slice_passes_through_the_source(run: ProductRun) -> None:
    for row in range(len(run.table)):
        header, seen = fits.getheader(cubelet(run, row, "pv")), fits.getdata(cubelet(run, row, "pv"))
        cube = fits.getdata(cubelet(run, row, "cube"))
        assert seen.shape[0] == cube.shape[0]
        centre = seen[:, round(header["CRPIX1"]) - 1]
        x, y = header["KIN_X"], header["KIN_Y"]
        corner = cube[:, int(y) : int(y) + 2, int(x) : int(x) + 2]
        assert (centre >= corner.min(axis=(1, 2)) - 1e-5).all()
        assert (centre <= corner.max(axis=(1, 2)) + 1e-5).all()
        assert centre.max() > 4
        assert np.isfinite(seen).all()
        cube_header = fits.getheader(cubelet(run, row, "cube"))
        for key in ("CRVAL", "CRPIX", "CDELT", "CTYPE", "CUNIT"):
            assert header[f"{key}2"] == cube_header[f"{key}3"]
        assert 0.01 <= header["CDELT1"] <= 0.02  # degrees: between the sides of a pixel


def test_a_slice_runs_along_the_kinematic_axis_of_the_catalogue(run: ProductRun) -> None:
    known = 0
    for row, angle in enumerate(column(run, "kin_pa")):
        header = fits.getheader(cubelet(run, row, "pv"))
        assert header["KIN_OK"] == np.isfinite(angle)
        if header["KIN_OK"]:
            known += 1
            assert header["KIN_PA"] == pytest.approx(angle, abs=1e-6)
    assert known >= 2


def test_cubelets_keep_their_frequencies(run: ProductRun) -> None:
    for row in range(len(run.table)):
        frequency = quiet_wcs(cubelet(run, row, "cube")).spectral.pixel_to_world_values(0)
        first = max(0, column(run, "z_min")[row] - MARGIN)
        assert frequency == pytest.approx(run.source.meta.spectral.values[first], rel=1e-14)
        assert np.loadtxt(cubelet(run, row, "spec"))[0, 1] == pytest.approx(float(frequency), rel=1e-15)


def test_sources_at_the_edge_have_no_margin_beyond_it(run: ProductRun) -> None:
    edge = [row for row in range(len(run.table)) if column(run, "z_min")[row] == 0]
    assert edge
    for row in edge:
        header = fits.getheader(cubelet(run, row, "cube"))
        assert header["NAXIS3"] == column(run, "z_max")[row] + 1 + MARGIN
        assert header["CRPIX3"] == 1.0


def test_every_file_is_sound_fits(run: ProductRun) -> None:
    files = [*(run.folder / "maps").iterdir(), *(run.folder / "cubelets").glob("*.fits")]
    assert len(files) == 5 + 8 * len(run.table)
    for path in files:
        assert path.stat().st_size % 2880 == 0
        with fits.open(path) as opened:
            opened.verify("exception")
            assert opened[0].header["BMAJ"] == 0.03
            if not path.name.endswith("_pv.fits"):
                assert np.isfinite(quiet_wcs(path).celestial.wcs_pix2world(1, 1, 0)).all()
    assert units.Unit(fits.getheader(run.folder / "maps" / "mom0.fits")["BUNIT"]) == units.Unit(
        "Jy Hz / beam"
    )
    assert fits.getheader(run.folder / "maps" / "mom1.fits")["BUNIT"] == "Hz"


def test_the_brightest_are_chosen_and_others_are_removed(run: ProductRun, tmp_path: Path) -> None:
    there = tmp_path / "cubelets"
    there.mkdir()
    for name in ("cube_123_cube.fits", ".cube_1_cube.0123456789ab.tmp.fits", "mine.fits", "notes_1.txt"):
        (there / name).touch()
    reports = write_products(replace(run, folder=tmp_path), Products(cubelets=2, mask=False, maps=False))
    assert [r.n_units for r in reports] == [2]
    brightest = run.table["id"][np.argsort(-column(run, "f_sum"))[:2]]
    expected = {f"cube_{i}_{p}.{'txt' if p == 'spec' else 'fits'}" for i in brightest for p in FILES}
    assert {path.name for path in there.iterdir()} == expected | {"mine.fits", "notes_1.txt"}


def test_no_sources_at_all(tmp_path: Path) -> None:
    voxels = np.random.default_rng(0).normal(size=(8, 40, 140)).astype(np.float32)
    made = find(MemorySource(voxels, meta_of(voxels.shape)), tmp_path)
    assert len(made.table) == 0
    reports = write_products(made, Products())
    assert [r.name for r in reports] == ["mask", "maps"]
    assert not labels_of(made).any()
    assert not (tmp_path / "mask.zarr" / "LABEL" / "c").exists()
    assert not image(made, "mom0").any()
    assert not image(made, "chan").any()
    assert np.isnan(image(made, "mom1")).all()
    assert image(made, "snr").shape == (40, 140)


@pytest.mark.parametrize(
    "meta", [bare(meta_of((10, 30, 30))), meta_of((10, 30, 30), beams=(), unit="K", wcs_header="")]
)
def test_a_cube_that_does_not_say_where_it_looks(tmp_path: Path, meta: CubeMeta) -> None:
    voxels = np.random.default_rng(0).normal(size=meta.shape).astype(np.float32)
    voxels[3:7, 10:14, 10:15] += 20
    made = find(MemorySource(voxels, meta), tmp_path)
    write_products(made, Products())
    assert len(made.table) == 1
    assert image(made, "mom0").sum() == pytest.approx(column(made, "f_sum").sum(), rel=1e-6)
    header = fits.getheader(cubelet(made, 0, "cube"))
    assert "BMAJ" not in header
    assert "CTYPE1" not in header
    if meta.unit:
        assert (header["CTYPE3"], header["CRVAL3"]) == ("FREQ", pytest.approx(meta.spectral.values[0]))
        assert units.Unit(fits.getheader(cubelet(made, 0, "mom0"))["BUNIT"]) == units.K * units.Hz
    else:
        assert not {"CTYPE3", "BUNIT"} & set(header)


def test_one_channel(tmp_path: Path) -> None:
    meta = meta_of((1, 40, 40))
    voxels = np.random.default_rng(0).normal(size=meta.shape).astype(np.float32)
    voxels[0, 10:14, 10:15] += 30
    made = find(MemorySource(voxels, meta), tmp_path, linker=Linker(min_size_xy=2, min_size_z=1))
    write_products(made, Products())
    assert len(made.table) >= 1
    assert image(made, "mom0").sum() > 0
    assert "Hz" not in fits.getheader(tmp_path / "maps" / "mom0.fits")["BUNIT"]


@pytest.mark.parametrize("name", ["../../etc/passwd", "a b\n.fits", "☄", "-rf", "x" * 300, "..", "a/b.zarr/"])
def test_hostile_names_stay_in_the_folder(name: str) -> None:
    safe = base_name(name)
    assert safe
    assert len(safe) <= 80
    assert "/" not in safe
    assert safe[0] not in ".-"
    assert safe.isascii()
    assert safe.isprintable()


def test_windows_hold_every_run_once_and_are_bounded() -> None:
    mask = np.random.default_rng(0).random((50, 3 * CELL + 7, 40)) < 0.02
    mask[20:35] = False
    runs = extract_runs(mask.astype(np.uint8), 1, (5, 6, 7))
    seen = []
    for box, part in windows_around(runs):
        assert (part[:, :3] >= box.start).all()
        assert (part[:, [0, 1, 3]] <= np.array(box.stop) - (1, 1, 0)).all()
        assert box.start[1] // CELL == (box.stop[1] - 1) // CELL
        assert not (box.start[0] < 25 and box.stop[0] > 40)
        seen.append(part)
    together = np.concatenate(seen)
    np.testing.assert_array_equal(together[np.lexsort(together.T[[2, 1, 0]])], runs)


def test_numbers_that_make_no_sense_are_refused_together() -> None:
    with pytest.raises(UsageError, match=r"cubelets is -1.*margin is -2"):
        Products(cubelets=-1, margin=-2)
