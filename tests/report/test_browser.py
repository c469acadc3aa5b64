"""The report in a real browser: nothing is fetched, nothing complains, nothing sticks out of the window."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from browser import Browser, browser, program
from cubelet_files import blob, write_cubelet
from test_html import catalogue, fill

from tessellar.report.html import write_report

pytestmark = pytest.mark.skipif(program() is None, reason="no Chromium or Chrome on this machine")

COMPLAINTS = (
    "Log.entryAdded",
    "Runtime.consoleAPICalled",
    "Runtime.exceptionThrown",
    "Network.loadingFailed",
)
STICKING_OUT = """[...document.querySelectorAll('main *')].filter(e => {
  const box = e.getBoundingClientRect();
  return !e.closest('.scroll') && !(e.closest('svg') && e.tagName !== 'svg') && box.right > innerWidth + 1;
}).map(e => e.tagName + '.' + e.className).slice(0, 5)"""
PICTURES = """Promise.all([...document.querySelectorAll('svg image')].map(async e => {
  const picture = new Image(); picture.src = e.href.baseVal; await picture.decode(); return picture.naturalWidth;
}))"""
FLAT = """[...document.querySelectorAll('svg')].filter(e => {
  const box = e.getBoundingClientRect(); return box.width < 20 || box.height < 20;
}).length"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a run with everything that a run can have."""
    folder = tmp_path_factory.mktemp("run")
    match = {
        "completeness": 0.8,
        "reliability": 0.9,
        "by_snr": [{"low": 3, "high": 5, "completeness": 0.5, "n_reference": 4, "n_matched": 2}],
    }
    name = "a_name_without_any_place_to_break_it" * 3 + ".fits"
    cube = {"name": name, "shape": [16, 24, 20], "unit": "Jy / beam", "stored_bytes": 1, "missing": [name]}
    fill(folder, catalogue(12), match=match, cube=cube)
    stem = name.removesuffix(".fits")[:80]
    for row in range(12):
        write_cubelet(folder / "cubelets", f"{stem}_{100 + row}", *blob((10, 14, 18)))
    points = np.random.default_rng(0).normal(size=(40, 3))
    np.savez(
        folder / "reliability.npz",
        axes=np.array(["peak", "sum", "mean"]),
        positive=points,
        negative=points[:10],
        kept=points[:, 0] > 0,
        threshold=np.array(0.9),
    )
    return write_report(folder)


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser for all tests of this file."""
    with browser(tmp_path_factory.mktemp("profile")) as made:
        yield made


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_report_opens_without_a_complaint_a_request_or_an_overflow(
    report: Path, chromium: Browser, width: int, dark: bool
) -> None:
    chromium.open(report, width, dark=dark)
    try:
        assert [event for event in chromium.events if event[0] in COMPLAINTS] == []
        requests = [p["request"]["url"] for m, p in chromium.events if m == "Network.requestWillBeSent"]
        assert [url for url in requests if not url.startswith("data:")] == [report.resolve().as_uri()]
        pictures = chromium.value(PICTURES)
        assert len(pictures) > 30
        assert min(pictures) > 0
        assert chromium.value("document.documentElement.scrollWidth") == width
        assert chromium.value(STICKING_OUT) == []
        assert chromium.value(FLAT) == 0
        assert chromium.value("document.querySelectorAll('article.source').length") == 10
        page = chromium.value("getComputedStyle(document.body).backgroundColor")
        assert page == ("rgb(11, 15, 28)" if dark else "rgb(243, 245, 249)")
    finally:
        chromium.close()
