"""The tables of the kernels that separate foregrounds: products beside BLAS, voxels beside a copy of them."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.markdown import number, rate_in_words, section
from benchmarks.results import Report


def covariances(report: Report) -> Iterator[str]:
    """Yield the table of the products of channels, each beside the matrix product of BLAS with as many threads."""
    rows = [
        (result.name, rate_in_words(result), f"{result.rate / whole:.0%}")
        for result in report.group("covariance")
        if (whole := report.rate("covariance", result.facts["of"])) is not None
    ]
    head = ("what, float64, one BLAS thread each", "rate", "of dgemm")
    yield from section("Products of all channels with all others", head, rows)


def spectra(report: Report) -> Iterator[str]:
    """Yield the table of what is done to spectra, beside the copy and the arithmetic that took turns with it."""
    rows = []
    for result in report.group("spectra"):
        facts = result.facts
        memory = facts["copy"] / facts["bytes_per_voxel"]
        if operations := facts.get("operations_per_voxel"):
            arithmetic = facts["arithmetic"] / operations
            roof = (number(arithmetic / 1e6), number(min(memory, arithmetic) / result.rate))
        else:
            roof = ("", "")
        floor = (facts["bytes_in_words"], number(memory / 1e6), number(memory / result.rate))
        rows.append((result.name, rate_in_words(result), *floor, *roof))
    head = (
        "what",
        "rate",
        "bytes a voxel",
        "memory, Mvoxel/s",
        "time / memory",
        "arithmetic, Mvoxel/s",
        "time / the slower of both",
    )
    yield from section("Spectra", head, rows)
