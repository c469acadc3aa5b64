"""Columns of the challenge mean the same whatever the axes of the cube: velocities, north, and skewed pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import QTable
from astropy.wcs import WCS
from astropy.wcs.utils import wcs_to_celestial_frame

import tessellar as ts
from tessellar.api import simulate
from tessellar.challenge.places import HI_REST_FREQUENCY, frequencies, hertz_per_speed
from tessellar.challenge.sdc2.sampling import Sampling
from tessellar.errors import UsageError
from tessellar.io.header import read_meta
from tessellar.io.map_fits import slice_header
from tessellar.io.wcs import frame_record, sky_matrix
from tessellar.report.cubelets import beam_in_pixels
from tessellar.simulate.hi import HiSky
from tessellar.tiling.box import Box

SPEED_OF_LIGHT = 299_792_458.0


@pytest.mark.parametrize("name", ["v_rad", "v_opt", "v_app"])
def test_a_width_in_speed_is_the_derivative_of_its_convention(name: str) -> None:
    speeds, step = np.array([-3e4, 0.0, 2e3, 9e4]), 1e-3
    low, middle, high = (QTable({name: (speeds + off) * u.km / u.s}) for off in (-step, 0.0, step))
    slope = (frequencies(low, HI_REST_FREQUENCY) - frequencies(high, HI_REST_FREQUENCY)) / (2 * step)
    np.testing.assert_allclose(hertz_per_speed(middle, HI_REST_FREQUENCY), slope, rtol=1e-6)


def test_a_width_beside_a_frequency_is_an_optical_one() -> None:
    table = QTable({"freq": [1.0e9] * u.Hz})
    expected = 1e18 / (SPEED_OF_LIGHT / 1e3 * HI_REST_FREQUENCY)
    assert hertz_per_speed(table, HI_REST_FREQUENCY)[0] == pytest.approx(expected)


@pytest.fixture(scope="module")
def sky(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("axes") / "sky.fits"
    simulate(HiSky((48, 96, 80)), path)
    return path


def changed(sky: Path, path: Path, **cards: Any) -> Path:
    with fits.open(sky) as parts:
        parts[0].header.update(cards)
        parts.writeto(path)
    return path


def submitted(cube: Path, folder: Path) -> QTable:
    run = ts.find_sources(cube, ts.SmoothAndClip(threshold=4), out=folder / "run", products=None)
    ts.export(run, folder / "sdc2.txt", format="sdc2")
    return QTable.read(folder / "sdc2.txt", format="ascii.basic")


@pytest.mark.parametrize("falls", [False, True])
def test_radio_velocities_give_the_submission_of_frequencies(sky: Path, tmp_path: Path, falls: bool) -> None:
    header = fits.getheader(sky)
    step = -SPEED_OF_LIGHT / header["RESTFRQ"] * header["CDELT3"]
    first = SPEED_OF_LIGHT * (1.0 - header["CRVAL3"] / header["RESTFRQ"])
    cards = {"CTYPE3": "VRAD", "CUNIT3": "m/s", "CRVAL3": first, "CDELT3": step}
    cube = changed(sky, tmp_path / "speeds.fits", **cards)
    if not falls:
        with fits.open(cube, mode="update") as parts:
            parts[0].data = parts[0].data[::-1].copy()
            parts[0].header["CRVAL3"], parts[0].header["CDELT3"] = first + 47 * step, -step
    for name in ("hertz", "speed"):
        (tmp_path / name).mkdir()
    wanted, found = submitted(sky, tmp_path / "hertz"), submitted(cube, tmp_path / "speed")
    assert len(found) == len(wanted) >= 2
    by_place = [np.lexsort((table["dec"], table["ra"])) for table in (wanted, found)]
    wanted, found = wanted[by_place[0]], found[by_place[1]]
    for name in ("line_flux_integral", "w20", "hi_size", "central_freq"):
        np.testing.assert_allclose(found[name], wanted[name], rtol=2e-3, err_msg=name)


ROTATED = {"PC1_1": 0.8660254037844387, "PC1_2": -0.5, "PC2_1": 0.5, "PC2_2": 0.8660254037844387}


FK4 = {"RADESYS": "FK4", "EQUINOX": 1950.0}
GALACTIC = {"CTYPE1": "GLON-SIN", "CTYPE2": "GLAT-SIN"}


@pytest.mark.parametrize(
    "cards",
    [
        {},
        ROTATED,
        {"CDELT1": 2.8 / 3600},
        {**ROTATED, "CDELT1": 2.8 / 3600},
        FK4,
        GALACTIC,
        {**ROTATED, **GALACTIC},
    ],
)
def test_position_angles_of_a_submission_are_those_on_the_sky(sky: Path, tmp_path: Path, cards: Any) -> None:
    cube = ts.open_cube(changed(sky, tmp_path / "turned.fits", **cards))
    info = {
        "cube": {
            "beam_arcsec": [8.0, 8.0],
            "pixel_arcsec": [2.8, 2.8],
            "sky_matrix": sky_matrix(cube.meta),
            "sky_frame": frame_record(cube.meta),
            "spectral": {"unit": "Hz", "first": 1.0, "last": 2.0},
        }
    }
    angles = np.array([0.0, 30.0, 100.0, 200.0, 355.0])
    wcs = WCS(fits.getheader(tmp_path / "turned.fits")).celestial
    frame = wcs_to_celestial_frame(wcs)
    middle = np.array([47.5, 39.5])
    turns = np.radians(angles)
    ends = middle + 1e-2 * np.stack([-np.sin(turns), np.cos(turns)], axis=1)
    here, there = (
        SkyCoord(*wcs.wcs_pix2world(*places, 0), unit="deg", frame=frame).icrs
        for places in (middle[:, None], ends.T)
    )
    expected = here.position_angle(there).to_value(u.deg)
    ra, dec = (np.full(5, one.deg[0]) for one in (here.ra, here.dec))
    off = (Sampling.of_run(info).sky_angle(angles, ra, dec) - expected + 180.0) % 360.0 - 180.0
    np.testing.assert_allclose(off, 0.0, atol=0.02)


def test_a_run_tells_how_its_pixels_lie(sky: Path, tmp_path: Path) -> None:
    straight, mirrored = (
        submitted(path, path.parent / path.stem)
        for path in (
            changed(sky, _in(tmp_path / "a") / "straight.fits"),
            changed(sky, _in(tmp_path / "b") / "mirrored.fits", CDELT1=2.8 / 3600),
        )
    )
    np.testing.assert_allclose(
        (np.asarray(straight["pa"]) + np.asarray(mirrored["pa"])) % 360.0, 0.0, atol=1e-6
    )


@pytest.mark.parametrize("cards", [FK4, GALACTIC, {**ROTATED, **GALACTIC}])
def test_discs_are_fitted_where_the_sources_are_whatever_the_sky_system(
    sky: Path, tmp_path: Path, cards: Any
) -> None:
    fitted = {}
    for name, given in (("icrs", {}), ("other", cards)):
        cube = changed(sky, tmp_path / f"{name}.fits", **given)
        run = ts.find_sources(cube, executor="serial", out=tmp_path / name)
        ts.export(run, tmp_path / f"{name}.txt", format="sdc2", fit=cube)
        fitted[name] = QTable.read(tmp_path / f"{name}.txt", format="ascii.basic")
    assert len(fitted["icrs"]) == len(fitted["other"]) >= 2
    for column in ("line_flux_integral", "hi_size", "w20", "i", "central_freq"):
        np.testing.assert_allclose(fitted["other"][column], fitted["icrs"][column], rtol=1e-4)


def test_discs_are_fitted_to_what_fluxes_are_measured_on(sky: Path, tmp_path: Path) -> None:
    with fits.open(sky) as parts:
        parts[0].data *= np.float32(-0.5)
        parts.writeto(tmp_path / "fainter.fits")
        shape = parts[0].data.shape
    fits.writeto(tmp_path / "gain.fits", np.full(shape[-2:], 0.5, np.float32))
    fitted = []
    for cube, recipe in (
        (sky, ts.Preconditioning()),
        (tmp_path / "fainter.fits", ts.Preconditioning(gain=tmp_path / "gain.fits", invert=True)),
    ):
        run = ts.find_sources(cube, preconditioning=recipe, executor="serial", out=tmp_path / cube.stem)
        ts.export(run, tmp_path / f"{cube.stem}.txt", format="sdc2", fit=cube)
        fitted.append(QTable.read(tmp_path / f"{cube.stem}.txt", format="ascii.basic"))
    assert len(fitted[0]) == len(fitted[1]) >= 2
    for column in ("line_flux_integral", "hi_size", "w20", "pa", "i"):
        np.testing.assert_allclose(fitted[1][column], fitted[0][column], rtol=1e-3)


def test_discs_are_not_fitted_where_what_was_subtracted_is_not_kept(sky: Path, tmp_path: Path) -> None:
    recipe = ts.Preconditioning(contsub_order=0)
    run = ts.find_sources(sky, preconditioning=recipe, executor="serial", out=tmp_path / "run")
    with pytest.raises(UsageError, match="--contsub-order measured"):
        ts.export(run, tmp_path / "x.txt", format="sdc2", fit=sky)
    assert not (tmp_path / "x.txt").exists()


def _in(folder: Path) -> Path:
    folder.mkdir()
    (folder / "straight").mkdir()
    (folder / "mirrored").mkdir()
    return folder


SKEWED = {"CDELT1": -3.0 / 3600, "CDELT2": 5.0 / 3600, **ROTATED}


@pytest.mark.parametrize("cards", [{}, ROTATED, SKEWED, {"CDELT1": -3.0 / 3600, "CDELT2": 5.0 / 3600}])
def test_a_pixel_has_the_area_that_astropy_says(sky: Path, cards: Any) -> None:
    header = fits.getheader(sky)
    header.update(cards)
    meta, wcs = read_meta(header, "cube"), WCS(header).celestial
    assert meta.pixel_size is not None
    assert np.prod(meta.pixel_size) == pytest.approx(float(wcs.proj_plane_pixel_area().value), rel=1e-9)
    np.testing.assert_allclose(sky_matrix(meta), wcs.pixel_scale_matrix, rtol=1e-9)
    for angle in (0.0, 0.6, 2.0):
        step = (-np.sin(angle), np.cos(angle))
        slice_ = slice_header(meta, Box.of_shape(meta.shape), "", first=0, step=step)
        assert slice_["CDELT1"] == pytest.approx(np.hypot(*(wcs.pixel_scale_matrix @ step)), rel=1e-9)


def test_a_matrix_without_its_diagonal_is_a_sky(sky: Path) -> None:
    header = fits.getheader(sky)
    for key in ("CDELT1", "CDELT2"):
        del header[key]
    header.update({"CD1_2": 2.8 / 3600, "CD2_1": 2.8 / 3600})
    meta = read_meta(header, "cube")
    assert meta.wcs_header
    assert meta.pixel_size == pytest.approx((2.8 / 3600, 2.8 / 3600))
    np.testing.assert_allclose(sky_matrix(meta), [[0.0, 2.8 / 3600], [2.8 / 3600, 0.0]], atol=1e-12)


def test_spectra_of_a_region_count_channels_of_the_cube(sky: Path, tmp_path: Path) -> None:
    recipe = ts.Preconditioning(region=(2, 90, 3, 76, 5, 44))
    run = ts.find_sources(sky, ts.SmoothAndClip(threshold=4), out=tmp_path / "run", preconditioning=recipe)
    assert len(run.catalogue) >= 2
    for row in run.catalogue:
        (file,) = (tmp_path / "run" / "cubelets").glob(f"*_{row['id']}_spec.txt")
        columns = np.loadtxt(file, ndmin=2)
        masked = columns[columns[:, 3] > 0, 0]
        assert (masked.min(), masked.max()) == (row["z_min"].value, row["z_max"].value)


NORTH_UP = np.diag([-1.0, 1.0])


@pytest.mark.parametrize(
    ("matrix", "beam", "expected"),
    [
        (NORTH_UP, (4.0, 2.0, 40.0), (4.0, 2.0, 40.0)),
        (np.diag([1.0, 1.0]), (4.0, 2.0, 40.0), (4.0, 2.0, -40.0)),
        (np.diag([-2.0, 6.0]), (24.0, 24.0, 0.0), (12.0, 4.0, 90.0)),
        (np.diag([-6.0, 2.0]), (24.0, 24.0, 0.0), (12.0, 4.0, 0.0)),
    ],
)
def test_a_beam_is_drawn_as_its_pixels_show_it(matrix: Any, beam: Any, expected: Any) -> None:
    major, minor, angle = beam_in_pixels(matrix, *beam)
    assert (major, minor) == pytest.approx(expected[:2])
    assert np.sin(np.radians(angle - expected[2])) == pytest.approx(0.0, abs=1e-9)


def test_a_beam_turns_with_the_field() -> None:
    turn = np.radians(30.0)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    _, _, angle = beam_in_pixels(NORTH_UP @ rotation, 4.0, 2.0, 40.0)
    north = np.linalg.solve(NORTH_UP @ rotation, [0.0, 1.0])
    up = np.degrees(np.arctan2(-north[0], north[1]))
    assert np.sin(np.radians(angle - up - 40.0)) == pytest.approx(0.0, abs=1e-9)
