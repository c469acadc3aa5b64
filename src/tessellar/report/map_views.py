"""Two pictures of a source as the sky shows it: its flux, and its velocities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tessellar.report.cubelet import Cubelet, Numbers, Sky
from tessellar.report.svg import SKY, draw, sky_colours
from tessellar.report.words import significant

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEVELS = (3, 6, 12, 24, 48, 96, 192, 384)
"""Contours in units of the noise."""

SIDE = 2.15
"""Inches of a picture."""

PALE = "#ffffff"
_BARS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 18000, 36000)  # arcsec


def moment0_view(cubelet: Cubelet, name: str, key: str) -> str:
    """Return the map of the flux with contours of signal to noise; ``key`` tells figures of a page apart."""
    levels = ", ".join(str(level) for level in LEVELS[:3])

    def paint(figure: Figure) -> None:
        axes = _window(figure, cubelet)
        top = top_of(cubelet.moment0, 99.9)
        _show(axes, cubelet, np.maximum(cubelet.moment0, 0.0), cmap=sky_colours(), vmin=0, vmax=top)
        x, y = (
            cubelet.step * (np.arange(length, dtype=np.float64) + 0.5) - 0.5 for length in cubelet.snr.shape
        )
        contours(axes, x, y, cubelet.snr.T)
        _scale_bar(axes, cubelet.sky)
        _beam(axes, cubelet.sky)

    what = f"Moment 0 of {name}: flux within the mask, contours at {levels} … times its noise"
    return draw(f"moment0-{key}", what, SIDE, SIDE, paint, layout=None)


def velocity_view(cubelet: Cubelet, name: str, key: str) -> str:
    """Return the map of the velocities about the mean of all."""
    offset, unit = cubelet.velocities(cubelet.moment1)
    reach = top_of(np.abs(offset), 98.0)

    def paint(figure: Figure) -> None:
        axes = _window(figure, cubelet)
        _show(axes, cubelet, offset, cmap="coolwarm", vmin=-reach, vmax=reach)
        if cubelet.axis is not None:
            x, y, angle = cubelet.axis
            ends = cubelet.offsets[[0, -1]]
            turn = np.radians(angle)
            axes.plot(x - ends * np.sin(turn), y + ends * np.cos(turn), "--", color=PALE, lw=0.7, alpha=0.7)
        _colour_key(axes, reach, unit)

    what = f"Moment 1 of {name}: {unit} about the mean, ±{significant(reach)}; the dashed line is the kinematic axis"
    return draw(f"velocity-{key}", what, SIDE, SIDE, paint, layout=None)


def contours(axes: Axes, x: Numbers, y: Numbers, image: Numbers) -> None:
    """Draw the contours of an image in units of its noise, array (y, x); blanks count as nothing."""
    known = np.nan_to_num(image)
    inside = [level for level in LEVELS if level < known.max()]
    if inside and min(known.shape) > 1:
        axes.contour(x, y, known, levels=inside, colors=PALE, linewidths=0.55, alpha=0.8)


def top_of(image: Numbers, percentile: float) -> float:
    """Return nearly the largest of a picture's finite values, above zero in any case."""
    values = image[np.isfinite(image) & (image > 0)]
    return float(np.percentile(values, percentile)) if values.size else 1.0


def _window(figure: Figure, cubelet: Cubelet) -> Axes:
    """Return square axes over the whole figure, dark as the sky, without ticks."""
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_facecolor(SKY[0])
    axes.grid(visible=False)
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_visible(False)
    centre = [cubelet.step * (length - 1) / 2 for length in cubelet.moment0.shape]
    reach = cubelet.step * max(cubelet.moment0.shape) / 2
    axes.set_xlim(centre[0] - reach, centre[0] + reach)
    axes.set_ylim(centre[1] - reach, centre[1] + reach)
    return axes


def _show(axes: Axes, cubelet: Cubelet, image: Numbers, **colours: Any) -> None:
    limits = (axes.get_xlim(), axes.get_ylim())
    right, top = (cubelet.step * length - 0.5 for length in image.shape)
    axes.imshow(
        image.T,
        origin="lower",
        extent=(-0.5, right, -0.5, top),
        interpolation="none",
        aspect="auto",
        **colours,
    )
    axes.set_xlim(limits[0])
    axes.set_ylim(limits[1])


def _scale_bar(axes: Axes, sky: Sky | None) -> None:
    """Draw the longest round angle that takes a third of the width."""
    if sky is None:
        return
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    arcsec = sky.pixel * 3600
    length = max((bar for bar in _BARS if bar / arcsec < 0.36 * (right - left)), default=0)
    if not length:
        return
    words = f"{length}″" if length < 60 else f"{length // 60}′" if length < 3600 else f"{length // 3600}°"
    end, y = right - 0.06 * (right - left), bottom + 0.07 * (top - bottom)
    share = length / arcsec / (right - left)
    _plate(axes, 0.94 - share - 0.03, share + 0.06)
    axes.plot(
        [end - length / arcsec, end], [y, y], color=PALE, linewidth=1.2, solid_capstyle="butt", zorder=3
    )
    axes.text(
        end - length / arcsec / 2,
        y + 0.02 * (top - bottom),
        words,
        color=PALE,
        ha="center",
        va="bottom",
        size=7.5,
    )


def _beam(axes: Axes, sky: Sky | None) -> None:
    from matplotlib.patches import Ellipse

    if sky is None or sky.beam is None:
        return
    major, minor, angle = sky.beam
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    if major > 0.5 * (right - left):
        return
    corner = (left + 0.06 * (right - left) + major / 2, bottom + 0.06 * (top - bottom) + major / 2)
    axes.add_patch(
        Ellipse(corner, major, minor, angle=90 + angle, facecolor="none", edgecolor=PALE, linewidth=0.9)
    )


def _colour_key(axes: Axes, reach: float, unit: str) -> None:
    """Draw the colours from one end to the other in a corner, with what they mean."""
    _plate(axes, 0.03, 0.48)
    key = axes.inset_axes((0.06, 0.055, 0.42, 0.03))
    key.imshow(np.linspace(-1, 1, 64)[np.newaxis], cmap="coolwarm", aspect="auto")
    key.set_axis_off()
    words = f"±{significant(reach, 2 if reach < 100 else 3)} {unit}"
    axes.text(0.27, 0.1, words, color=PALE, size=7.5, ha="center", va="bottom", transform=axes.transAxes)


def _plate(axes: Axes, left: float, width: float) -> None:
    """Darken a part of the lower edge, so that what is written there can be read on any picture."""
    from matplotlib.patches import Rectangle

    axes.add_patch(
        Rectangle(
            (left, 0.03),
            width,
            0.16,
            transform=axes.transAxes,
            color=SKY[0],
            alpha=0.6,
            linewidth=0,
            zorder=2.5,
        )
    )
