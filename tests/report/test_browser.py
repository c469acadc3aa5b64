"""The report in a real browser: nothing is fetched, nothing complains, nothing sticks out of the window."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from browser import Browser, program
from cubelet_files import blob, write_cubelet
from look import check_look
from test_html import catalogue, fill

from tessellar.report.html import write_report

pytestmark = pytest.mark.skipif(program() is None, reason="no Chromium or Chrome on this machine")


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
        axes=np.array(["peak", "snr", "mean"]),
        positive=points,
        negative=points[:10],
        kept=points[:, 0] > 0,
        threshold=np.array(0.9),
    )
    return write_report(folder)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_report_opens_without_a_complaint_a_request_or_an_overflow(
    report: Path, chromium: Browser, width: int, dark: bool
) -> None:
    chromium.open(report, width, dark=dark)
    try:
        assert check_look(chromium, report, width, dark=dark) > 30
        assert chromium.value("document.querySelectorAll('article.source').length") == 10
    finally:
        chromium.close()
