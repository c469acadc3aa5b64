"""The report of a separation of foregrounds: one HTML file, without network, made from what its folder holds."""

from __future__ import annotations

from pathlib import Path

from tessellar.engine.companion import RECORD, SETTINGS
from tessellar.engine.foregrounds.folder import COMPONENTS, POWER, SEPARATION
from tessellar.io.publish import write_text
from tessellar.report import panels
from tessellar.report.foregrounds.kernel import kernel
from tessellar.report.foregrounds.modes import modes
from tessellar.report.foregrounds.power import power
from tessellar.report.foregrounds.separation_folder import read_separation
from tessellar.report.foregrounds.spectra import eigenvalues, spectra
from tessellar.report.foregrounds.verdict import headlines, verdict, warnings
from tessellar.report.page import page

_FILES = (COMPONENTS, SEPARATION, POWER, RECORD, SETTINGS, "run.log")


def write_foreground_report(folder: Path) -> Path:
    """Write ``report.html`` into the folder that a separation left beside the clean cube, from what it holds.

    Parameters
    ----------
    folder
        With ``run.json``; ``separation.npz``, ``components.fits`` and ``power.ecsv`` each fill panels.

    Returns
    -------
    Path
        The report.

    Raises
    ------
    InputError
        The folder has no readable ``run.json`` of a separation.
    OutputError
        The report cannot be written.
    """
    run = read_separation(Path(folder))
    shown = page(
        run,
        verdict=verdict(run),
        headlines=headlines(run),
        warnings=warnings(run),
        panels=(
            eigenvalues(run),
            spectra(run),
            modes(run),
            power(run),
            kernel(run),
            panels.timing(run),
            panels.the_numbers(run),
            panels.settings(run),
            panels.cube(run),
        ),
        files=[name for name in _FILES if (run.path / name).is_file()],
    )
    report = run.path / "report.html"
    write_text(report, shown)
    return report
