"""The panel that shows what the second look changed: a network's probability beside what negative detections tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tessellar.report.markup import panel, text
from tessellar.report.run_folder import Arrays, RunFolder
from tessellar.report.svg import ACCENT, LINE, MUTED, draw
from tessellar.report.words import things

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_POINTS = 3000  # that are drawn: more say nothing new to the eye
_BINS = 25


def second_look(run: RunFolder) -> str:
    """Return the panel, or nothing where no second look was asked for."""
    if run.looked is None:
        return ""
    words = " ".join(_sentences(run))
    return panel("Second look", f'<p class="lead">{text(words)}</p>{_figure(run.looked)}', extent="wide")


def _sentences(run: RunFolder) -> list[str]:
    """Return what was looked at, and what that changed."""
    looked, failed = (
        int(run.of("look", "looked_at", default=0)),
        int(run.of("look", "not_looked_at", default=0)),
    )
    said = [f"{run.of('look', 'network', default='A network')} looked at {things(looked, 'candidate')}."]
    if run.of("look", "threshold") is None:
        said.append("None was left out, since no reliability was asked for.")
    else:
        before, rows = int(run.of("look", "rows_without", default=0)), int(run.of("look", "rows", default=0))
        gained, lost = int(run.of("look", "gained", default=0)), int(run.of("look", "lost", default=0))
        said.append(
            f"{things(rows, 'row')} at a probability of {float(run.of('look', 'threshold')):g}, where the negative "
            f"detections alone leave {before}: {lost} of the latter went, {gained} others came."
        )
    if failed:
        said.append(f"{things(failed, 'candidate')} could not be looked at and keep what the latter tell.")
    return said


def _figure(looked: Arrays) -> str:
    probability, classical = looked["probability"], looked["classical"]
    known = np.isfinite(probability)
    compared = known & np.isfinite(classical)
    threshold = float(looked["threshold"])

    def paint(figure: Figure) -> None:
        both = bool(compared.any())
        axes = figure.add_subplot(1, 1 + both, 1)
        axes.hist(probability[known], bins=_BINS, range=(0.0, 1.0), color=ACCENT)
        axes.set_xlabel("probability")
        axes.set_ylabel("candidates")
        _mark(axes, threshold)
        if both:
            _compare(
                figure.add_subplot(1, 2, 2),
                classical[compared],
                probability[compared],
                looked["kept"][compared],
            )

    return draw("second-look", "Probabilities of the second look", 10.4, 3.2, paint)


def _compare(axes: Axes, classical: np.ndarray, probability: np.ndarray, kept: np.ndarray) -> None:
    """Draw the probability of each candidate against its reliability by the negative detections."""
    step = max(1, -(-len(classical) // _MOST_POINTS))
    for label, those, colour in (("left out", ~kept, MUTED), ("rows", kept, ACCENT)):
        axes.scatter(
            classical[those][::step], probability[those][::step], s=9, color=colour, label=label, linewidths=0
        )
    axes.set_xlabel("reliability by the negative detections")
    axes.set_ylabel("probability")
    axes.legend(fontsize="small", frameon=False)


def _mark(axes: Axes, threshold: float) -> None:
    """Draw where the cut lies, if there is one."""
    if np.isfinite(threshold):
        axes.axvline(threshold, color=LINE, linewidth=1.2)
