"""The figure of the page on foregrounds: the power along the line of sight before and after, beside the truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.validation.separations import Trial

K_PERP = slice(1, 6)  # bins at 0.10 to 0.30 h/cMpc


def draw_power(trial: Trial, title: str, path: Path) -> None:
    """Draw the power against k_par, the mean over k_perp of 0.1 to 0.3 h/cMpc."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    ax = figure.subplots()
    columns = np.flatnonzero(np.isfinite(trial.true[:, K_PERP]).any(axis=0)) + K_PERP.start
    mean = {
        name: getattr(trial, name)[:, columns].mean(axis=1) for name in ("true", "before", "after", "power")
    }
    sigma = np.sqrt((trial.sigma[:, columns] ** 2).sum(axis=1)) / len(columns)
    ax.semilogy(trial.k_par, mean["before"], "-", color="tab:red", label="the cube")
    ax.semilogy(trial.k_par, mean["true"], "-", color="tab:green", lw=2, label="the signal")
    ax.semilogy(
        trial.k_par, mean["after"], "o", mfc="none", color="tab:blue", label="the clean halves, crossed"
    )
    ax.errorbar(
        trial.k_par,
        mean["power"],
        sigma,
        fmt="o",
        ms=4,
        capsize=3,
        color="tab:blue",
        label="over the transfer",
    )
    ax.set_ylim(0.3 * np.nanmin(mean["true"]), 100.0 * np.nanmax(mean["true"]))
    ax.set_xlabel("k along the line of sight, h/cMpc")
    ax.set_ylabel("power, K² h⁻³ cMpc³")
    ax.set_title(title, fontsize=10)
    ax.legend(frameon=False)
    figure.savefig(path, dpi=80)
