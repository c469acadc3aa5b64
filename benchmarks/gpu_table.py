"""The results of the GPU as Markdown, each beside every rate that bounds it."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.markdown import number, rate_in_words, section
from benchmarks.results import Report, Result

_HEAD = ("what", "rate", "bytes a voxel", "at the rate of", "floor", "time / floor")


def gpus(report: Report) -> Iterator[str]:
    """Yield the table of the group ``gpu``."""
    results = report.group("gpu")
    rows = [row for result in results for row in _rows(report, result)]
    title = f"Smooth-and-clip on {results[0].facts['device']}" if results else ""
    yield from section(title, _HEAD, rows)


def _rows(report: Report, result: Result) -> Iterator[tuple[str, ...]]:
    if "floors" not in result.facts:
        yield (result.name, rate_in_words(result), "", "", "", "")
    for bound, n_bytes, words in result.facts.get("floors", ()):
        rate = report.rate("gpu", bound)
        floor = None if rate is None else rate / n_bytes
        ratio = (
            ("", "") if floor is None else (f"{number(floor / 1e6)} Mvoxel/s", number(floor / result.rate))
        )
        yield (result.name, rate_in_words(result), f"{number(n_bytes)}: {words}", bound, *ratio)
