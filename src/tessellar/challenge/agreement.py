"""How well a catalogue agrees with a reference, in figures and as a small table of text."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tessellar.challenge.pairing import IndexArray, Pairs
from tessellar.model import DoubleArray

SNR_EDGES = (3.0, 4.0, 5.0, 6.0, 8.0, 12.0, math.inf)


@dataclass(frozen=True, slots=True)
class SnrBin:
    """How many of the reference's sources with S/N from ``low`` up to (not including) ``high`` were found."""

    low: float
    high: float
    n_reference: int
    n_matched: int

    @property
    def completeness(self) -> float:
        """Share that was found; NaN where there is none."""
        return _share(self.n_matched, self.n_reference)


@dataclass(frozen=True, slots=True)
class Spread:
    """Median and scatter (1.4826 × median absolute deviation) of a quantity over the matches; NaN if none."""

    name: str
    unit: str
    median: float
    scatter: float


def snr_bins(snr: DoubleArray, matched: IndexArray) -> tuple[SnrBin, ...]:
    """Return the completeness of a reference by S/N; ``matched`` are its rows that were found."""
    everything = np.histogram(snr[np.isfinite(snr)], SNR_EDGES)[0]
    found = np.histogram(snr[matched][np.isfinite(snr[matched])], SNR_EDGES)[0]
    return tuple(
        SnrBin(low, high, int(n), int(m))
        for low, high, n, m in zip(SNR_EDGES[:-1], SNR_EDGES[1:], everything, found, strict=True)
    )


def spread(name: str, unit: str, values: DoubleArray) -> Spread:
    """Return median and scatter of the finite values."""
    values = values[np.isfinite(values)]
    if values.size == 0:
        return Spread(name, unit, math.nan, math.nan)
    median = float(np.median(values))
    return Spread(name, unit, median, 1.4826 * float(np.median(np.abs(values - median))))


@dataclass(frozen=True, slots=True)
class MatchResult:
    """A catalogue held against a reference.

    Attributes
    ----------
    n_catalogue, n_reference
        Rows of each.
    pairs
        The matches, and what is left over near them.
    bins
        Completeness by the reference's S/N; empty where it has no column ``snr``.
    flux_ratio
        Flux over the reference's flux, or None where the two cannot be compared.
    offsets
        Catalogue minus reference along the three axes.
    """

    n_catalogue: int
    n_reference: int
    pairs: Pairs
    bins: tuple[SnrBin, ...]
    flux_ratio: Spread | None
    offsets: tuple[Spread, ...]

    @property
    def n_matched(self) -> int:
        """How many pairs there are."""
        return self.pairs.reference.size

    @property
    def completeness(self) -> float:
        """Share of the reference that was found; NaN if it is empty."""
        return _share(self.n_matched, self.n_reference)

    @property
    def reliability(self) -> float:
        """Share of the catalogue that is in the reference; NaN if it is empty."""
        return _share(self.n_matched, self.n_catalogue)

    def __str__(self) -> str:
        return "\n".join(_lines(self))


def _share(part: int, whole: int) -> float:
    return part / whole if whole else math.nan


def _lines(result: MatchResult) -> list[str]:
    left_over = result.pairs.duplicates.size
    found, beside = result.n_matched, f", {left_over} beside a match" if left_over else ""
    lines = [
        f"completeness  {_figure(result.completeness)}   {found} of {result.n_reference} in the reference",
        f"reliability   {_figure(result.reliability)}   {found} of {result.n_catalogue} in the table{beside}",
    ]
    if result.bins:
        lines.append("S/N        " + "".join(f"{_range(b):>8}" for b in result.bins))
        lines.append("found      " + "".join(f"{f'{b.n_matched}/{b.n_reference}':>8}" for b in result.bins))
        lines.append("share      " + "".join(f"{_figure(b.completeness):>8}" for b in result.bins))
    spreads = [s for s in (result.flux_ratio, *result.offsets) if s is not None and math.isfinite(s.median)]
    width = max((len(s.name) for s in spreads), default=0)
    lines += [f"{s.name:<{width}}  {s.median:+.3g} ± {s.scatter:.2g} {s.unit}".rstrip() for s in spreads]
    return lines


def _range(bin_: SnrBin) -> str:
    return f"{bin_.low:g}-{bin_.high:g}" if math.isfinite(bin_.high) else f">{bin_.low:g}"


def _figure(share: float) -> str:
    return "-" if math.isnan(share) else f"{share:.3f}"
