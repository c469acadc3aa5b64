"""The gallery shows the best and the most doubtful sources, and says of which it has no picture."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from cubelet_files import FIRST, STEP, blob, write_cubelet
from html_page import Page
from test_html import catalogue, fill

from tessellar.report.cubelet_store import CubeletStore
from tessellar.report.cubelets import read_cubelet
from tessellar.report.html import write_report
from tessellar.report.run_folder import read_run

SHAPE = (10, 14, 18)  # frequency, m, l


def run_with(folder: Path, n_sources: int, with_pictures: range, rel: list[float] | None = None) -> Path:
    """Make a run folder of sources 100, 101 …, the later ones more significant, some of them with cubelets."""
    table = catalogue(n_sources)
    if rel is not None:
        table["rel"] = rel
    fill(folder, table)
    for row in with_pictures:
        write_cubelet(folder / "cubelets", f"sky_{100 + row}", *blob(SHAPE))
    return folder


def shown(page: Page) -> list[int]:
    """Return the numbers of the sources in the gallery, in its order."""
    return [int(number) for number in re.findall(r"<h4><span>(\d+)</span>", page.source)]


def test_few_sources_are_all_shown(tmp_path: Path) -> None:
    page = Page(write_report(run_with(tmp_path, 3, range(3))))
    assert shown(page) == [1, 2, 3]
    assert "All of them" in page.text
    assert page.source.count("<figure>") == 12
    assert "cubelets" not in page.text.split("Gallery")[1].split("Noise by channel")[0]


def test_the_best_come_first_and_then_the_least_significant(tmp_path: Path) -> None:
    page = Page(write_report(run_with(tmp_path, 12, range(12))))
    assert shown(page) == [1, 2, 3, 4, 5, 12, 11, 10, 9, 8]
    assert "The 5 most significant" in page.text
    assert "The 5 least significant" in page.text


def test_with_reliability_the_least_reliable_are_the_doubtful_ones(tmp_path: Path) -> None:
    rel = [0.99] * 12
    rel[6] = 0.91  # number 6 of the table: rows are the less significant the earlier
    rel[1] = 0.92
    page = Page(write_report(run_with(tmp_path, 12, range(12), rel)))
    assert shown(page)[:7] == [1, 2, 3, 4, 5, 6, 11]
    assert "The 5 least reliable" in page.text
    assert "reliability 0.91" in page.text


def test_sources_without_cubelets_are_told(tmp_path: Path) -> None:
    page = Page(write_report(run_with(tmp_path, 12, range(2, 4))))
    assert shown(page) == [9, 10]
    assert "Only 2 sources of 12 have cubelets" in page.text


def test_a_run_without_cubelets_says_so(tmp_path: Path) -> None:
    page = Page(write_report(run_with(tmp_path, 2, range(0))))
    assert "No source has a cubelet" in page.text
    assert shown(page) == []


@pytest.mark.parametrize("file", ["mom0.fits", "spec.txt", "cube.fits", "pv.fits"])
@pytest.mark.parametrize("content", [None, b"", b"neither FITS nor text"])
def test_a_damaged_cubelet_costs_its_own_picture_only(
    tmp_path: Path, file: str, content: bytes | None
) -> None:
    folder = run_with(tmp_path, 2, range(2))
    damaged = folder / "cubelets" / f"sky_101_{file}"
    damaged.unlink()
    if content is not None:
        damaged.write_bytes(content)
    page = Page(write_report(folder))
    assert page.source.count("<figure>") == 4
    if content is not None or file != "mom0.fits":
        assert "The cubelet of this source cannot be read." in page.text


def test_the_same_run_gives_the_same_gallery(tmp_path: Path) -> None:
    folder = run_with(tmp_path, 3, range(3))
    assert write_report(folder).read_bytes() == write_report(folder).read_bytes()


def test_pictures_say_what_they_show(tmp_path: Path) -> None:
    page = Page(write_report(run_with(tmp_path, 1, range(1))))
    labels = [str(attributes.get("aria-label")) for tag, attributes in page.elements if tag == "svg"]
    for what in ("Moment 0 of TSL", "Moment 1 of TSL", "Position and velocity of TSL", "Spectrum of TSL"):
        assert sum(label.startswith(what) for label in labels) == 1
    for said in ("±", "km/s", "offset (″)", "frequency (MHz)"):
        assert said in page.text


def test_noise_of_any_size_stays_a_small_page(tmp_path: Path) -> None:
    folder = fill(tmp_path, catalogue(10))
    noise = np.random.default_rng(1).normal(size=(130, 140, 130))
    for row in range(10):
        write_cubelet(folder / "cubelets", f"sky_{100 + row}", noise, noise > 0)
    map_noise = np.random.default_rng(0).normal(size=(700, 700)).astype(np.float32)
    np.savez(folder / "skymap.npz", image=map_noise, step=1, wcs_header="")
    report = write_report(folder)
    assert report.stat().st_size < 5_000_000
    assert len(shown(Page(report))) == 10


def test_a_cubelet_is_read_as_it_was_written(tmp_path: Path) -> None:
    cube, mask = blob(SHAPE)
    folder = run_with(tmp_path, 1, range(1))
    found = read_cubelet(CubeletStore(read_run(folder)), 100)
    assert found is not None
    assert found.step == 1
    assert found.moment0.shape == (18, 14)  # (l, m)
    np.testing.assert_allclose(found.moment0.T, np.where(mask, cube, 0).sum(axis=0) * STEP)
    assert found.sky is not None
    assert found.sky.beam is not None
    np.testing.assert_allclose(found.sky.beam, (4, 3, 30))
    shadow = mask.any(axis=0)
    assert found.line.aperture is not None
    np.testing.assert_allclose(found.line.aperture, cube[:, shadow].sum(axis=1) / 10, rtol=1e-5)
    assert found.line.inside.tolist() == mask.any(axis=(1, 2)).tolist()


def test_velocities_count_from_the_mean_and_grow_away_from_us(tmp_path: Path) -> None:
    folder = run_with(tmp_path, 1, range(1))
    found = read_cubelet(CubeletStore(read_run(folder)), 100)
    assert found is not None
    mean = found.systemic
    assert FIRST < mean < FIRST + STEP * SHAPE[0]
    velocity, unit = found.velocities(np.array([mean, mean - STEP]))
    assert unit == "km/s"
    np.testing.assert_allclose(velocity, [0, 299_792.458 * STEP / (mean - STEP)], atol=1e-9)
