"""How far measurements lie from the truth, and how far in units of their errors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from tessellar.model import DoubleArray

EDGES = (3.0, 5.0, 7.0, 10.0, 15.0, 25.0, np.inf)
TILTED = 30.0  # degrees of inclination below which a galaxy hardly has a position angle
Galaxies = dict[str, DoubleArray]


@dataclass(frozen=True, slots=True)
class Quantity:
    """One thing that is measured, and the unit in which its deviation is told."""

    title: str
    unit: str


RATIOS = {
    "f_sum": Quantity("flux", "of the truth"),
    "f_sum_corr": Quantity("corrected flux", "of the truth"),
    "w20": Quantity("w20", "of the truth"),
    "w50": Quantity("w50", "of the truth"),
    "wm50": Quantity("wm50", "of the truth"),
}
OFFSETS = {
    "x": Quantity("x", "pixels"),
    "y": Quantity("y", "pixels"),
    "z": Quantity("z", "channels"),
    "kin_pa": Quantity("kinematic angle", "degrees"),
    "ell_pa": Quantity("angle of the ellipse", "degrees"),
}
PULLS = {
    "f_sum": "flux",
    **{name: name for name in ("x", "y", "z", "w20", "w50", "wm50")},
    "kin_pa": "kinematic angle",
    "ell_pa": "angle of the ellipse",
}


def deviations(galaxies: Galaxies, name: str) -> DoubleArray:
    """Return measured over true, or measured minus true, one number a galaxy; NaN where there is no truth."""
    if name in RATIOS:
        return galaxies[name] / galaxies[f"true_{name.removesuffix('_corr')}"]
    if name in ("x", "y", "z"):
        return galaxies[name] - galaxies[f"true_{name}"]
    # the truth tells the receding side, which has the lower frequencies, and thus the lower channels
    turn, true = (360.0, galaxies["true_pa"] + 180.0) if name == "kin_pa" else (180.0, galaxies["true_pa"])
    apart = (galaxies[name] - true + 0.5 * turn) % turn - 0.5 * turn
    return np.where(galaxies["true_i"] > TILTED, apart, np.nan)


def pulls(galaxies: Galaxies, name: str) -> DoubleArray:
    """Return measured minus true in units of the error; true is for a flux what the galaxy has inside the mask."""
    if name.endswith("_pa"):
        return deviations(galaxies, name) / galaxies[f"err_{name}"]
    true = galaxies[f"{'mask' if name == 'f_sum' else 'true'}_{name}"]
    return (galaxies[name] - true) / galaxies[f"err_{name}"]


def bins(galaxies: Galaxies) -> Iterator[tuple[str, float, Galaxies]]:
    """Yield the galaxies by true S/N: the bin's name, its median S/N and what is in it."""
    snr = galaxies["true_snr"]
    for low, high in pairwise(EDGES):
        inside = (snr >= low) & (snr < high)
        if inside.any():
            name = f"{low:g}-{high:g}" if np.isfinite(high) else f"> {low:g}"
            yield (
                name,
                float(np.median(snr[inside])),
                {key: values[inside] for key, values in galaxies.items()},
            )


def centre_and_scatter(values: DoubleArray) -> tuple[float, float]:
    """Return the median and 1.4826 times the median absolute deviation of the finite values."""
    values = values[np.isfinite(values)]
    if values.size == 0:
        return np.nan, np.nan
    middle = float(np.median(values))
    return middle, 1.4826 * float(np.median(np.abs(values - middle)))


def tables(galaxies: Galaxies) -> str:
    """Return the deviations and the pulls by S/N as Markdown."""
    names = [*RATIOS, *OFFSETS]
    head = [
        "S/N",
        "galaxies",
        *(f"{(RATIOS | OFFSETS)[name].title}, {(RATIOS | OFFSETS)[name].unit}" for name in names),
    ]
    rows = [
        [name, str(len(inside["x"])), *(_words(deviations(inside, column), column) for column in names)]
        for name, _, inside in bins(galaxies)
    ]
    pull_head = ["S/N", *(f"pull of {title}" for title in PULLS.values())]
    pull_rows = [
        [name, *(_words(pulls(inside, column), column) for column in PULLS)]
        for name, _, inside in bins(galaxies)
    ]
    return "\n\n".join("\n".join(_table(*parts)) for parts in ((head, rows), (pull_head, pull_rows)))


def _words(values: DoubleArray, name: str) -> str:
    middle, scatter = centre_and_scatter(values)
    digits = 1 if name.endswith("_pa") else 2
    return f"{middle:.{digits}f} ± {scatter:.{digits}f}"


def _table(head: list[str], rows: list[list[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|---" * len(head) + "|"
    for row in rows:
        yield f"| {' | '.join(row)} |"
