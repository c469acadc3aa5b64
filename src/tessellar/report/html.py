"""The report of a run: one HTML file, without network, to read on any screen and to send to a colleague."""

from __future__ import annotations

from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from tessellar.io.publish import write_text
from tessellar.report import panels
from tessellar.report.gallery import gallery
from tessellar.report.markup import absent, panel, text
from tessellar.report.quality import quality
from tessellar.report.quantities import size_words
from tessellar.report.reliability import reliability
from tessellar.report.run_folder import RunFolder, read_run
from tessellar.report.sky_map import MAX_ELLIPSES, sky_map
from tessellar.report.sources import brightest, distributions, positive
from tessellar.report.tiles import tiles
from tessellar.report.words import count, duration, percent, things

if TYPE_CHECKING:
    from astropy.table import QTable

MAX_WARNINGS = 12
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
    from tessellar import __version__

    template = Template((Path(__file__).parent / "template.html").read_text(encoding="utf-8"))
    sources = positive(run.catalogue) if run.catalogue is not None else None
    return template.substitute(
        title=text(run.of("cube", "name", default=run.path.resolve().name)),
        verdict=text(_verdict(run)),
        state="partial" if _is_partial(run) else "complete",
        tiles=_headlines(run),
        warnings=_warnings(run),
        sky=_sky_panel(run, sources),
        sources=_source_panels(run, sources),
        panels="".join(
            (
                quality(run),
                reliability(run),
                panels.timing(run),
                tiles(run),
                panels.the_numbers(run),
                panels.cube(run),
                panels.settings(run),
            )
        ),
        files="".join(f'<a href="{name}">{name}</a>' for name in _FILES if _present(run, name)),
        version=text(run.of("versions", "tessellar", default=__version__)),
    )


def _present(run: RunFolder, name: str) -> bool:
    """Return whether the folder has a file, or will have it: the catalogue is written after the report."""
    return (run.path / name).is_file() or (name.startswith("catalogue.") and run.catalogue is not None)


def _is_partial(run: RunFolder) -> bool:
    return bool(run.of("partial")) or int(run.of("tiles_failed", default=0)) > 0


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


def _headlines(run: RunFolder) -> str:
    """Return the row of large numbers."""
    cells: list[tuple[str, str]] = []
    if run.of("n_sources") is not None:
        cells.append((count(run.of("n_sources")), "sources"))
    if run.of("voxels_per_second") is not None:
        cells.append((count(run.of("voxels_per_second")), "voxels a second"))
    if run.of("peak_rss_bytes") is not None:
        planned = run.of("plan", "projected_bytes")
        whole = planned and run.of("plan", "projected_for") != "each worker"
        label = f"of {size_words(int(planned))} planned" if whole else "peak memory of all processes"
        cells.append((size_words(int(run.of("peak_rss_bytes"))), label))
    if run.of("n_tiles") is not None:
        cells.append((count(run.of("n_tiles")), "tiles, one answer" if run.of("n_tiles") > 1 else "tile"))
    scores = {name: run.of("match", name) for name in ("completeness", "reliability")}
    cells += [(percent(float(share)), name) for name, share in scores.items() if share is not None]
    return "".join(f"<li><b>{text(number)}</b><span>{text(label)}</span></li>" for number, label in cells)


def _warnings(run: RunFolder) -> str:
    sentences = []
    failed = int(run.of("tiles_failed", default=0))
    if failed:
        of_all = f"{failed} of {count(run.of('n_tiles', default=failed))} tiles failed"
        sentences.append(f"{of_all}: their voxels were not searched, and sources beside them carry a flag.")
    elif run.of("partial"):
        sentences.append("This run is partial: some of its cube was not searched.")
    sentences += _first(run.of("cube", "missing", default=[]))
    sentences += _first(run.of("warnings", default=[]))
    if run.catalogue is None:
        sentences.append("This folder has no catalogue that can be read.")
    if not sentences:
        return ""
    items = "".join(f"<li>{text(sentence)}</li>" for sentence in sentences)
    return f'<aside class="warnings"><h2>Worth knowing</h2><ul>{items}</ul></aside>'


def _first(sentences: list[object]) -> list[str]:
    """Return the first sentences, and how many more there are."""
    shown = [str(sentence) for sentence in sentences[:MAX_WARNINGS]]
    more = len(sentences) - len(shown)
    return [*shown, f"And {more} more; see run.json."] if more else shown


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
