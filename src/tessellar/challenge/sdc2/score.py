"""The score of SKA Data Challenge 2: up to one point for each source found and measured, one off for each false one.

The definition is that of the challenge (Hartley et al. 2023, MNRAS 523, 1967) as its published scorer has it: position,
frequency, flux, size, width, position angle and inclination earn a seventh of a point each, whole where they lie
within a tolerance of the truth, and less in proportion beyond it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tessellar.challenge.sdc2.breakdown import Bin, broken_down, in_lines
from tessellar.challenge.sdc2.field import Rows, rows_in_band
from tessellar.challenge.sdc2.matches import Matches, find_matches
from tessellar.model import DoubleArray

if TYPE_CHECKING:
    from astropy.table import QTable

BEAM_ARCSEC = 7.0
TOLERANCES = {
    "position": 0.3,  # of sqrt(hi_size² + 4 beam²)
    "central_freq": 0.3,  # of the line width
    "line_flux_integral": 0.1,  # of the flux
    "hi_size": 0.3,  # of the size
    "pa": 10.0,  # degrees
    "w20": 0.3,  # of the width
    "i": 10.0,  # degrees
}


@dataclass(frozen=True, slots=True, eq=False)
class Sdc2Score:
    """What a submission is worth.

    Attributes
    ----------
    value
        The score: ``points - n_false``.
    points
        What the matches earned.
    n_submitted, n_true
        Rows of the submission, and true sources in the band.
    n_match, n_false, n_rejected
        Rows that stand for a true source, rows that do not, and those of the latter that lie near one and are too
        unlike it.
    n_found
        True sources that a row stands for; rows that stand for the same one share its points.
    accuracy
        Mean share of the full points by what was measured, 0 to 1; empty without a match.
    bins
        The same by flux, by size, and by S/N where the truth tells it.
    """

    value: float
    points: float
    n_submitted: int
    n_true: int
    n_match: int
    n_rejected: int
    n_found: int
    accuracy: dict[str, float]
    bins: dict[str, tuple[Bin, ...]]

    @property
    def n_false(self) -> int:
        """Rows that stand for no true source."""
        return self.n_submitted - self.n_match

    @property
    def completeness(self) -> float:
        """Share of the true sources in the band that were found; NaN if there are none."""
        return self.n_found / self.n_true if self.n_true else float("nan")

    @property
    def reliability(self) -> float:
        """Share of the rows that stand for a true source; NaN if there are none."""
        return self.n_match / self.n_submitted if self.n_submitted else float("nan")

    def record(self) -> dict[str, Any]:
        """Return the score as plain numbers, None where there is none."""
        return {
            "score": self.value,
            "points": self.points,
            "n_submitted": self.n_submitted,
            "n_true": self.n_true,
            "n_match": self.n_match,
            "n_false": self.n_false,
            "n_rejected": self.n_rejected,
            "n_found": self.n_found,
            "completeness": self.completeness if self.n_true else None,
            "reliability": self.reliability if self.n_submitted else None,
            "accuracy": self.accuracy,
            "bins": {name: [one.record() for one in own] for name, own in self.bins.items()},
        }

    def __str__(self) -> str:
        lines = [
            f"score         {self.value:.2f}   of at most {self.n_true}: {self.points:.2f} points, "
            f"{self.n_false} false",
            f"completeness  {_share(self.completeness)}   {self.n_found} of {self.n_true} true sources in the band",
            f"reliability   {_share(self.reliability)}   {self.n_match} of {self.n_submitted} rows",
        ]
        if self.n_rejected:
            lines.append(f"{self.n_rejected} of the false rows lie near a true source and are too unlike it")
        if self.accuracy:
            lines.append("share of the full points, over the matches:")
            lines += [f"  {name:<19}{share:.3f}" for name, share in self.accuracy.items()]
            lines += in_lines(self.bins)
        return "\n".join(lines)


def score_sdc2(submission: QTable, truth: QTable, *, beam_arcsec: float = BEAM_ARCSEC) -> Sdc2Score:
    """Return the score of a submission.

    Parameters
    ----------
    submission, truth
        Tables with the challenge's columns ``id ra dec hi_size line_flux_integral central_freq pa i w20``; columns
        without a unit are in the challenge's.
    beam_arcsec
        Full width of the beam at half maximum; 7 in the challenge.

    Raises
    ------
    InputError
        A column is missing or holds something else than numbers.
    """
    submitted, true = (
        rows_in_band(table, beam_arcsec, what)
        for table, what in ((submission, "The submission"), (truth, "The truth"))
    )
    matches = find_matches(submitted, true)
    shares = _shares(submitted, true, matches, beam_arcsec)
    points = float((np.mean(list(shares.values()), axis=0) / matches.sharers).sum())
    n_match = matches.true.size
    return Sdc2Score(
        value=points - (len(submission) - n_match),
        points=points,
        n_submitted=len(submission),
        n_true=len(true),
        n_match=n_match,
        n_rejected=matches.n_rejected,
        n_found=np.unique(matches.true).size,
        accuracy={name: float(share.mean()) for name, share in shares.items()} if n_match else {},
        bins=broken_down(submitted, true, matches, shares),
    )


def _shares(submitted: Rows, true: Rows, matches: Matches, beam_arcsec: float) -> dict[str, DoubleArray]:
    """Return the share of the full points of every match by what was measured, float64 arrays (pair)."""
    ours, theirs = matches.submitted, matches.true

    def miss(name: str, scale: DoubleArray | float) -> DoubleArray:
        return np.asarray(np.abs(submitted[name][ours] - true[name][theirs]) / scale)

    turn = np.radians(submitted["pa"][ours] - true["pa"][theirs])
    misses = {
        "position": matches.separation / np.hypot(2.0 * beam_arcsec, true["hi_size"][theirs]),
        "central_freq": miss("central_freq", true.spectral_size[theirs]),
        "line_flux_integral": miss("line_flux_integral", true["line_flux_integral"][theirs]),
        "hi_size": miss("hi_size", true["hi_size"][theirs]),
        "pa": np.abs(np.degrees(np.arctan2(np.sin(turn), np.cos(turn)))),
        "w20": miss("w20", true["w20"][theirs]),
        "i": miss("i", 1.0),
    }
    with np.errstate(divide="ignore"):
        return {name: np.minimum(1.0, tolerance / misses[name]) for name, tolerance in TOLERANCES.items()}


def _share(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"
