"""The panel about power: of each band how it lay along and across the line of sight, before and after."""

from __future__ import annotations

import numpy as np

from tessellar.cosmology import LINE_HZ
from tessellar.engine.foregrounds.folder import POWER
from tessellar.kernels.power.band import Band
from tessellar.report.foregrounds.bins import PowerUnit, has_transfer, power_unit
from tessellar.report.foregrounds.power_lines import power_lines
from tessellar.report.foregrounds.power_maps import power_maps
from tessellar.report.foregrounds.separation_folder import Bins, SeparationFolder
from tessellar.report.markup import absent, panel, text
from tessellar.report.words import things

MAX_BANDS = 12
_SIZE, _SMALL = (3.3, 2.75), (2.6, 2.4)  # inches of a figure where six, and where four are of one band
_NOT_MEASURED = "The power is not measured: "


def power(run: SeparationFolder) -> str:
    """Return the panel."""
    if not run.power:
        return panel("Power", absent(_why_not(run)), extent="wide")
    bands = dict(list(run.power.items())[:MAX_BANDS])
    unit = power_unit(bands.values())
    blocks = "".join(_band(number, band, bins, unit) for number, (band, bins) in enumerate(bands.items()))
    return panel("Power before and after", _what(run) + blocks, note=_notes(run, len(bands)), extent="wide")


def _band(number: int, band: Band, bins: Bins, unit: PowerUnit) -> str:
    """Return the title and the figures of a band."""
    redshift = LINE_HZ / (0.5 * (band.low + band.high)) - 1.0
    head = f"<h3>{text(f'{band}, z = {redshift:.2f}')}</h3>"
    if not np.isfinite(bins["power_after"]).any():
        return head + absent("The field and the band are too small for these bins: none holds a mode.")
    kind, size = ("views bins three", _SIZE) if has_transfer(bins) else ("views bins", _SMALL)
    views = [*power_maps(number, bins, unit, size), power_lines(number, bins, unit, size)]
    figures = "".join(f"<figure>{view}</figure>" for view in views)
    return f'{head}<div class="{kind}">{figures}</div>'


def _what(run: SeparationFolder) -> str:
    """Return what was measured, and what was not."""
    halves = bool(run.of("settings", "halves"))
    words = (
        "Before: the power of the cube, with its noise. After: the cross power of two halves of the observation that "
        "were cleaned alike, free of the noise's power."
        if halves
        else "Before and after: the power of the cube itself, with the power of its noise. Two halves of the "
        "observation (--halves) would be free of it."
    )
    if any(has_transfer(bins) for bins in (run.power or {}).values()):
        words += (
            " Transfer function: the part of an injected signal's power that is left. Corrected: the power after over "
            "the transfer function."
        )
    else:
        words += (
            " No transfer function was measured, so the power after lacks what the separation took of the signal; "
            "inject a signal to know it (--inject SIGNAL)."
        )
    return f'<p class="lead">{text(words)}</p>'


def _notes(run: SeparationFolder, shown: int) -> str:
    words = (
        "Bars are standard errors of what is left; the lines average over k⊥, each bin with its number of modes as "
        "weight. Bins without colour have no modes, or no power that can be told; a minus, in the lines an open "
        "triangle, marks power below zero."
    )
    more = len(run.power or {}) - shown
    return f"{words} {things(more, 'band')} more in {POWER}." if more else words


def _why_not(run: SeparationFolder) -> str:
    if (run.path / POWER).is_file():
        return f"{POWER} cannot be read."
    if run.of("settings", "power") is False:
        return "Power was not measured: --no-power was given."
    told = [str(one) for one in run.of("warnings", default=[]) if str(one).startswith(_NOT_MEASURED)]
    return told[0] if told else "Power was not measured."
