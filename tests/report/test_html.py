"""The report is one offline page that reads well whatever a run left behind."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.table import QTable
from astropy.wcs import WCS
from html_page import HOSTILE, Page
from hypothesis import given
from hypothesis import strategies as st

from tessellar.errors import InputError, OutputError
from tessellar.flags import FLAGS
from tessellar.io.catalogue import make_table, write_catalogue
from tessellar.io.source_names import source_names
from tessellar.model import CubeMeta, SpectralAxis
from tessellar.report import words
from tessellar.report.html import write_report
from tessellar.report.plots import noise_by_region
from tessellar.report.run_folder import read_run
from tessellar.report.sky_map import MAX_PIXELS, _reach, thinned
from tessellar.tiling.box import Box

SHAPE = (16, 24, 20)


def summary(**changes: Any) -> dict[str, Any]:
    stage = {
        "seconds": 2.0,
        "n_units": 12,
        "resumed": 3,
        "shares": {"read": 0.5, "kernel": 0.25, "write": 0.0},
    }
    return {
        "n_sources": 3,
        "n_voxels": 4_718_592,
        "seconds": 12.34,
        "voxels_per_second": 382_381.0,
        "peak_rss_bytes": 3 * 2**28,
        "n_tiles": 12,
        "tiles_failed": 0,
        "retries": 1,
        "bytes_read": 2**30,
        "stages": {"calibrate": stage, "detect": {**stage, "seconds": 8.0}},
        "versions": {"tessellar": "0.1.0", "numpy": "2.4.6"},
        "cube": {
            "name": "sky.fits",
            "shape": list(SHAPE),
            "unit": "Jy / beam",
            "stored_bytes": 2**20,
            "missing": [],
        },
        "settings": {"threshold": 5.0, "kernels_xy": [0, 3, 6], "linker": {"radius_xy": 1}},
        "plan": {"tile": [8, 12, 20], "halo_overhead": 0.43, "projected_bytes": 2**30},
        "partial": False,
        **changes,
    }


def catalogue(n_sources: int, spectral: str = "freq", sky: bool = True) -> QTable:
    unit = {"freq": "Hz", "v_opt": "m/s", "channel": ""}[spectral]
    meta = CubeMeta("sky", SHAPE, "Jy / beam", SpectralAxis(spectral, unit, tuple(range(SHAPE[0]))))
    rows = np.arange(n_sources, dtype=float)
    columns = {
        "id": 100 + np.arange(n_sources),
        "x": rows % SHAPE[1],
        "y": rows % SHAPE[2],
        "n_pix": 5 + np.arange(n_sources),
        "f_sum": (rows + 1) * 2500.0,
        "flag": np.resize([0, 1, 6], n_sources),
        "w20": rows + 2.0e5,
        "ell_maj": np.where(rows % 4 == 3, np.nan, 2.0),
        "ell_min": np.full(n_sources, 1.0),
        "ell_pa": rows * 10,
        "snr": 5 + rows,
    }
    if sky:
        columns |= {"ra": 10 + rows / 1000, "dec": -20 - rows / 1000}
    if spectral != "channel":
        columns[spectral] = np.full(n_sources, 1.42e9 if spectral == "freq" else 1.5e6)
    columns["name"] = source_names(columns["id"], columns.get("ra"), columns.get("dec"))
    return make_table(columns, meta, flux_unit="Jy Hz" if spectral == "freq" else "Jy m / s")


def sky_header() -> str:
    wcs = WCS(naxis=3)
    wcs.wcs.ctype = ["RA---SIN", "DEC--SIN", "FREQ"]
    wcs.wcs.crval = [180, -30, 1.42e9]
    wcs.wcs.cdelt = [-0.001, 0.001, 1e5]
    wcs.wcs.cunit = ["deg", "deg", "Hz"]
    return str(wcs.to_header().tostring(sep="\n"))


def fill(folder: Path, table: QTable | None, *, header: str | None = None, **changes: Any) -> Path:
    """Make a run folder with everything that a run leaves."""
    folder.mkdir(exist_ok=True)
    (folder / "run.json").write_text(json.dumps(summary(**changes)))
    if table is not None:
        write_catalogue(table, folder)
    spectral = np.linspace(2e-4, 3e-4, SHAPE[0], dtype=np.float32)
    spectral[3] = np.nan
    np.savez(
        folder / "noise.npz",
        spectral=spectral,
        spatial=np.ones((3, 2), dtype=np.float32),
        cell=np.array([8.0, 10.0]),
        spectral_values=np.linspace(1.4e9, 1.42e9, SHAPE[0]),
    )
    image = np.zeros(SHAPE[1:], dtype=np.float32)
    image[4:9, 5:8] = 3.0
    image[0, 0] = np.nan
    np.savez(
        folder / "skymap.npz", image=image, step=1, wcs_header=sky_header() if header is None else header
    )
    return folder


def test_a_whole_run_fills_every_panel(tmp_path: Path) -> None:
    page = Page(write_report(fill(tmp_path, catalogue(3))))
    assert "3 sources in 4.72 million voxels, found in 12.3 s." in page.text
    assert "left no" not in page.text
    assert page.count("svg") == 7  # the emblem, the map, two noises, two distributions, the tiles
    for said in (
        "768 MiB",
        "of 1 GiB planned",
        "8 × 12 × 20",
        "43 %",
        "kernels_xy",
        "0, 3, 6",
        "linker.radius_xy",
    ):
        assert said in page.text
    assert "Right ascension" in page.text
    assert "1420.000" in page.text  # MHz
    assert "noise (µJy / beam)" in page.text


def test_the_page_loads_nothing(tmp_path: Path) -> None:
    page = Page(write_report(fill(tmp_path, catalogue(3))))
    page.check_offline()


def test_files_of_the_run_are_linked_beside_the_report(tmp_path: Path) -> None:
    page = Page(write_report(fill(tmp_path, catalogue(1))))
    links = [attributes["href"] for tag, attributes in page.elements if tag == "a"]
    assert links == ["catalogue.vot", "catalogue.parquet", "catalogue.ecsv", "run.json"]


def test_hostile_texts_stay_texts(tmp_path: Path) -> None:
    cube = {"name": HOSTILE, "shape": list(SHAPE), "unit": "<b>$x^2$ & Jy", "missing": [HOSTILE]}
    changes = {"cube": cube, "settings": {HOSTILE: HOSTILE}, "versions": {"tessellar": HOSTILE}}
    stages = {HOSTILE: {"seconds": 1.0}}
    table = catalogue(2)
    table["name"] = [HOSTILE, "TSL"]
    page = Page(write_report(fill(tmp_path, table, **changes, stages=stages)))
    assert page.count("script") == 0
    assert page.source.count("<script") == 0
    assert page.text.count(HOSTILE) >= 6
    assert "$x^2$" in page.text  # no mathematics is made of a unit


@given(st.text(min_size=1, max_size=30))
def test_any_name_is_shown_as_it_is(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    folder = tmp_path_factory.mktemp("run")
    name = name.encode("utf-8", "replace").decode().replace("\r", " ").replace("\0", " ")
    (folder / "run.json").write_text(json.dumps({"cube": {"name": name}}))
    assert name in Page(write_report(folder)).text


def test_nothing_found_is_a_result(tmp_path: Path) -> None:
    page = Page(write_report(fill(tmp_path, catalogue(0), n_sources=0)))
    assert "No source in 4.72 million voxels, after 12.3 s." in page.text
    assert "No source was found." in page.text


def test_a_hundred_thousand_sources_are_a_small_page(tmp_path: Path) -> None:
    folder = fill(tmp_path, None, n_sources=100_000)
    noise = np.random.default_rng(0).normal(size=(3000, 2500)).astype(np.float32)
    np.savez(folder / "skymap.npz", image=noise, step=2, wcs_header=sky_header())
    report = write_report(folder, catalogue(100_000))
    page = Page(report)
    assert report.stat().st_size < 5_000_000
    assert page.count("tbody") == 1
    assert page.count("tr") == 101
    assert "The 100 most significant of 100,000 sources" in page.text
    assert "around each of the 2000 most significant sources" in page.text


def test_the_most_significant_come_first_and_negative_ones_not_at_all(tmp_path: Path) -> None:
    table = catalogue(4)
    table["f_sum"][2] = -table["f_sum"][2]
    table["snr"][0] = np.nan
    page = Page(write_report(fill(tmp_path, None), table))
    cells = re.findall(r"<b>(TSL [^<]*)</b>", page.source)
    assert cells == [str(table["name"][row]) for row in (3, 1, 0)]


def test_flags_are_words(tmp_path: Path) -> None:
    table = catalogue(1)
    table["flag"] = [sum(flag.bit for flag in FLAGS)]
    page = Page(write_report(fill(tmp_path, None), table))
    assert [
        attributes.get("title") for _, attributes in page.elements if attributes.get("class") == "flag"
    ] == [flag.words for flag in FLAGS]


def test_velocities_are_in_km_s(tmp_path: Path) -> None:
    page = Page(write_report(fill(tmp_path, catalogue(2, "v_opt"))))
    assert "Optical velocity (km/s)" in page.text
    assert "1500.0" in page.text
    assert "Flux (Jy km/s)" in page.text
    assert "velocity (km/s)" in page.text


@pytest.mark.parametrize("header", ["", "no header at all", sky_header().replace("RA---SIN", "RA---XXX")])
def test_without_sky_coordinates_the_map_has_pixels(tmp_path: Path, header: str) -> None:
    page = Page(write_report(fill(tmp_path, catalogue(2, "channel", sky=False), header=header)))
    assert "x (pixel)" in page.text
    assert "Right ascension" not in page.text


@pytest.mark.parametrize("content", [None, b"", b"PK broken", "other"])
@pytest.mark.parametrize(
    ("name", "sentence"),
    [("noise.npz", "This run left no noise file."), ("skymap.npz", "This run left no sky map.")],
)
def test_a_missing_or_broken_file_is_said_in_its_panel(
    tmp_path: Path, name: str, sentence: str, content: bytes | str | None
) -> None:
    folder = fill(tmp_path, catalogue(2))
    (folder / name).unlink()
    if content == "other":
        np.savez(folder / name, unknown=np.ones(1))
    elif isinstance(content, bytes):
        (folder / name).write_bytes(content)
    assert sentence in Page(write_report(folder)).text


def test_the_tiles_are_drawn_and_those_that_failed_are_named(tmp_path: Path) -> None:
    stages = {"detect": {"seconds": 1.0, "failed": [{"unit": 3}, {"unit": 3}, {"unit": 99}]}}
    page = Page(write_report(fill(tmp_path, catalogue(2), stages=stages)))
    assert "4 of 8 × 12 × 20 voxels: 2 slabs of channels, 2 along x, 1 along y." in page.text
    assert page.text.count("tile 3 failed: channels 8-15, x 12-23, y 0-19") == 1
    assert "1 tile failed, shown in orange." in page.text


def test_tiles_and_noise_of_a_region_are_told_in_pixels_of_the_cube(tmp_path: Path) -> None:
    stages = {"detect": {"seconds": 1.0, "failed": [{"unit": 0}]}}
    settings = {"region": [5, 16, 0, 19, 8, 15]}
    page = Page(write_report(fill(tmp_path, catalogue(2), stages=stages, settings=settings)))
    assert "1 of 8 × 12 × 20 voxels: 1 slab of channels, 1 along x, 1 along y." in page.text
    assert "tile 0 failed: channels 8-15, x 5-16, y 0-19" in page.text
    run = read_run(tmp_path)
    assert run.region == Box((8, 5, 0), (16, 17, 20))
    shifted, plain = (
        noise_by_region(np.ones((2, 2)), (6.0, 10.0), "", first) for first in ((500, 700), (0, 0))
    )
    assert ">505</text>" in shifted
    assert ">505</text>" not in plain


@pytest.mark.parametrize("tile", [None, [8, 12], [0, 1, 1], "8,12,20"])
def test_without_a_tile_there_is_no_drawing_of_it(tmp_path: Path, tile: object) -> None:
    page = Page(write_report(fill(tmp_path, catalogue(2), plan={"tile": tile})))
    assert "slabs of channels" not in page.text


def test_a_run_without_a_catalogue_says_so(tmp_path: Path) -> None:
    page = Page(write_report(fill(tmp_path, None)))
    assert "This run left no catalogue." in page.text
    assert "This folder has no catalogue that can be read." in page.text


def test_a_partial_run_is_seen_at_once(tmp_path: Path) -> None:
    page = Page(write_report(fill(tmp_path, catalogue(2), tiles_failed=2, partial=True)))
    assert "2 of 12 tiles failed" in page.text
    assert ("span", {"class": "state partial"}) in page.elements


def test_completeness_is_shown_where_there_is_a_truth(tmp_path: Path) -> None:
    by_snr = [{"low": 3, "high": 5, "completeness": 0.25}, {"low": 5, "high": None, "completeness": 1.0}]
    match = {"completeness": 0.83, "reliability": 0.96, "by_snr": by_snr}
    page = Page(write_report(fill(tmp_path, catalogue(2), match=match)))
    for found in ("83 % completeness", "96 % reliability", "3–5", "> 5"):
        assert found in page.text


def test_a_bare_summary_is_enough(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    assert "No source." in Page(write_report(tmp_path)).text


def test_the_same_run_gives_the_same_page(tmp_path: Path) -> None:
    folder = fill(tmp_path, catalogue(3))
    assert write_report(folder).read_bytes() == write_report(folder).read_bytes()


@pytest.mark.parametrize("content", [None, "", "[1, 2]", "{"])
def test_what_is_no_run_is_one_sentence(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "run.json").write_text(content)
    with pytest.raises(InputError, match=r"run\.json") as error:
        write_report(tmp_path)
    assert "\n" not in str(error.value)


def test_a_report_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    folder = fill(tmp_path, None)
    (folder / "report.html").mkdir()
    with pytest.raises(OutputError, match=r"report\.html cannot be written"):
        write_report(folder)


@given(st.integers(1, 2000), st.integers(1, 2000), st.integers(1, 4))
def test_thinning_keeps_the_brightest_pixel_and_the_field(n_l: int, n_m: int, step: int) -> None:
    image = np.zeros((n_l, n_m), dtype=np.float32)
    image[n_l // 2, n_m // 3] = 7.0
    small, new_step = thinned(image, step)
    assert max(small.shape) <= MAX_PIXELS
    assert small.max() == 7.0
    block = new_step // step
    assert small[n_l // 2 // block, n_m // 3 // block] == 7.0
    assert (small.shape[0] - 1) * block < n_l <= small.shape[0] * block


def test_numbers_become_words() -> None:
    assert words.count(4_718_592) == "4.72 million"
    assert words.count(999) == "999"
    assert words.things(1, "source") == "1 source"
    assert words.things(2, "source") == "2 sources"
    assert words.duration(3599.7) == "1 h 00 min"
    assert words.significant(0.000123456) == "0.000123"
    assert words.significant(100.0) == "100"
    assert words.metric(0.0021, "Jy / beam") == (1000.0, "mJy / beam")
    assert words.metric(5.0, "furlong") == (1.0, "furlong")


def test_warnings_are_shown_but_never_a_flood(tmp_path: Path) -> None:
    warnings = [f"tile {number} failed" for number in range(500)]
    page = Page(write_report(fill(tmp_path, catalogue(1), warnings=warnings)))
    assert "tile 11 failed" in page.text
    assert "tile 12 failed" not in page.text
    assert "And 488 more; see run.json." in page.text


@pytest.mark.parametrize("angle", [0.0, 30.0, 90.0])
def test_labels_stand_at_the_edge_of_the_ellipse(angle: float) -> None:
    edge = _reach(np.array([5.0]), np.array([2.0]), np.radians([angle]))[0]
    x, y = edge * np.cos(np.radians(angle)), edge * np.sin(np.radians(angle))
    assert (x / 5) ** 2 + (y / 2) ** 2 == pytest.approx(1)
