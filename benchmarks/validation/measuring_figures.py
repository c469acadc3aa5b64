"""The figures of the page on measuring: deviations by S/N, and the distributions of pulls."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.validation.biases import (
    OFFSETS,
    PULLS,
    RATIOS,
    Galaxies,
    Quantity,
    bins,
    centre_and_scatter,
    deviations,
    pulls,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LIMITS = {"x": 2.0, "y": 2.0, "z": 4.0, "kin_pa": 60.0, "ell_pa": 60.0}


def draw_biases(galaxies: Galaxies, path: Path) -> None:
    """Draw the deviation of every quantity against S/N: a dot a galaxy, median and scatter by bin."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11.0, 6.0), layout="constrained")
    axes = figure.subplots(2, 5).ravel()
    for ax, (name, quantity) in zip(axes, (RATIOS | OFFSETS).items(), strict=True):
        _draw_one(ax, galaxies, name, quantity)
    for ax in axes[-5:]:
        ax.set_xlabel("true S/N")
    figure.savefig(path, dpi=80)


def _draw_one(ax: Axes, galaxies: Galaxies, name: str, quantity: Quantity) -> None:
    ax.semilogx(galaxies["true_snr"], deviations(galaxies, name), ".", color="0.7", ms=3)
    ax.axhline(1.0 if name in RATIOS else 0.0, color="tab:green", lw=1)
    for _, snr, inside in bins(galaxies):
        middle, scatter = centre_and_scatter(deviations(inside, name))
        ax.errorbar(snr, middle, scatter, fmt="o", color="tab:blue", ms=5, capsize=3)
    ax.set_ylim((0.0, 1.6) if name in RATIOS else (-_LIMITS[name], _LIMITS[name]))
    ax.set_title(f"{quantity.title}, {quantity.unit}", fontsize=8)


def draw_pulls(galaxies: Galaxies, path: Path) -> None:
    """Draw the distributions of pulls beside the normal distribution."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13.0, 4.6), layout="constrained")
    edges = np.linspace(-5.0, 5.0, 31)
    grid = np.linspace(-5.0, 5.0, 201)
    panels = figure.subplots(2, (len(PULLS) + 1) // 2).ravel()
    for ax in panels[len(PULLS) :]:
        ax.set_axis_off()
    for ax, (name, title) in zip(panels, PULLS.items(), strict=False):
        values = pulls(galaxies, name)
        ax.hist(values[np.isfinite(values)], edges, density=True, color="0.8")
        ax.plot(grid, np.exp(-0.5 * grid**2) / np.sqrt(2.0 * np.pi), color="tab:green")
        middle, scatter = centre_and_scatter(values)
        ax.set_title(f"{title}: {middle:+.2f} ± {scatter:.2f}", fontsize=10)
        ax.set_xlabel("deviation / error")
    figure.savefig(path, dpi=80)
