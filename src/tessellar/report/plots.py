"""The small figures of the report: noise by channel and by region, and how the sources are distributed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tessellar.report.markup import Extent
from tessellar.report.svg import ACCENT, MUTED, WARM, draw, label_decades, sky_colours
from tessellar.report.words import metric

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Numbers = npt.NDArray[np.float64]

_SIZES: dict[Extent, tuple[float, float]] = {"": (5.2, 2.9), "small": (3.8, 3.2)}  # inches
_MAX_POINTS = 2000  # a line with more is thinned to its envelope


def noise_by_channel(
    noise: Numbers, values: Numbers, unit: str, spectral: tuple[float, str], extent: Extent = ""
) -> str:
    """Return the noise of every channel as SVG.

    Parameters
    ----------
    noise
        Array (frequency) in ``unit``.
    values
        Centre of every channel, array (frequency).
    spectral
        What to multiply ``values`` by, and the name of the axis after that.
    extent
        Of the panel.
    """
    finite = noise[np.isfinite(noise)]
    factor, shown_unit = metric(float(np.median(finite)) if finite.size else 0.0, unit)

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        x, low, high = envelope(values * spectral[0], noise * factor)
        if len(x) < len(values):
            axes.fill_between(x, low, high, color=ACCENT, alpha=0.5, linewidth=0)
        else:
            axes.plot(x, high, color=ACCENT, linewidth=1.4, marker="o" if len(x) == 1 else None)
        top = float(np.nanmax(high)) if finite.size else 1.0
        axes.set_ylim(0, 1.15 * top if top > 0 else 1.0)
        axes.set_xlabel(spectral[1])
        axes.set_ylabel(f"noise ({shown_unit})" if shown_unit else "noise")

    return draw("channels", "Noise of every channel", *_SIZES[extent], paint)


def noise_by_region(
    noise: Numbers, cell: tuple[float, float], extent: Extent = "", first: tuple[int, int] = (0, 0)
) -> str:
    """Return the relative noise of the sky's cells as SVG; ``noise`` is an array (l, m) from pixel ``first`` on."""

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        axes.grid(visible=False)
        x, y = (pixel - 0.5 for pixel in first)
        edges = (x, x + noise.shape[0] * cell[0], y, y + noise.shape[1] * cell[1])
        finite = noise[np.isfinite(noise)]
        low, high = (min(finite.min(), 0.95), max(finite.max(), 1.05)) if finite.size else (0.95, 1.05)
        picture = axes.imshow(
            noise.T,
            origin="lower",
            extent=edges,
            interpolation="none",
            cmap=sky_colours(),
            vmin=low,
            vmax=high,
        )
        axes.set_xlabel("x (pixel)")
        axes.set_ylabel("y (pixel)")
        bar = figure.colorbar(picture, ax=axes, label="relative noise", pad=0.03)
        bar.outline.set_visible(False)

    return draw("regions", "Relative noise across the sky", *_SIZES[extent], paint)


def histogram(name: str, values: Numbers, label: str) -> str:
    """Return the distribution of positive numbers on a logarithmic axis as SVG."""
    painter = partial(_bars, values=values, label=label)
    return draw(name, f"Distribution of {label}", *_SIZES["small"], painter)


def completeness_bars(labels: list[str], shares: list[float], counts: list[str], extent: Extent = "") -> str:
    """Return the share of true sources that were found, by signal to noise, as SVG; ``counts`` stand on the bars."""

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        bars = axes.bar(labels, shares, color=WARM, width=0.72)
        axes.bar_label(bars, counts, padding=2, fontsize=7.5, color=MUTED)
        axes.set_ylim(0, 1.12)
        axes.grid(visible=False, axis="x")
        axes.set_xlabel("S/N of the true source")
        axes.set_ylabel("share found")

    return draw("completeness", "Share of true sources found by signal to noise", *_SIZES[extent], paint)


def _bars(figure: Figure, values: Numbers, label: str) -> None:
    from matplotlib.ticker import MaxNLocator

    axes = figure.add_subplot()
    low, high = float(values.min()), float(values.max())
    if high <= low * 1.01:
        low, high = low / 2, high * 2
    n_bins = int(np.clip(np.sqrt(len(values)) * 2, 8, 40))
    edges: list[float] = np.geomspace(low * 0.999, high * 1.001, n_bins + 1).tolist()
    axes.hist(values, bins=edges, color=ACCENT, rwidth=0.9)
    axes.set_xscale("log")
    label_decades(axes.xaxis, high / low)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(visible=False, axis="x")
    axes.set_xlabel(label)
    axes.set_ylabel("sources")


def envelope(x: Numbers, y: Numbers, most: int = _MAX_POINTS) -> tuple[Numbers, Numbers, Numbers]:
    """Return positions with the smallest and the largest value of each group of neighbours."""
    block = -(-len(x) // most)
    if block == 1:
        return x, y, y
    starts = np.arange(0, len(x), block)
    return x[starts], np.fmin.reduceat(y, starts), np.fmax.reduceat(y, starts)
