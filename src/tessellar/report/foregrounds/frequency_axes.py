"""Figures against frequency: lines thinned to what can be seen, and channels without data in grey."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tessellar.model import DoubleArray
from tessellar.report.plots import envelope
from tessellar.report.svg import MUTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MAX_POINTS = 600  # there may be a spectrum for each of many modes


def plot_channels(
    axes: Axes, megahertz: DoubleArray, values: DoubleArray, colour: str, label: str = ""
) -> None:
    """Draw a spectrum; of very many channels the smallest and largest values of neighbours.

    Parameters
    ----------
    axes
        Of matplotlib.
    megahertz, values
        float64 arrays (frequency), NaN where a channel is blank.
    """
    x, low, high = envelope(megahertz, values, _MAX_POINTS)
    if len(x) < len(values):
        axes.fill_between(x, low, high, color=colour, alpha=0.6, linewidth=0, label=label or None)
        return
    lonely = len(x) <= 12  # so few channels are seen as points, and one between blank ones is no line
    axes.plot(x, high, color=colour, linewidth=1.4, marker="o" if lonely else None, ms=4, label=label or None)


def shade_blank(axes: Axes, megahertz: DoubleArray, with_data: npt.NDArray[np.bool_]) -> None:
    """Shade the channels that hold no data."""
    spans = blank_spans(megahertz, with_data)
    if spans:
        for_all = axes.get_xaxis_transform()
        axes.broken_barh(spans, (0, 1), transform=for_all, color=MUTED, alpha=0.22, linewidth=0, zorder=0)


def blank_spans(megahertz: DoubleArray, with_data: npt.NDArray[np.bool_]) -> list[tuple[float, float]]:
    """Return start and width of each run of channels without data."""
    half = 0.5 * float(np.abs(np.diff(megahertz)).mean()) if megahertz.size > 1 else 0.5
    turns = np.flatnonzero(np.diff(np.concatenate([[False], ~with_data, [False]]).astype(np.int8)))
    spans = []
    for first, stop in turns.reshape(-1, 2):
        low, high = sorted((float(megahertz[first]), float(megahertz[stop - 1])))
        spans.append((low - half, high - low + 2 * half))
    return spans
