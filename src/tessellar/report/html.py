"""The report of a run: one HTML file, without network, to read on any screen and to send to a colleague."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tessellar.io.publish import write_text
from tessellar.report import panels
from tessellar.report.gallery import gallery
from tessellar.report.markup import absent, panel
from tessellar.report.page import first_of, memory_headline, page
from tessellar.report.quality import quality
from tessellar.report.reliability import reliability
from tessellar.report.run_folder import RunFolder, read_run
from tessellar.report.second_look import second_look
from tessellar.report.sky_map import MAX_ELLIPSES, sky_map
from tessellar.report.sources import brightest, distributions, positive
from tessellar.report.tiles import tiles
from tessellar.report.words import count, duration, percent, things

if TYPE_CHECKING:
    from astropy.table import QTable

_FILES = (
    "catalogue.vot",
    "catalogue.parquet",
    "catalogue.ecsv",
    "run.json",
    "run.toml",
    "regions.reg",
    "run.log",
)


def write_report(run_folder: Path, catalogue: QTable | None = None) -> Path:
    """Write ``report.html`` into the folder of a run, from what the folder holds.

    Parameters
    ----------
    run_folder
        A folder with ``run.json``; ``catalogue.*``, ``noise.npz`` and ``skymap.npz`` each fill a panel.
    catalogue
        The sources, where the folder does not have them yet.

    Returns
    -------
    Path
        The report.

    Raises
    ------
    InputError
        The folder has no readable ``run.json``.
    OutputError
        The report cannot be written.
    """
    run = read_run(Path(run_folder), catalogue)
    report = run.path / "report.html"
    write_text(report, _page(run))
    return report


def _page(run: RunFolder) -> str:
    sources = positive(run.catalogue) if run.catalogue is not None else None
    return page(
        run,
        verdict=_verdict(run),
        headlines=_headlines(run),
        warnings=_warnings(run),
        panels=(
            _sky_panel(run, sources),
            _source_panels(run, sources),
            quality(run),
            reliability(run),
            second_look(run),
            panels.timing(run),
            tiles(run),
            panels.the_numbers(run),
            panels.cube(run),
            panels.settings(run),
        ),
        files=[name for name in _FILES if _present(run, name)],
    )


def _present(run: RunFolder, name: str) -> bool:
    """Return whether the folder has a file, or will have it: the catalogue is written after the report."""
    return (run.path / name).is_file() or (name.startswith("catalogue.") and run.catalogue is not None)


def _verdict(run: RunFolder) -> str:
    found = int(run.of("n_sources", default=0 if run.catalogue is None else len(run.catalogue)))
    sentence = things(found, "source") if found else "No source"
    if run.of("n_voxels") is not None:
        sentence += f" in {things(run.of('n_voxels'), 'voxel')}"
    if run.of("seconds") is not None:
        sentence += (
            f", found in {duration(run.of('seconds'))}" if found else f", after {duration(run.of('seconds'))}"
        )
    failed = int(run.of("tiles_failed", default=0))
    if failed:
        sentence += f"; {failed} of {count(run.of('n_tiles', default=failed))} tiles failed"
    elif run.of("partial"):
        sentence += "; the run is partial"
    return sentence + "."


def _headlines(run: RunFolder) -> list[tuple[str, str]]:
    """Return the row of large numbers."""
    cells: list[tuple[str, str]] = []
    if run.of("n_sources") is not None:
        cells.append((count(run.of("n_sources")), "sources"))
    if run.of("voxels_per_second") is not None:
        cells.append((count(run.of("voxels_per_second")), "voxels a second"))
    cells += memory_headline(run)
    if run.of("n_tiles") is not None:
        cells.append((count(run.of("n_tiles")), "tiles, one answer" if run.of("n_tiles") > 1 else "tile"))
    scores = {name: run.of("match", name) for name in ("completeness", "reliability")}
    return cells + [(percent(float(share)), name) for name, share in scores.items() if share is not None]


def _warnings(run: RunFolder) -> list[str]:
    sentences = []
    failed = int(run.of("tiles_failed", default=0))
    if failed:
        of_all = f"{failed} of {count(run.of('n_tiles', default=failed))} tiles failed"
        sentences.append(f"{of_all}: their voxels were not searched, and sources beside them carry a flag.")
    elif run.of("partial"):
        sentences.append("This run is partial: some of its cube was not searched.")
    sentences += first_of(run.of("cube", "missing", default=[]))
    sentences += first_of(run.of("warnings", default=[]))
    if run.catalogue is None:
        sentences.append("This folder has no catalogue that can be read.")
    return sentences


def _sky_panel(run: RunFolder, sources: QTable | None) -> str:
    if run.sky is None or "image" not in run.sky or run.sky["image"].ndim != 2:
        return panel("Sky map", absent("This run left no sky map."), extent="wide")
    rows = sources if sources is not None else _no_rows()
    whom = (
        f"each of the {MAX_ELLIPSES} most significant sources" if len(rows) > MAX_ELLIPSES else "each source"
    )
    note = f"The detected emission, summed over the spectral axis, with an ellipse around {whom}."
    return panel("Sky map", sky_map(run.sky, rows), note=note, extent="large" if len(rows) else "wide")


def _no_rows() -> QTable:
    from astropy.table import QTable

    return QTable()


def _source_panels(run: RunFolder, sources: QTable | None) -> str:
    if sources is None:
        return panel("Sources", absent("This run left no catalogue."), extent="wide")
    return (distributions(sources) if len(sources) else "") + brightest(sources) + gallery(run, sources)
