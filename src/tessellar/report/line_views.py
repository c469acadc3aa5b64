"""Two pictures of a source along the spectral axis: the slice along its kinematic axis, and its spectrum."""

from __future__ import annotations

from math import floor, log10
from typing import TYPE_CHECKING, Any

import numpy as np

from tessellar.report.cubelet import Cubelet, Line, Numbers
from tessellar.report.map_views import PALE, SIDE, contours, top_of
from tessellar.report.svg import ACCENT, MUTED, SKY, WARM, draw, sky_colours
from tessellar.report.words import metric

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FRAME = (0.165, 0.17, 0.815, 0.72)  # of the axes: what is left holds ticks and labels
_POINTS = 400  # of a line: more are not seen


def slice_view(cubelet: Cubelet, name: str, key: str, rms: float) -> str:
    """Return the slice along the kinematic axis; contours where the noise of a voxel is known."""
    along, position = _positions(cubelet)
    offset, unit = cubelet.velocities(_row_values(cubelet))

    def paint(figure: Figure) -> None:
        axes = figure.add_axes(_FRAME)
        axes.set_facecolor(SKY[0])
        axes.grid(visible=False)
        faint = rms if np.isfinite(rms) and rms > 0 else 0.0
        ends = [float(edge) for edges in (_edges(along), _edges(offset)) for edge in edges[[0, -1]]]
        axes.imshow(
            cubelet.slice, origin="lower", extent=(ends[0], ends[1], ends[2], ends[3]), aspect="auto",
            interpolation="none", cmap=sky_colours(), vmin=-faint, vmax=top_of(cubelet.slice, 99.8),
        )  # fmt: skip
        axes.set_ylim(min(ends[2:]), max(ends[2:]))
        if faint:
            contours(axes, along, offset, cubelet.slice / faint)
        axes.axhline(0, color=PALE, linewidth=0.6, linestyle=":", alpha=0.7)
        _label(axes, position, f"velocity ({unit})" if unit == "km/s" else unit)

    where = (
        "along the kinematic axis" if cubelet.axis is not None else "along the m axis, as it tells no axis"
    )
    return draw(f"slice-{key}", f"Position and velocity of {name} {where}", SIDE, SIDE, paint, layout=None)


def spectrum_view(cubelet: Cubelet, name: str, key: str) -> str:
    """Return the spectrum within the mask with its noise, and that of the whole aperture behind it."""
    line = cubelet.line
    finite = line.flux[np.isfinite(line.flux)]
    factor, unit = _readable(float(np.abs(finite).max()) if finite.size else 0.0, line.units[1])
    scale, label = native_axis(line)

    def paint(figure: Figure) -> None:
        axes = figure.add_axes(_FRAME)
        x = line.values * scale
        if line.aperture is not None and np.isfinite(line.aperture).all():
            _steps(axes, x, line.aperture * factor, color=MUTED, linewidth=0.6, alpha=0.7)
        _noise_band(axes, x, line, factor)
        _steps(axes, x, np.where(line.inside, line.flux, np.nan) * factor, color=ACCENT, linewidth=1.1)
        axes.axhline(0, color=MUTED, linewidth=0.5)
        for edge in _limits(x, line):
            axes.axvline(edge, color=WARM, linewidth=0.8, linestyle="--")
        axes.set_xlim(np.min(x), np.max(x) + (np.ptp(x) == 0))
        axes.grid(visible=False)
        _label(axes, label, f"flux density ({unit})" if unit else "flux density")

    what = (
        f"Spectrum of {name}: flux density within the mask with its noise, dashed lines at the mask's limits"
    )
    return draw(f"spectrum-{key}", what, SIDE, SIDE, paint, layout=None)


def native_axis(line: Line) -> tuple[float, str]:
    """Return what to multiply the spectral axis by, and its name after that."""
    if line.kind == "freq":
        return 1e-6, "frequency (MHz)"
    return (1e-3, "velocity (km/s)") if line.units[0] else (1.0, "channel")


def _readable(top: float, unit: str) -> tuple[float, str]:
    """Return what makes the largest of some numbers short, and the unit after that."""
    factor, unit = metric(top, unit)
    top *= factor
    if top == 0 or 0.01 <= top < 1e4:
        return factor, unit
    exponent = 3 * floor(log10(top) / 3)
    power = str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return factor / 10.0**exponent, f"10{power} {unit}".strip()


def _label(axes: Axes, below: str, beside: str) -> None:
    from matplotlib.ticker import MaxNLocator

    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    axes.ticklabel_format(useOffset=False, style="plain")
    axes.tick_params(labelsize=7, length=2.5, width=0.6, pad=2)
    axes.set_xlabel(below, size=7.5, labelpad=2)
    axes.text(0, 1.03, beside, size=7.5, color=MUTED, transform=axes.transAxes)
    for side in axes.spines.values():
        side.set_linewidth(0.6)


def _positions(cubelet: Cubelet) -> tuple[Numbers, str]:
    """Return the offsets along the slice, and what they are."""
    if cubelet.sky is None:
        return cubelet.offsets, "offset (pixels)"
    arcsec = cubelet.offsets * cubelet.sky.pixel * 3600
    return (arcsec, "offset (″)") if np.abs(arcsec).max() < 150 else (arcsec / 60, "offset (′)")


def _row_values(cubelet: Cubelet) -> Numbers:
    """Return the spectral coordinate of every row of the slice."""
    values = cubelet.line.values
    rows = len(cubelet.slice)
    step = -(-len(values) // rows)
    return np.array([values[i * step : (i + 1) * step].mean() for i in range(rows)])


def _edges(centres: Numbers) -> Numbers:
    """Return the edges between and around the centres of pixels."""
    if len(centres) == 1:
        return np.array([centres[0] - 0.5, centres[0] + 0.5])
    middle = (centres[1:] + centres[:-1]) / 2
    first, last = 2 * centres[0] - middle[0], 2 * centres[-1] - middle[-1]
    return np.concatenate([[first], middle, [last]])


def _steps(axes: Axes, x: Numbers, y: Numbers, **style: Any) -> None:
    block = -(-len(x) // _POINTS)
    axes.plot(x[::block], y[::block], drawstyle="steps-mid" if block == 1 else "default", **style)


def _noise_band(axes: Axes, x: Numbers, line: Line, factor: float) -> None:
    low, high = (line.flux - line.noise) * factor, (line.flux + line.noise) * factor
    block = -(-len(x) // _POINTS)
    axes.fill_between(
        x[::block], low[::block], high[::block], where=line.inside[::block], step="mid" if block == 1 else None,
        color=ACCENT, alpha=0.28, linewidth=0,
    )  # fmt: skip


def _limits(x: Numbers, line: Line) -> list[float]:
    """Return the two ends of the mask along the spectral axis."""
    inside = np.flatnonzero(line.inside)
    if inside.size == 0:
        return []
    edges = _edges(x)
    return [float(edges[inside[0]]), float(edges[inside[-1] + 1])]
