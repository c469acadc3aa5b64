"""The gallery: what the best and the most doubtful sources of a run look like."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from tessellar.model import IntArray
from tessellar.report.cubelet import Cubelet, Numbers
from tessellar.report.cubelet_store import CubeletStore
from tessellar.report.cubelets import read_cubelet
from tessellar.report.line_views import slice_view, spectrum_view
from tessellar.report.map_views import moment0_view, velocity_view
from tessellar.report.markup import absent, panel, text
from tessellar.report.run_folder import RunFolder
from tessellar.report.sources import SPECTRAL, WIDTHS, flag_chips, friendly, numbers
from tessellar.report.words import count, significant, things

if TYPE_CHECKING:
    from astropy.table import QTable

EACH = 5
"""Sources that are shown of either kind."""

_NOTE = (
    "Moment 0 with contours at 3, 6, 12 … times its noise, the beam and a bar of the sky; moment 1 about its mean, "
    "with the kinematic axis; the slice along this axis, contours at 3, 6, 12 … times the noise of a voxel; the "
    "spectrum within the mask with its noise, and in grey that of all pixels the mask covers. Numbers are those of "
    "the table."
)


def gallery(run: RunFolder, sources: QTable) -> str:
    """Return the panel; ``sources`` are those of positive flux, the most significant first."""
    if len(sources) == 0 or "id" not in sources.colnames:
        return ""
    store = CubeletStore(run)
    pictured = store.sources()
    shown = np.flatnonzero([source in pictured for source in sources["id"].tolist()])
    if shown.size == 0:
        why = "No source has a cubelet, so there is no picture of any. Find them with --cubelets 100."
        return panel("Gallery", absent(why), extent="wide")
    best = shown[:EACH]
    doubtful = _doubtful(sources, shown[EACH:])[:EACH]
    title = f"The {len(best)} most significant" if doubtful.size else "All of them"
    body = _part(title if len(best) > 1 else "", store, sources, best)
    if doubtful.size:
        body += _part(_title(run, sources, len(doubtful)), store, sources, doubtful)
    return panel("Gallery", body, note=_note(len(shown), len(sources)), extent="wide")


def _doubtful(sources: QTable, rows: IntArray) -> IntArray:
    """Return rows, the least reliable first, and among equally reliable ones the least significant."""
    significance = _known(sources, "snr")[rows]
    return rows[np.lexsort((significance, _known(sources, "rel")[rows]))]


def _known(sources: QTable, name: str) -> Numbers:
    return numbers(sources, name) if name in sources.colnames else np.zeros(len(sources))


def _title(run: RunFolder, sources: QTable, number: int) -> str:
    if "rel" not in sources.colnames:
        return f"The {number} least significant"
    cut = "" if run.judged is None else f" (the cut is at {float(run.judged['threshold']):g})"
    return f"The {number} least reliable{cut}"


def _note(n_shown: int, n_sources: int) -> str:
    if n_shown == n_sources:
        return _NOTE
    return (
        f"Only {things(n_shown, 'source')} of {count(n_sources)} have cubelets, those of the largest flux; the gallery "
        f"chooses among them (--cubelets all makes them for every source). {_NOTE}"
    )


def _part(title: str, store: CubeletStore, sources: QTable, rows: IntArray) -> str:
    heading = f"<h3>{text(title)}</h3>" if title else ""
    return heading + "".join(_source(store, sources, int(row)) for row in rows)


def _source(store: CubeletStore, sources: QTable, row: int) -> str:
    """Return one source: its name, its numbers, its pictures."""
    source = sources[row : row + 1]
    name = str(source["name"][0]) if "name" in source.colnames else f"source {row + 1}"
    cubelet = read_cubelet(store, int(source["id"][0]))
    views = _views(cubelet, name, source) if cubelet else absent("The cubelet of this source cannot be read.")
    facts = " · ".join(f"<span>{text(fact)}</span>" for fact in _facts(source))
    chips = flag_chips(int(source["flag"][0])) if "flag" in source.colnames else ""
    return (
        f'<article class="source"><h4><span>{row + 1}</span> {text(name)} <small>{facts}</small> {chips}</h4>'
        f"{views}</article>"
    )


def _views(cubelet: Cubelet, name: str, source: QTable) -> str:
    key = str(int(source["id"][0]))
    rms = float(numbers(source, "rms")[0]) if "rms" in source.colnames else float("nan")
    views = (
        ("Moment 0", moment0_view(cubelet, name, key)),
        ("Moment 1", velocity_view(cubelet, name, key)),
        ("Position and velocity", slice_view(cubelet, name, key, rms)),
        ("Spectrum", spectrum_view(cubelet, name, key)),
    )
    figures = "".join(f"<figure>{svg}<figcaption>{text(what)}</figcaption></figure>" for what, svg in views)
    return f'<div class="views">{figures}</div>'


def _facts(source: QTable) -> list[str]:
    facts = []
    if "snr" in source.colnames:
        facts.append(f"S/N {numbers(source, 'snr')[0]:.1f}")
    if "rel" in source.colnames:
        facts.append(f"reliability {numbers(source, 'rel')[0]:.2f}")
    if "f_sum" in source.colnames:
        facts.append(f"flux {_words(source, 'f_sum', significant)}")
    forms = {name: "{:.3f}".format if name == "freq" else "{:.1f}".format for name in SPECTRAL}
    facts += [_words(source, name, form) for name, form in forms.items() if name in source.colnames]
    if "w20" in source.colnames:
        facts.append(f"w20 {_words(source, 'w20', significant)}")
    return facts


def _words(source: QTable, name: str, form: Callable[[float], str]) -> str:
    values, unit = friendly(source, name, WIDTHS if name == "w20" else {})
    return f"{form(float(values[0]))} {unit}".strip()
