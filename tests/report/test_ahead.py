"""What a report is drawn with is loaded while the cube is searched."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tessellar.report import ahead


def test_all_that_a_report_loads_is_there_when_the_work_is_done() -> None:
    program = (
        "import sys\n"
        "from tessellar.report.ahead import libraries_meanwhile\n"
        "with libraries_meanwhile():\n"
        "    pass\n"
        "print(*(name for name in ('matplotlib.backends.backend_svg', 'astropy.visualization.wcsaxes',"
        " 'astropy.io.votable', 'tessellar.report.html') if name not in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not done.stdout.strip()


def test_a_library_that_is_missing_stops_neither_the_work_nor_its_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ahead, "_LIBRARIES", ("tessellar.report.not_there", "colorsys"))
    sys.modules.pop("colorsys", None)
    with ahead.libraries_meanwhile():
        worked = True
    assert worked
    assert "colorsys" in sys.modules
    with pytest.raises(ValueError, match="of the work"), ahead.libraries_meanwhile():
        raise ValueError("of the work")
