"""The power of a band as the report shows it: in which unit, and averaged over the wave numbers across the sky."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from tessellar.model import DoubleArray
from tessellar.report.foregrounds.separation_folder import Bins

_MILLI = 1.0  # K² h⁻³ cMpc³: power below it reads better in mK²


@dataclass(frozen=True, slots=True)
class PowerUnit:
    """What to multiply K² h⁻³ cMpc³ by, and the name of the unit after that."""

    factor: float
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """Power averaged over k_perp, with its standard error, float64 arrays (k_par); NaN where no bin is known."""

    power: DoubleArray
    sigma: DoubleArray


def power_unit(bands: Iterable[Bins]) -> PowerUnit:
    """Return the unit in which the power that is left reads well."""
    after = np.concatenate([np.abs(bins["power_after"]).ravel() for bins in bands])
    known = after[np.isfinite(after)]
    small = known.size and float(np.median(known)) < _MILLI
    return PowerUnit(1e6, "mK² h⁻³ cMpc³") if small else PowerUnit(1.0, "K² h⁻³ cMpc³")


def has_transfer(bins: Bins) -> bool:
    """Return whether it was measured what is left of a signal."""
    return bool(np.isfinite(bins["transfer"]).any())


def averaged(bins: Bins, power: str, sigma: str | None = None) -> Line:
    """Return a column averaged over k_perp, each bin with its number of modes as weight.

    Parameters
    ----------
    bins
        A band.
    power, sigma
        Names of columns; without an error that of the line is NaN.
    """
    values = bins[power]
    errors = np.full(values.shape, np.nan) if sigma is None else bins[sigma]
    weights = np.where(np.isfinite(values), bins["n_modes"], 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        total = weights.sum(axis=1)
        mean = np.where(weights > 0, weights * values, 0.0).sum(axis=1) / total
        error = np.sqrt(np.where(weights > 0, (weights * errors) ** 2, 0.0).sum(axis=1)) / total
    return Line(mean, error)
