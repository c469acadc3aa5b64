"""How far power spectra lie from the true ones, and whether their errors say so, as SKA Data Challenge 3a looked at it.

Residuals and the coverage of error bars are what the challenge's report looks at (Bonaldi et al. 2025, arXiv
2503.11740). Its figure of merit is not published as a formula; the log score, the sum of log10 N(true; power, sigma)
over the bins, is one that teams scored themselves with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tessellar.challenge.sdc3a.bands import band_name
from tessellar.challenge.sdc3a.files import Estimate
from tessellar.errors import InputError
from tessellar.kernels.power.band import Band
from tessellar.model import DoubleArray

LOG_SCORE = "team-derived, not official"


@dataclass(frozen=True, slots=True)
class BinScore:
    """What the bins of a band, or of all bands, are worth.

    Attributes
    ----------
    n_bins
        Bins with a true power.
    n_missing
        Those of them without an estimate; they are in no other figure.
    median_residual
        Median of abs(power - true), K² h⁻³ cMpc³; NaN without an estimate, as the shares.
    within_1_sigma, within_2_sigma
        Share of bins whose residual is at most sigma, and twice sigma.
    log_score
        Sum of log10 N(true; power, sigma): team-derived, not official.
    """

    n_bins: int
    n_missing: int
    median_residual: float
    within_1_sigma: float
    within_2_sigma: float
    log_score: float

    def record(self) -> dict[str, Any]:
        """Return the figures as plain numbers, None where there is none."""
        empty = self.n_missing == self.n_bins
        return {
            "n_bins": self.n_bins,
            "n_missing": self.n_missing,
            "median_residual": None if empty else self.median_residual,
            "within_1_sigma": None if empty else self.within_1_sigma,
            "within_2_sigma": None if empty else self.within_2_sigma,
            "log_score": None if empty else self.log_score,
        }


@dataclass(frozen=True, slots=True, eq=False)
class Sdc3aScore:
    """What a submission is worth.

    Attributes
    ----------
    bands
        By band, those with a truth.
    total
        Over all of them.
    without_truth
        Bands of the submission that there is no truth of.
    """

    bands: dict[Band, BinScore]
    total: BinScore
    without_truth: tuple[Band, ...] = ()

    def record(self) -> dict[str, Any]:
        """Return the score as plain numbers, None where there is none."""
        return {
            **self.total.record(),
            "log_score_is": LOG_SCORE,
            "bands": {band_name(band): score.record() for band, score in self.bands.items()},
            "without_truth": [band_name(band) for band in self.without_truth],
        }

    def __str__(self) -> str:
        words = ("residual", "in 1 sigma", "in 2 sigma", "log score")
        head = f"{'band':<14}{'bins':>6}{'missing':>9}" + "".join(f"{word:>12}" for word in words)
        rows = [*((str(band), score) for band, score in self.bands.items()), ("all", self.total)]
        lines = [head, *(_line(name, score) for name, score in rows)]
        lines.append(
            "residual: median |power - true|, K2 h-3 cMpc3; in 1 sigma: share of bins, 0.68 for Gaussian errors"
        )
        lines.append(f"log score: sum of log10 N(true; power, sigma); {LOG_SCORE}")
        if self.total.n_missing:
            lines.append(
                f"{self.total.n_missing} of {self.total.n_bins} bins have no estimate and are in no other figure"
            )
        if self.without_truth:
            lines.append(f"no truth of {', '.join(map(str, self.without_truth))}: not scored")
        return "\n".join(lines)


def score_sdc3a(submission: Mapping[Band, Estimate], truth: Mapping[Band, DoubleArray]) -> Sdc3aScore:
    """Return the score of a submission.

    Parameters
    ----------
    submission
        Power and error by band.
    truth
        The true power by band, K² h⁻³ cMpc³, float64 arrays (k_par, k_perp).

    Raises
    ------
    InputError
        They have no band in common, or an error is not above zero.
    """
    if not submission.keys() & truth.keys():
        raise InputError(
            f"The submission has {_names(submission)} and the truth {_names(truth)}: no band in common. "
            "Give files of the same bands."
        )
    blank = np.full(next(iter(truth.values())).shape, np.nan)
    cells = {}
    for band in sorted(truth):
        estimate = submission.get(band, Estimate(blank, blank))
        _check_errors(band, estimate)
        cells[band] = np.stack([truth[band], estimate.power, estimate.sigma]).reshape(3, -1)
    return Sdc3aScore(
        {band: _score(values) for band, values in cells.items()},
        _score(np.concatenate(list(cells.values()), axis=1)),
        tuple(sorted(submission.keys() - truth.keys())),
    )


def _score(cells: DoubleArray) -> BinScore:
    """Return the score of bins, float64 array (3, bin) of true power, power and sigma."""
    true, power, sigma = cells[:, np.isfinite(cells[0])]
    known = np.isfinite(power) & np.isfinite(sigma)
    n_missing = int(np.count_nonzero(~known))
    if n_missing == known.size:
        return BinScore(known.size, n_missing, np.nan, np.nan, np.nan, np.nan)
    residual, sigma = np.abs(power - true)[known], sigma[known]
    log_density = -0.5 * (residual / sigma) ** 2 - np.log(np.sqrt(2.0 * np.pi) * sigma)
    return BinScore(
        known.size,
        n_missing,
        float(np.median(residual)),
        float((residual <= sigma).mean()),
        float((residual <= 2.0 * sigma).mean()),
        float(log_density.sum() / np.log(10.0)),
    )


def _check_errors(band: Band, estimate: Estimate) -> None:
    bad = np.argwhere(np.isfinite(estimate.power) & (estimate.sigma <= 0))
    if bad.size:
        row, column = bad[0]
        raise InputError(
            f"The error in row {row + 1}, column {column + 1} of the band {band} is {estimate.sigma[row, column]:g}; "
            "errors must be above 0, or NaN where there is no estimate."
        )


def _line(name: str, score: BinScore) -> str:
    counts = f"{name:<14}{score.n_bins:6d}{score.n_missing:9d}"
    if score.n_missing == score.n_bins:
        return counts
    shares = f"{score.within_1_sigma:12.3f}{score.within_2_sigma:12.3f}"
    return f"{counts}{score.median_residual:12.3g}{shares}{score.log_score:12.1f}"


def _names(bands: Mapping[Band, Any]) -> str:
    return ", ".join(map(str, sorted(bands)))
