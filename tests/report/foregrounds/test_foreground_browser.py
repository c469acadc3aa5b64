"""The report of a separation in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from browser import Browser, program
from look import check_look
from separation_files import fill, gpr_record

from tessellar.report.foregrounds.html import write_foreground_report

pytestmark = pytest.mark.skipif(program() is None, reason="no Chromium or Chrome on this machine")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a separation with everything that one can have."""
    name = "a_name_without_any_place_to_break_it" * 3 + ".fits"
    cube = {"name": name, "shape": [40, 30, 20], "unit": "K", "missing": [name]}
    return write_foreground_report(fill(tmp_path_factory.mktemp("sky"), gpr_record(cube=cube)))


@pytest.mark.parametrize(("width", "dark"), [(390, False), (1280, True)])
def test_the_report_opens_without_a_complaint_a_request_or_an_overflow(
    report: Path, chromium: Browser, width: int, dark: bool
) -> None:
    chromium.open(report, width, dark=dark)
    try:
        assert check_look(chromium, report, width, dark=dark) >= 2 + 5  # maps of modes and of power
        assert chromium.value("document.querySelectorAll('.bins svg').length") == 6
    finally:
        chromium.close()
