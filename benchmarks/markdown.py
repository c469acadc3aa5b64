"""Numbers, rates and tables as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from benchmarks.results import Result

_SCALES = {
    "voxel": (1e6, "Mvoxel/s"),
    "byte": (1e9, "GB/s"),
    "operation": (1e9, "Gop/s"),
    "piece": (1.0, "pieces/s"),
    "tile": (1.0, "tiles/s"),
    "lease": (1.0, "leases/s"),
    "source": (1.0, "sources/s"),
}


def rate_in_words(result: Result) -> str:
    """Return the median rate of a result with its unit, and the range."""
    low, high = result.rates
    scale, unit = _SCALES[result.unit]
    return f"{number(result.rate / scale)} {unit} ({number(low / scale)} to {number(high / scale)})"


def section(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield a title and its table; nothing without rows."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    if lines:
        yield f"### {title}"
        yield "\n".join([f"| {' | '.join(head)} |", "|---" * len(head) + "|", *lines])


def number(value: float) -> str:
    """Return three significant digits, whole numbers with all of theirs."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
