"""What is tested here is the clean cube: a report after each of many separations would take most of the time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="module", autouse=True)
def _without_report() -> Iterator[None]:
    def nothing(folder: Path) -> Path:
        return folder / "report.html"

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tessellar.report.foregrounds.html.write_foreground_report", nothing)
        yield
