"""The results by codec and chunk as Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.markdown import number, section
from benchmarks.results import Report, Result
from benchmarks.storage import ALIGNED, HALOS, KEPT, WRITE

_HEAD = ("codec and chunk", "ratio", WRITE, ALIGNED, HALOS, KEPT, "the last, of no halos")


def storage(report: Report) -> Iterator[str]:
    """Yield a row for every store: rates in GB/s of voxels delivered, halos included."""
    stores: dict[str, dict[str, Result]] = {}
    for result in report.group("storage"):
        stores.setdefault(result.facts["store"], {})[result.facts["what"]] = result
    rows = [
        (
            name,
            f"{known[WRITE].facts['ratio']:.2f}",
            *(f"{number(known[what].rate / 1e9)} GB/s" for what in (WRITE, ALIGNED, HALOS, KEPT)),
            f"{known[KEPT].rate / known[ALIGNED].rate:.0%}",
        )
        for name, known in stores.items()
        if len(known) == 4  # all of it was measured
    ]
    yield from section("Zarr by codec and chunk", _HEAD, rows)
