"""The truth table: what it says of a galaxy can be found again in the cube, and it survives being written."""

from __future__ import annotations

import math
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import QTable
from astropy.wcs import WCS

from tessellar.api import simulate
from tessellar.errors import InputError, OutputError
from tessellar.model import GAUSSIAN_AREA
from tessellar.simulate.hi import HiSky
from tessellar.simulate.measured import line_width
from tessellar.simulate.truth import (
    DESCRIPTIONS,
    read_truth,
    sdc2_table,
    truth_path,
    truth_table,
    write_sdc2,
    write_truth,
)
from tessellar.tiling.box import Box

SKY = HiSky((100, 90, 80), seed=5, n_sources=8)
LONELY = HiSky((100, 90, 80), seed=2, n_sources=1, flux_range=(600.0, 600.0))


@pytest.fixture(scope="module")
def truth() -> QTable:
    return truth_table(SKY)


@pytest.fixture(scope="module")
def lonely() -> tuple[QTable, np.ndarray]:
    return truth_table(LONELY), LONELY.read_galaxies(Box.of_shape(LONELY.shape))


def test_columns_and_units(truth: QTable) -> None:
    assert truth.colnames == list(DESCRIPTIONS)
    units = {
        "x": u.pix,
        "ra": u.deg,
        "freq": u.Hz,
        "f_sum": u.Jy * u.Hz,
        "hi_size": u.arcsec,
        "w20": u.km / u.s,
    }
    assert all(truth[name].unit == unit for name, unit in units.items())
    assert truth["id"].tolist() == list(range(8))
    assert truth["x"].value == pytest.approx(SKY.population.x)


def test_flux_box_and_count_are_those_of_the_voxels(lonely: tuple[QTable, np.ndarray]) -> None:
    row, voxels = lonely[0][0], lonely[1].astype(np.float64)
    assert row["f_sum"].to_value("Jy Hz") == pytest.approx(
        voxels.sum() / (GAUSSIAN_AREA * 16) * 30e3, rel=1e-5
    )
    assert row["f_sum"].to_value("Jy Hz") == pytest.approx(600 * 30e-6 * 30e3, rel=0.01)
    box = tuple(slice(int(row[f"{a}_min"].value), int(row[f"{a}_max"].value) + 1) for a in ("z", "x", "y"))
    falling = np.sort(voxels, axis=None)[::-1]
    bright = voxels >= falling[row["n90"] - 1]
    assert bright.sum() == row["n90"]
    assert bright[box].sum() == row["n90"]
    assert falling[: row["n90"]].sum() == pytest.approx(0.9 * voxels.sum(), rel=1e-3)
    assert row["snr"] == pytest.approx(
        0.9 * voxels.sum() / (30e-6 * math.sqrt(row["n90"] * GAUSSIAN_AREA * 16)), rel=1e-4
    )


def test_line_widths_agree_with_the_spectrum(lonely: tuple[QTable, np.ndarray]) -> None:
    row, voxels = lonely[0][0], lonely[1]
    width = line_width(voxels.sum(axis=(1, 2), dtype=np.float64), 0.2) * 30e3
    assert row["w20_freq"].to_value("Hz") == pytest.approx(width)
    redshift = 1420405751.786 / row["freq"].to_value("Hz") - 1
    own_frame = 299_792.458 * width / row["freq"].to_value("Hz")
    assert row["w20"].to_value("km/s") == pytest.approx(own_frame * (1 + redshift))


def test_the_receding_side_lies_at_the_position_angle_on_the_sky(lonely: tuple[QTable, np.ndarray]) -> None:
    """From north through east, by astropy's own spherical trigonometry."""
    row, voxels = lonely[0][0], lonely[1].astype(np.float64)
    wcs = WCS(fits.Header.fromstring(LONELY.meta.wcs_header, sep="\n")).celestial
    centre = wcs.pixel_to_world(row["x"].value, row["y"].value)
    assert (centre.ra.deg, centre.dec.deg) == pytest.approx((row["ra"].value, row["dec"].value))
    image = voxels[: round(row["z"].value)].sum(axis=0)
    x, y = np.arange(90), np.arange(80)
    receding = wcs.pixel_to_world(image.sum(axis=1) @ x / image.sum(), image.sum(axis=0) @ y / image.sum())
    difference = (centre.position_angle(receding) - row["pa"]).wrap_at("180d").to_value("deg")
    assert abs(difference) < 5


def test_positions_on_the_sky_follow_from_the_header(truth: QTable) -> None:
    wcs = WCS(fits.Header.fromstring(SKY.meta.wcs_header, sep="\n"))
    ra, dec, freq = wcs.all_pix2world(truth["x"].value, truth["y"].value, truth["z"].value, 0)
    assert truth["ra"].value == pytest.approx(ra)
    assert truth["dec"].value == pytest.approx(dec)
    assert truth["freq"].value == pytest.approx(freq, rel=1e-12)


def test_a_galaxy_cut_by_the_edge_is_measured_inside() -> None:
    sky = HiSky((20, 16, 16), seed=1, n_sources=30, touch_edges=True)
    table = truth_table(sky)
    whole = sky.population.flux * sky.channel_hz
    assert np.all(table["f_sum"].value <= whole * 1.001)
    assert np.any(table["f_sum"].value < whole * 0.8)
    for axis, length in (("z", 20), ("x", 16), ("y", 16)):
        assert table[f"{axis}_min"].value.min() >= 0
        assert table[f"{axis}_max"].value.max() < length


def test_written_truth_reads_back_the_same(tmp_path: Path, truth: QTable) -> None:
    path = truth_path(tmp_path / "sky.fits")
    write_truth(truth_table(SKY), path)
    again = read_truth(path)
    assert again.colnames == truth.colnames
    assert all(np.array_equal(again[name], truth[name]) for name in truth.colnames)
    assert again.meta["beam_arcsec"] == 11.2
    assert again.meta["sky"] == SKY.identity
    assert [p.name for p in tmp_path.iterdir()] == ["sky.truth.ecsv"]


def test_an_empty_sky_has_an_empty_truth(tmp_path: Path) -> None:
    write_truth(truth_table(HiSky((4, 8, 8), n_sources=0)), tmp_path / "none.truth.ecsv")
    assert len(read_truth(tmp_path / "none.truth.ecsv")) == 0


@pytest.mark.parametrize(
    ("cube", "name"),
    [
        ("sky.fits", "sky.truth.ecsv"),
        ("sky.fits.gz", "sky.truth.ecsv"),
        ("a.b.zarr", "a.b.truth.ecsv"),
        ("sky", "sky.truth.ecsv"),
    ],
)
def test_the_truth_stands_beside_the_cube(cube: str, name: str) -> None:
    assert truth_path(Path("folder") / cube) == Path("folder") / name


def test_sdc2_text_has_the_columns_of_the_challenge_in_order(tmp_path: Path, truth: QTable) -> None:
    write_sdc2(truth, tmp_path / "truth.txt")
    lines = (tmp_path / "truth.txt").read_text().splitlines()
    assert lines[0] == "id ra dec hi_size line_flux_integral central_freq pa i w20"
    assert len(lines) == 9
    first = [float(word) for word in lines[1].split()]
    assert first[4] == pytest.approx(truth["f_sum"][0].to_value("Jy Hz"))
    assert first[8] == pytest.approx(truth["w20"][0].to_value("km/s"))
    assert sdc2_table(truth).colnames == lines[0].split()


def test_the_truth_of_another_cube_is_not_replaced(tmp_path: Path) -> None:
    first, second = (HiSky((4, 8, 8), seed=seed, n_sources=1) for seed in (1, 2))
    simulate(first, tmp_path / "sky.zarr", executor="serial")
    simulate(first, tmp_path / "sky.fits", executor="serial")
    kept = (tmp_path / "sky.truth.ecsv").read_bytes()
    with pytest.raises(
        OutputError, match=r"sky\.truth\.ecsv is the truth of .*sky\.zarr, which is another sky"
    ):
        simulate(second, tmp_path / "sky.fits", executor="serial", overwrite=True)
    assert (tmp_path / "sky.truth.ecsv").read_bytes() == kept
    (tmp_path / "sky.fits").unlink()
    simulate(second, tmp_path / "sky.zarr", executor="serial", overwrite=True)
    assert (tmp_path / "sky.truth.ecsv").read_bytes() != kept


def test_bad_truth_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no truth table"):
        read_truth(tmp_path / "absent.ecsv")
    (tmp_path / "text").write_text("hello\n")
    with pytest.raises(InputError, match="not a truth table"):
        read_truth(tmp_path / "text")
    QTable({"a": [1]}).write(tmp_path / "other.ecsv", format="ascii.ecsv")
    with pytest.raises(InputError, match="lacks"):
        read_truth(tmp_path / "other.ecsv")
    with pytest.raises(OutputError, match="cannot be written"):
        write_truth(truth_table(HiSky((4, 8, 8), n_sources=0)), tmp_path / "nowhere" / "t.ecsv")
