"""Power against the wave number along the line of sight, before and after, with its errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tessellar.model import DoubleArray
from tessellar.report.foregrounds.bins import Line, PowerUnit, averaged, has_transfer
from tessellar.report.foregrounds.power_maps import Size
from tessellar.report.foregrounds.separation_folder import Bins
from tessellar.report.svg import ACCENT, MUTED, WARM, draw, label_decades

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FAR = 300.0  # times more power before than after: with one scale for both, what is left would look flat
_Lines = list[tuple[str, Line, str]]


def power_lines(number: int, bins: Bins, unit: PowerUnit, size: Size) -> str:
    """Return the figure as SVG; parameters as for `power_maps`."""
    k_par = bins["k_par"][:, 0]
    before = ("before", averaged(bins, "power_before"), MUTED)
    after: _Lines = [("after", averaged(bins, "power_after", "sigma_after"), ACCENT)]
    if has_transfer(bins):
        after.append(("corrected", averaged(bins, "power", "sigma"), WARM))
    lines = [before, *after]
    most, left = (unit.factor * _top(some) for some in ([before], after))
    split = most > _FAR * left

    def paint(figure: Figure) -> None:
        if split:
            upper, lower = figure.subplots(
                2, 1, sharex=True, height_ratios=(1.0, 2.4), gridspec_kw={"hspace": 0.0}
            )
            _draw(upper, k_par, [before], unit, (2 * left, 2 * most))
            upper.tick_params(labelbottom=False)
        else:
            lower = figure.subplots()
        _draw(lower, k_par, lines, unit, _ends(after if split else lines, unit))
        lower.legend(frameon=False, fontsize="small", loc="upper right")
        lower.set_xlabel("k∥ (h/cMpc)")
        figure.supylabel(f"P ({unit.name})", fontsize=8, color=MUTED)

    return draw(f"power-{number}-lines", "Power by k_par, averaged over k_perp", *size, paint)


def _draw(axes: Axes, k_par: DoubleArray, lines: _Lines, unit: PowerUnit, ends: tuple[float, float]) -> None:
    """Draw lines on a logarithmic scale; power below zero as an open triangle at its absolute value."""
    shift = 0.06 * float(np.diff(k_par).mean()) if k_par.size > 1 else 0.0
    axes.set_yscale("log", nonpositive="clip")
    axes.set_ylim(*ends)
    label_decades(axes.yaxis, ends[1] / ends[0])
    for place, (label, line, colour) in enumerate(lines):
        x, power, sigma = k_par + place * shift, unit.factor * line.power, unit.factor * line.sigma
        up = power > 0
        axes.plot(x[up], power[up], "-o", color=colour, ms=3, linewidth=1.2, label=label)
        axes.errorbar(x[up], power[up], np.nan_to_num(sigma[up]), fmt="none", ecolor=colour, elinewidth=1.2)
        axes.plot(x[power < 0], -power[power < 0], "v", mfc="none", color=colour, ms=4)


def _ends(lines: _Lines, unit: PowerUnit) -> tuple[float, float]:
    """Return the ends of a scale for lines, a decade at least."""
    values = unit.factor * np.abs(np.concatenate([line.power for _, line, _ in lines]))
    known = values[np.isfinite(values) & (values > 0)]
    if not known.size:
        return 0.1, 1.0
    low, high = float(known.min()), float(known.max())
    return low / 2, 2 * max(high, 5 * low)


def _top(lines: _Lines) -> float:
    """Return the largest absolute value of lines, 0 where there is none."""
    values = np.abs(np.concatenate([line.power for _, line, _ in lines]))
    known = values[np.isfinite(values)]
    return float(known.max()) if known.size else 0.0
