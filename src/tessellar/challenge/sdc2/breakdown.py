"""Where the score of SKA Data Challenge 2 comes from: what was found and what it earned, by flux, size and S/N."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from tessellar.challenge.sdc2.field import SNR, Rows
from tessellar.challenge.sdc2.matches import Matches
from tessellar.model import DoubleArray

EDGES: Mapping[str, tuple[float, ...]] = {
    "line_flux_integral": (0.0, 10.0, 20.0, 40.0, 80.0, 160.0, math.inf),
    "hi_size": (0.0, 5.0, 7.0, 10.0, 14.0, 20.0, math.inf),
    SNR: (0.0, 3.0, 4.0, 5.0, 6.0, 8.0, 12.0, math.inf),
}
"""Ends of the bins of each quantity: Jy Hz, arcsec, and of a number."""
TITLES: Mapping[str, str] = {"line_flux_integral": "flux, Jy Hz", "hi_size": "size, arcsec", SNR: "S/N"}


@dataclass(frozen=True, slots=True)
class Bin:
    """The sources of which a quantity lies between ``low`` and (not including) ``high``.

    Attributes
    ----------
    low, high
        The ends.
    n_true, n_found
        True sources, by the truth, and those of them that a row stands for.
    n_submitted, n_match
        Rows in the band, by the submission, and those of them that stand for a true source; None where it does not
        tell the quantity.
    accuracy
        Mean share of the full points of the matches, by the truth, for each thing that was measured; empty without one.
    """

    low: float
    high: float
    n_true: int
    n_found: int
    n_submitted: int | None
    n_match: int | None
    accuracy: dict[str, float]

    @property
    def completeness(self) -> float:
        """Share of the true sources that were found; NaN if there are none."""
        return self.n_found / self.n_true if self.n_true else math.nan

    @property
    def reliability(self) -> float:
        """Share of the rows that stand for a true source; NaN if there are none."""
        return self.n_match / self.n_submitted if self.n_submitted and self.n_match is not None else math.nan

    @property
    def words(self) -> str:
        """The range in words."""
        return f"{self.low:g}-{self.high:g}" if math.isfinite(self.high) else f"> {self.low:g}"

    def record(self) -> dict[str, Any]:
        """Return the figures as plain numbers; an open end is None."""
        return {
            "low": self.low,
            "high": self.high if math.isfinite(self.high) else None,
            "n_true": self.n_true,
            "n_found": self.n_found,
            "n_submitted": self.n_submitted,
            "n_match": self.n_match,
            "accuracy": self.accuracy,
        }


def broken_down(
    submitted: Rows, true: Rows, matches: Matches, shares: Mapping[str, DoubleArray]
) -> dict[str, tuple[Bin, ...]]:
    """Return the bins of every quantity that the truth tells.

    Parameters
    ----------
    submitted, true
        The rows in the band.
    matches
        Which stands for which.
    shares
        The share of the full points of every match by what was measured, float64 arrays (pair).
    """
    known = {name: edges for name, edges in EDGES.items() if name in true.columns}
    return {
        name: tuple(_bins(name, edges, submitted, true, matches, shares)) for name, edges in known.items()
    }


def _bins(
    name: str,
    edges: tuple[float, ...],
    submitted: Rows,
    true: Rows,
    matches: Matches,
    shares: Mapping[str, DoubleArray],
) -> list[Bin]:
    wanted, found = true[name], true[name][np.unique(matches.true)]
    rows = submitted.columns.get(name)
    bins = []
    for low, high in pairwise(edges):
        of_pairs = _inside(wanted[matches.true], low, high)
        bins.append(
            Bin(
                low,
                high,
                _count(wanted, low, high),
                _count(found, low, high),
                None if rows is None else _count(rows, low, high),
                None if rows is None else _count(rows[matches.submitted], low, high),
                {name: float(share[of_pairs].mean()) for name, share in shares.items()}
                if of_pairs.any()
                else {},
            )
        )
    return bins


def _inside(values: DoubleArray, low: float, high: float) -> npt.NDArray[np.bool_]:
    return np.asarray((values >= low) & (values < high))


def _count(values: DoubleArray, low: float, high: float) -> int:
    return int(np.count_nonzero(_inside(values, low, high)))


def in_lines(bins: Mapping[str, tuple[Bin, ...]]) -> list[str]:
    """Return the completeness, the reliability and the points of every bin as a small table."""
    lines = []
    for name, own in bins.items():
        lines.append(f"{TITLES[name]:<14}" + "".join(f"{one.words:>9}" for one in own))
        lines.append(f"{'  completeness':<14}" + "".join(_cell(one.completeness, one.n_true) for one in own))
        if own[0].n_submitted is not None:
            lines.append(
                f"{'  reliability':<14}" + "".join(_cell(one.reliability, one.n_submitted) for one in own)
            )
        points = (np.mean(list(one.accuracy.values())) if one.accuracy else math.nan for one in own)
        lines.append(f"{'  points':<14}" + "".join(_cell(float(share), 1) for share in points))
    return lines


def _cell(share: float, of: int | None) -> str:
    return f"{share:>9.3f}" if of and math.isfinite(share) else f"{'-':>9}"
