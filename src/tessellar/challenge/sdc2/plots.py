"""The figure of a score: completeness, reliability and the points of every measurement, by flux, size and S/N."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tessellar.challenge.sdc2.breakdown import TITLES, Bin
from tessellar.errors import UsageError
from tessellar.io.publish import write_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tessellar.challenge.sdc2.score import Sdc2Score

FORMATS = (".png", ".pdf", ".svg")


def draw_score(score: Sdc2Score, path: Path) -> None:
    """Draw where a score comes from.

    Parameters
    ----------
    score
        The score.
    path
        The file to make or replace: PNG, PDF or SVG by its name.

    Raises
    ------
    UsageError
        The name ends in something else.
    OutputError
        The file cannot be written.
    """
    from matplotlib.figure import Figure

    if path.suffix.lower() not in FORMATS:
        raise UsageError(f"{path.name} is no name of a figure; it must end in {', '.join(FORMATS)}.")
    figure = Figure(figsize=(4.0 * len(score.bins), 6.4), layout="constrained")
    axes = figure.subplots(2, len(score.bins), squeeze=False, sharey="row")
    for column, (name, bins) in enumerate(score.bins.items()):
        _draw_shares(axes[0, column], bins)
        _draw_points(axes[1, column], bins)
        axes[0, column].set_title(f"by {TITLES[name]}", fontsize=10)
        for ax in axes[:, column]:
            ax.set_xticks(range(len(bins)), [one.words for one in bins], fontsize=7)
            ax.set_ylim(-0.03, 1.03)
    axes[0, 0].set_ylabel("share")
    axes[1, 0].set_ylabel("share of the full points")
    axes[0, 0].legend(fontsize=8)
    if axes[1, -1].get_legend_handles_labels()[0]:
        axes[1, -1].legend(fontsize=7)
    figure.suptitle(f"score {score.value:.1f} of at most {score.n_true}", fontsize=11)
    content = io.BytesIO()
    figure.savefig(content, format=path.suffix[1:].lower(), dpi=90)
    write_bytes(path, content.getvalue())


def _draw_shares(ax: Axes, bins: tuple[Bin, ...]) -> None:
    """Draw completeness and reliability with their binomial errors."""
    for offset, words, shares, totals in (
        (-0.06, "completeness", [one.completeness for one in bins], [one.n_true for one in bins]),
        (0.06, "reliability", [one.reliability for one in bins], [one.n_submitted or 0 for one in bins]),
    ):
        error = [
            math.sqrt(share * (1.0 - share) / total) if total else math.nan
            for share, total in zip(shares, totals, strict=True)
        ]
        ax.errorbar(
            np.arange(len(bins)) + offset, shares, error, fmt="o-", ms=4, lw=1, capsize=2, label=words
        )


def _draw_points(ax: Axes, bins: tuple[Bin, ...]) -> None:
    measured = dict.fromkeys(name for one in bins for name in one.accuracy)
    for name in measured:
        ax.plot([one.accuracy.get(name, math.nan) for one in bins], "o-", ms=3, lw=1, label=name)
