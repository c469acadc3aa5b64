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
    """Yield the table of what is done to spectra, beside the copy that took turns with it."""
    rows = []
    for result in report.group("spectra"):
        floor = result.facts["copy"] / result.facts["bytes_per_voxel"]
        words = result.facts["bytes_in_words"]
        told = f"{number(floor / 1e6)} Mvoxel/s"
        rows.append((result.name, rate_in_words(result), words, told, number(floor / result.rate)))
    head = ("what, 1 core", "rate", "bytes a voxel", "floor", "time / floor")
    yield from section("Spectra", head, rows)
