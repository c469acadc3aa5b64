"""The panel that shows why a detection was believed: where the positive and the negative ones lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tessellar.report.markup import panel, text
from tessellar.report.run_folder import Arrays, RunFolder
from tessellar.report.svg import ACCENT, MUTED, WARM, draw
from tessellar.report.words import things

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PLANES = ((0, 1), (0, 2), (1, 2))
_MOST_POINTS = 1500  # of a kind that are drawn: more say nothing new to the eye


def reliability(run: RunFolder) -> str:
    """Return the panel, or nothing where the reliability was not asked for."""
    judged = run.judged
    if judged is None:
        return ""
    kept, negative = judged["kept"], judged["negative"]
    words = (
        f"{things(int(kept.sum()), 'source')} of {things(len(kept), 'positive detection')} kept at a reliability of "
        f"{float(judged['threshold']):g}; {things(len(negative), 'negative detection')} to compare with."
    )
    if run.looked is not None:
        words += " The second look has the last word; these are what the negative detections tell."
    return panel("Reliability", f'<p class="lead">{text(words)}</p>{_figure(judged)}', extent="wide")


def _figure(judged: Arrays) -> str:
    kept = judged["kept"].astype(bool)
    kinds = (
        ("not reliable", judged["positive"][~kept], MUTED, "o"),
        ("negative", judged["negative"], WARM, "x"),
        ("sources", judged["positive"][kept], ACCENT, "o"),
    )
    names = [f"log {name}" if name == "snr" else f"log {name} / noise" for name in judged["axes"].tolist()]

    def paint(figure: Figure) -> None:
        for number, (i, j) in enumerate(_PLANES):
            axes = figure.add_subplot(1, len(_PLANES), number + 1)
            for label, points, colour, marker in kinds:
                _scatter(axes, _thinned(points), (i, j), label, colour, marker)
            axes.set_xlabel(names[i])
            axes.set_ylabel(names[j])
            if number == 0:
                axes.legend(fontsize="small", frameon=False)

    return draw(
        "reliability", "Detections in the space of peak, signal-to-noise ratio and mean", 10.4, 3.2, paint
    )


def _scatter(
    axes: Axes, points: npt.NDArray[np.float64], plane: tuple[int, int], label: str, colour: str, marker: str
) -> None:
    axes.scatter(
        points[:, plane[0]],
        points[:, plane[1]],
        s=9,
        color=colour,
        marker=marker,
        linewidths=0.8,
        label=label,
    )


def _thinned(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    finite = points[np.isfinite(points).all(axis=1)]
    return finite[:: max(1, -(-len(finite) // _MOST_POINTS))]
